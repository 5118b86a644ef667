"""Enum types whose values changed: new values are added, anything else needs a new type."""

import re
from collections.abc import Iterator

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.sql._names import derived, literal, parts, plain, quote, raw, shown


def changed(old: Side, new: Side, name: str, *, single: bool) -> tuple[Part, bool]:
    """Plan the change of an enum; tells whether its columns get a new type on the way."""
    before, after = old.labels[name], new.labels[name]
    kept = [label for label in after if label in before]
    if kept == list(before):
        return _extended(old, new, name, single), False
    return _replaced(old, new, name), True


def _extended(old: Side, new: Side, name: str, single: bool) -> Part:
    before, after = old.labels[name], new.labels[name]
    added = [label for label in after if label not in before]
    return Part(
        Stage.ENUM, f"Add {', '.join(added)} to {plain(name)}",
        tuple(_added(name, before, after)), tuple(swapped(old, name, after, before, new, old)),
        autocommit=not single, alone=not single,
        why="A new value cannot be used in the transaction that adds it, so it comes alone. "
        "PostgreSQL cannot take a value away: the way back makes the type anew, and fails without "
        "harm where a row holds the value.",
    )  # fmt: skip


def _added(name: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    for place, label in enumerate(after):
        if label in before:
            continue
        behind = f" AFTER {literal(after[place - 1])}" if place else ""
        first = next((each for each in after if each in before), None)
        where = behind or (f" BEFORE {literal(first)}" if first else "")
        yield source.execute(
            f"ALTER TYPE {shown(name)} ADD VALUE IF NOT EXISTS {literal(label)}{where}"
        )


def _replaced(old: Side, new: Side, name: str) -> Part:
    before, after = old.labels[name], new.labels[name]
    gone = [label for label in before if label not in after]
    users = [each for each in old.users_of_type(name) if each.type == name]
    listed = ", ".join(map(literal, gone))
    find = " UNION ALL ".join(
        f"SELECT {literal(plain(each.table))}, ctid, {each.name}::text FROM {shown(each.table)} "
        f"WHERE {each.name}::text IN ({listed})"
        for each in users
    )
    tables = ", ".join(sorted({plain(each.table) for each in users}))
    what = f"Take {', '.join(gone)} from {plain(name)}" if gone else f"Order {plain(name)} anew"
    return Part(
        Stage.ENUM, what,
        tuple(swapped(old, name, before, after, new, new)),
        tuple(swapped(old, name, after, before, new, old)),
        frozenset(each.table for each in users), alone=True, find=find if gone else "",
        why="PostgreSQL can neither drop nor move a value, so the type is made anew, and every "
        "column of it is written anew while nobody else can use its table. A row that still holds "
        "a dropped value stops it, and nothing is changed. Safer: leave the value, and refuse it "
        "by a check.",
        owes=f"{plain(name)} is made anew" + (f", and so is {tables}" if tables else ""),
    )  # fmt: skip


def swapped(
    state: Side,
    name: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
    other: Side,
    wanted: Side,
) -> Iterator[str]:
    """Yield the statements that make an enum type anew with other values.

    `state` has the columns that are of the type at that moment. A default is taken over where the
    new type still has it, else it becomes that of `wanted`.
    """
    beside = derived(raw(name), "old")
    users = sorted(state.users_of_type(name), key=lambda each: (each.table, each.name))
    hanging = list(_hanging(state, other, name))
    for key in hanging:
        item = state.objects[key]
        yield (
            source_indexes.drop_index(item)
            if item.kind == "index"
            else source_keys.drop_constraint(item)
        )
    yield source.execute(f"ALTER TYPE {shown(name)} RENAME TO {quote(beside)}")
    values = ", ".join(map(literal, after))
    yield source.execute(f"CREATE TYPE {shown(name)} AS ENUM ({values})")
    for column in users:
        yield source.execute(
            _retyped(column, wanted.columns.get((column.table, column.name)), after)
        )
    schema = ".".join(quote(each) for each in [*parts(name)[:-1], beside])
    yield source.execute(f"DROP TYPE {shown(schema)}")
    for key in hanging:
        item = state.objects[key]
        yield (
            source_indexes.create_index(item)
            if item.kind == "index"
            else source_keys.add_constraint(item)
        )
    comment = state.objects.get(f"comment on type {name}")
    if comment is not None:
        yield source.execute(comment.definition)


def _retyped(column: Column, wanted: Column | None, labels: tuple[str, ...]) -> str:
    via = "text[]" if column.type.endswith("[]") else "text"
    alter = f"ALTER COLUMN {column.name}"
    actions = [
        f"{alter} TYPE {shown(column.type)} USING {column.name}::{via}::{shown(column.type)}"
    ]
    default = (
        wanted.default if wanted is not None and wanted.type == column.type else column.default
    )
    if column.default:
        actions.insert(0, f"{alter} DROP DEFAULT")
    if default and _is_known(default, labels):
        actions.append(f"{alter} SET DEFAULT {default}")
    return f"ALTER TABLE {shown(column.table)} {', '.join(actions)}"


def _is_known(default: str, labels: tuple[str, ...]) -> bool:
    found = re.match(r"'((?:[^']|'')*)'::", default)
    return found is None or found[1].replace("''", "'") in labels or found[1].startswith("{")


def _hanging(old: Side, new: Side, name: str) -> Iterator[str]:
    """Yield the constraints and indexes that say the type's name and are the same on both sides."""
    pattern = re.compile(rf"::{re.escape(name)}(?![\w.\"])")
    for key, definition in sorted(old.definitions.items()):
        if key.startswith(("constraint ", "index ")) and pattern.search(definition):
            if new.definitions.get(key) == definition:
                yield key
