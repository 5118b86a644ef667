"""Columns that stay and change: their type, default, identity, expression or nullability."""

from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan import _backfills as backfills
from pybase.migrate.autogenerate._plan._columns import (
    add_statements,
    drop_column,
    restore,
    statistics,
)
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._plan._required import (
    alter_column,
    nullable,
    required,
)
from pybase.migrate.autogenerate._plan._retyped import is_retyped, notes, retype, rules
from pybase.migrate.autogenerate._plan._types import is_replaced
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.sql.names import derived, literal, parts, quote, raw, shown

_SET_EXPRESSION = 170000
"""The first server that can change the expression of a generated column."""


def changed(context: Context, before: Column, after: Column) -> Iterator[Part]:
    """Plan all differences of a column."""
    if (before.generated, before.storage) != (after.generated, after.storage):
        yield from _regenerated(context, before, after)
        return
    up = list(_statements(context, context.old, before, context.new, after))
    down = list(_statements(context, context.new, after, context.old, before))
    if before.required and not after.required:
        up.append(nullable(context, after, True))
        down += [] if before.identity else [nullable(context, before, False)]
    is_numbered = bool(after.identity) and not before.required
    if is_numbered:
        down.append(nullable(context, before, True))
    if up or down:
        yield _part(context, before, after, up, down)
    if after.required and not before.required and not is_numbered:
        yield from _required(context, after)


def _required(context: Context, column: Column) -> Iterator[Part]:
    """Plan NOT NULL for a column that has rows: nulls get its default, or the user decides."""
    if column.default and not context.single:
        yield backfills.by_default(context, column)
        yield from required(context, column)
        return
    first, *rest = required(context, column)
    yield replace(
        first, owes=f"what rows get whose {column_title(column)} is null: fill it before "
        "this is applied; `migrate` stops before the first revision while one is left",
    )  # fmt: skip
    yield from rest


def _part(
    context: Context, before: Column, after: Column, up: list[str], down: list[str]
) -> Part:  # fmt: skip
    name = column_title(after)
    title, why, owes, find = f"Change {name}", "", "", ""
    constants = rules(context, before, after) if is_retyped(before, after) else ()
    if is_retyped(before, after):
        title = f"Change the type of {name}"
        if context.checks.retypes(before.type, after.type):
            why, owes, find = notes(context, before, after)
    elif after.identity and not before.identity:
        title = f"Number {name}"
        find = f"SELECT * FROM {shown(after.table)} WHERE {before.name} IS NULL"
        find = "" if before.required else find
    elif before.identity != after.identity:
        title = f"Change how {name} is numbered" if after.identity else f"Number {name} no longer"
    elif before.required and not after.required:
        title = f"Allow null in {name}"
    elif before.default != after.default:
        title = f"Change the default of {name}"
    return Part(
        Stage.COLUMN, title, tuple(up), tuple(down), frozenset({after.table}),
        why=why, owes=owes, find=find, constants=constants,
    )  # fmt: skip


def _statements(
    context: Context, old: Side, before: Column, new: Side, after: Column
) -> Iterator[str]:
    """Yield the statements that change a column, but for NOT NULL."""
    alter = partial(source.alter_column, after)
    has_new_type = is_retyped(before, after)
    enum_sets_default = not has_new_type and is_replaced(context.old, context.new, after.base_type)
    new_default = before.default != after.default and not enum_sets_default
    old_serial, new_serial = (
        column.sequence if not column.identity else "" for column in (before, after)
    )
    loses_sequence = bool(old_serial) and old_serial != new_serial
    if before.generated and not after.generated:
        yield alter("DROP EXPRESSION")
    elif before.generated != after.generated:
        yield alter(f"SET EXPRESSION AS ({source.readable(after.generated)})")
    aside = _set_aside(before, after)
    if aside:
        yield source.execute(f"ALTER SEQUENCE {shown(before.sequence)} RENAME TO {aside}")
    elif before.identity and not after.identity:
        yield alter("DROP IDENTITY")
    if before.default and (has_new_type or (new_default and not after.default) or loses_sequence):
        yield alter("DROP DEFAULT")
    if loses_sequence and not aside:
        yield source.execute(f"DROP SEQUENCE {shown(old_serial)}")
    if has_new_type:
        yield retype(context, before, after)
    yield from _identity(before, new, after, aside)
    if new_serial and new_serial != old_serial:
        yield source.execute(new.objects[f"sequence {new_serial}"].definition)
        yield _restart(new, after, _beside(before.sequence, aside) if aside else "")
        if aside:
            yield alter("DROP IDENTITY")
        yield source.owned(after)
    if aside and after.identity:
        yield source.execute(f"DROP SEQUENCE {_beside(before.sequence, aside)}")
    if after.default and (new_default or (has_new_type and before.default)):
        yield _default(context, after)
    for extra in new.objects[after.identity_key].extra or ():
        if extra not in (old.objects[before.identity_key].extra or ()) and extra[:2] != "--":
            yield source.execute(extra)


def _set_aside(before: Column, after: Column) -> str:
    """Return the name that a sequence has until the one that replaces it goes on from its value.

    Empty where none replaces it: the sequences of SERIAL and of an identity are not the same.
    """
    is_replaced = (
        before.sequence and after.sequence and bool(before.identity) != bool(after.identity)
    )
    return quote(derived(raw(before.sequence), "old")) if is_replaced else ""


def _beside(sequence: str, name: str) -> str:
    """Return another name in the schema of a sequence, as people write it."""
    return shown(f"{quote(parts(sequence)[0])}.{name}")


def _identity(before: Column, new: Side, after: Column, aside: str) -> Iterator[str]:
    if after.identity and not before.identity:
        if not before.required:
            yield source.alter_column(after, "SET NOT NULL")
        yield source.alter_column(after, f"ADD {source.identity_sql(new, after)}")
        yield _restart(new, after, _beside(before.sequence, aside) if aside else "")
    elif after.identity and after.identity != before.identity:
        yield source.alter_column(after, f"SET GENERATED {after.identity}")


def _restart(side: Side, column: Column, old_sequence: str) -> str:
    """Return what sets the next number: not below the start, an old sequence or any row."""
    definition = side.objects[f"sequence {column.sequence}"].definition
    start = source.parse_sequence(definition)["start"]
    values = [] if start == "1" else [start]
    values += [f"nextval({literal(old_sequence)})"] if old_sequence else []
    values.append(f"coalesce(max({column.name}), 0) + 1")
    value = f"greatest({', '.join(values)})" if len(values) > 1 else values[0]
    return source.execute(
        f"SELECT setval({literal(shown(column.sequence))}, {value}, false) "
        f"FROM {shown(column.table)}"
    )


def _default(context: Context, column: Column) -> str:
    action = f"SET DEFAULT {column.default}"
    if column.sequence:
        return source.alter_column(column, action)
    return alter_column(context, column, action, server_default=source.text(column.default))


# --- generated columns ------------------------------------------------------------------------


def _regenerated(context: Context, before: Column, after: Column) -> Iterator[Part]:
    """Plan another expression, or that a column becomes generated or plain."""
    in_place = _is_in_place(context, before, after)
    is_filled_later = bool(before.generated and not after.generated) and not in_place
    bare = replace(after, required=False) if is_filled_later else after
    name = column_title(before)
    up = list(_regenerate(context, context.old, before, context.new, bare))
    down = list(_regenerate(context, context.new, after, context.old, before))
    if in_place and before.required and not after.required:
        up.append(nullable(context, after, True))
        is_kept = _is_in_place(context, after, before)
        down += [nullable(context, before, False)] if is_kept else []
    yield Part(
        Stage.COLUMN, f"Change the expression of {name}", tuple(up), tuple(down),
        frozenset({after.table}),
        owes="" if in_place else
        f"drops-column on {name}: accept it with the reason why nothing is lost",
        why="" if in_place else "PostgreSQL cannot convert one kind of column into the other, so "
        "it is dropped and added.",
    )  # fmt: skip
    if is_filled_later:
        yield backfills.by_expression(context, after, before.generated)
        if after.required:
            yield from required(context, after)
    elif in_place and after.required and not before.required:
        yield from _required(context, after)


def _is_in_place(context: Context, before: Column, after: Column) -> bool:
    """Whether PostgreSQL can change the expression without a new column."""
    if is_retyped(before, after):
        return False
    if before.generated and after.generated:
        return before.storage == after.storage and context.checks.version >= _SET_EXPRESSION
    return before.storage == "STORED" and not after.generated and not _is_deep(context, after.table)


def _is_deep(context: Context, table: str) -> bool:
    """Whether children of a table have children, for which PostgreSQL cannot drop an expression."""
    parents = {other: source.parents(context.old, other) for other in context.old.tables}
    children = {other for other, names in parents.items() if table in names}
    return any(children & names for names in parents.values())


def _regenerate(
    context: Context, old: Side, before: Column, new: Side, after: Column
) -> Iterator[str]:
    if _is_in_place(context, before, after):
        yield from _statements(context, old, before, new, after)
        return
    yield drop_column(before)
    yield from add_statements(new, after)
    for item in context.old.of(after.table, "constraint", "index"):
        uses = context.old.uses.get(item.identity)
        is_dropped = uses and item.definition and (after.table, after.name) in uses.columns
        if is_dropped and context.is_unchanged(item):
            yield restore(item)
    yield from statistics(context, before)
