"""Types that change: enums, whose values are added or which are created again, and domains."""

import re
from collections.abc import Iterable, Iterator

from pglast.stream import RawStream

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._columns import restore
from pybase.migrate.autogenerate._plan._context import comments
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import derived, literal, parts, plain, quote, raw, shown


def is_replaced(old: Side, new: Side, name: str) -> bool:
    """Whether an enum type gets a new type, because values are dropped or moved."""
    before, after = old.labels.get(name), new.labels.get(name)
    if before is None or after is None:
        return False
    return [label for label in after if label in before] != list(before)


def changed(old: Side, new: Side, name: str, *, single: bool) -> Part:
    """Plan the change of an enum type."""
    if is_replaced(old, new, name):
        return _replaced(old, new, name)
    before, after = old.labels[name], new.labels[name]
    added = [label for label in after if label not in before]
    return Part(
        Stage.ENUM, f"Add {', '.join(added)} to {plain(name)}",
        tuple(_added(name, before, after)),
        tuple(_swapped(old, name, before, new, old, _users(old, old, name))),
        autocommit=not single, alone=not single,
        why="A new value cannot be used in the transaction that adds it, so it is added alone. "
        "PostgreSQL cannot drop a value: the downgrade creates the type again, and fails without "
        "harm where a row holds the value.",
    )  # fmt: skip


def _added(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    for place, label in enumerate(after):
        if label in before:
            continue
        behind = f" AFTER {literal(after[place - 1])}" if place else ""
        first = next((known for known in after if known in before), None)
        where = behind or (f" BEFORE {literal(first)}" if first else "")
        yield source.execute(
            f"ALTER TYPE {shown(name)} ADD VALUE IF NOT EXISTS {literal(label)}{where}"
        )


def _replaced(old: Side, new: Side, name: str) -> Part:
    before, after = old.labels[name], new.labels[name]
    gone = [label for label in before if label not in after]
    users = _users(old, new, name)
    listed = ", ".join(map(literal, gone))
    find = " UNION ALL ".join(
        f"SELECT {literal(plain(column.table))}, ctid, {column.name}::text "
        f"FROM {shown(column.table)} WHERE {_holds(column, listed)}"
        for column in users
    )
    tables = ", ".join(sorted({plain(column.table) for column in users}))
    title = f"Remove {', '.join(gone)} from" if gone else "Reorder the values of"
    return Part(
        Stage.ENUM, f"{title} {plain(name)}",
        tuple(_swapped(old, name, after, new, new, users)),
        tuple(_swapped(old, name, before, new, old, users)),
        frozenset(column.table for column in users), alone=True, find=find if gone else "",
        why="PostgreSQL can neither drop nor move a value, so the type is created again, and every "
        "column of it is rewritten under ACCESS EXCLUSIVE. A row that still holds a dropped value "
        "stops it, and nothing is changed. Safer: leave the value, and refuse it by a check.",
        owes=f"{plain(name)} is created again" + (f", and {tables} rewritten" if tables else ""),
    )  # fmt: skip


def _users(state: Side, other: Side, name: str) -> list[Column]:
    """Return the columns of a type that keep it: others lose it before, or get it afterwards.

    Without those that a partition or a child inherits: they change with their parent's.
    """
    own = (column for column in state.users_of_type(name) if not _is_inherited(state, column))
    columns = sorted(own, key=lambda user: (user.table, user.name))
    pairs = ((column, other.columns.get((column.table, column.name))) for column in columns)
    return [column for column, same in pairs if same and same.base_type == name]


def _is_inherited(state: Side, column: Column) -> bool:
    parents = source.parents(state, column.table)
    return any((parent, column.name) in state.columns for parent in parents)


def _holds(column: Column, labels: str) -> str:
    """Return the condition for rows that hold one of some values, in an array too."""
    if column.type.endswith("[]"):
        return f"{column.name}::text[] && ARRAY[{labels}]"
    return f"{column.name}::text IN ({labels})"


def _swapped(
    state: Side, name: str, labels: tuple[str, ...], other: Side, target: Side,
    users: Iterable[Column],
) -> Iterator[str]:  # fmt: skip
    """Yield the statements that create an enum type again with other values.

    `state` has `users`, the columns of the type. A default is kept where the new type has its
    value, else it becomes that of `target`.
    """
    temporary = derived(raw(name), "old")
    dependent = [state.objects[key] for key in _dependent(state, other, name)]
    for item in dependent:
        is_index = item.kind == "index"
        yield source.drop_index(item) if is_index else source.drop_constraint(item)
    yield source.execute(f"ALTER TYPE {shown(name)} RENAME TO {quote(temporary)}")
    values = ", ".join(map(literal, labels))
    yield source.execute(f"CREATE TYPE {shown(name)} AS ENUM ({values})")
    for column in users:
        later = target.columns.get((column.table, column.name))
        yield source.execute(_retyped(column, later, labels))
    old_name = ".".join(map(quote, [*parts(name)[:-1], temporary]))
    yield source.execute(f"DROP TYPE {shown(old_name)}")
    yield from map(restore, dependent)
    yield from comments(state, f"type {name}")


def _retyped(column: Column, target: Column | None, labels: tuple[str, ...]) -> str:
    via = "text[]" if column.type.endswith("[]") else "text"
    alter = f"ALTER COLUMN {column.name}"
    actions = [
        f"{alter} TYPE {shown(column.type)} USING {column.name}::{via}::{shown(column.type)}"
    ]
    is_kept = target is not None and target.type == column.type
    default = target.default if target is not None and is_kept else column.default
    if column.default or default:
        actions.insert(0, f"{alter} DROP DEFAULT")
    if default and _is_known(default, labels):
        actions.append(f"{alter} SET DEFAULT {default}")
    return f"ALTER TABLE {shown(column.table)} {', '.join(actions)}"


def _is_known(default: str, labels: tuple[str, ...]) -> bool:
    match = re.match(r"'((?:[^']|'')*)'::", default)
    return match is None or match[1].replace("''", "'") in labels or match[1].startswith("{")


def _dependent(old: Side, new: Side, name: str) -> Iterator[str]:
    """Yield the constraints and indexes that cast to the type and are the same on both sides."""
    pattern = re.compile(rf"::{re.escape(name)}(?![\w.\"])")
    for key, definition in sorted(old.definitions.items()):
        if not key.startswith(("constraint ", "index ")) or not pattern.search(definition):
            continue
        if new.definitions.get(key) == definition and not source.is_inherited(
            old, old.objects[key]
        ):
            yield key


# --- domains ----------------------------------------------------------------------------------


def is_domain_constraint(item: CatalogObject) -> bool:
    """Whether an object is a constraint of a domain."""
    return item.kind == "constraint" and item.table is None


def refused(side: Side, item: CatalogObject) -> str:
    """Return a query for the values that a constraint of a domain refuses; empty for another."""
    if not is_domain_constraint(item):
        return ""
    return _values(side, item.name.rpartition(".")[0], _violated(item))


def _violated(constraint: CatalogObject) -> str:
    return f"NOT ({source.check_expression(constraint.definition)})"


def refused_values(side: Side, domain: str, column: str) -> str:
    """Return the condition for values of a column that a domain refuses, empty if none can be."""
    conditions = [
        source.renamed(_violated(item), "value", column)
        for item in side.objects.values()
        if is_domain_constraint(item) and item.name.rpartition(".")[0] == domain
    ]
    is_required = side.objects[f"domain {domain}"].definition.endswith(" NOT NULL")
    return " OR ".join([*conditions, *([f"{column} IS NULL"] if is_required else [])])


def _values(side: Side, domain: str, condition: str) -> str:
    """Return a query for the values of a domain that satisfy a condition on `value`."""
    columns = (column for column in side.users_of_type(domain) if column.type == domain)
    return " UNION ALL ".join(
        f"SELECT {literal(plain(column.table))}, ctid, {column.name}::text "
        f"FROM {shown(column.table)} WHERE {source.renamed(condition, 'value', column.name)}"
        for column in sorted(columns, key=lambda column: (column.table, column.name))
        if column.table not in side.partitions
    )


def changed_domain(old: Side, before: CatalogObject, after: CatalogObject) -> Part | str:
    (type_, one), (other_type, other) = (_domain_parts(item) for item in (before, after))
    if type_ != other_type:
        return (
            f"PostgreSQL cannot change the base type of {plain(after.name)} in place: give the "
            "domain of the models another name, and its columns are changed to that."
        )
    up, down = (tuple(_alter_domain(after.name, *pair)) for pair in ((one, other), (other, one)))
    is_required = "NOT" in other and "NOT" not in one
    find = _values(old, after.name, "value IS NULL") if is_required else ""
    return Part(Stage.ENUM, f"Change domain {plain(after.name)}", up, down, find=find)


def base_type(side: Side, type_: str) -> str:
    """Return the type that a domain is of, any other type as it is."""
    item = side.objects.get(f"domain {type_}")
    return str(RawStream()(source.parse_statement(item.definition).typeName)) if item else type_


def _domain_parts(item: CatalogObject) -> tuple[object, dict[str, str]]:
    """Return the type of a domain, and its default and NOT NULL as they follow SET."""
    tree = source.parse_statement(item.definition)
    texts = [RawStream()(constraint) for constraint in tree.constraints or ()]
    type_ = (tree.typeName(), tree.collClause and tree.collClause())
    return type_, {text.partition(" ")[0]: text for text in texts}


def _alter_domain(name: str, one: dict[str, str], other: dict[str, str]) -> Iterator[str]:
    alter = f"ALTER DOMAIN {shown(name)}"
    for word, part in (("DEFAULT", "DEFAULT"), ("NOT", "NOT NULL")):
        if one.get(word) != other.get(word):
            action = f"SET {other[word]}" if word in other else f"DROP {part}"
            yield source.execute(f"{alter} {action}")
