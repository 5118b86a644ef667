"""Columns that stay and change: their type, default, identity, expression or nullability."""

from collections.abc import Iterator

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan import _backfills as backfills
from pybase.migrate.autogenerate._plan._alter_column import ColumnChange, change_statements
from pybase.migrate.autogenerate._plan._columns import (
    add_statements,
    drop_column,
    restore,
    statistics,
)
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._plan._required import nullable, required
from pybase.migrate.autogenerate._plan._retyped import is_retyped, notes, rules
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.sql.names import shown

_SET_EXPRESSION = 170000
"""The first server that can change the expression of a generated column."""


def changed(context: Context, before: Column, after: Column) -> Iterator[Part]:
    """Plan all differences of a column."""
    if (before.generated, before.storage) != (after.generated, after.storage):
        yield from _regenerated(context, before, after)
        return
    change = ColumnChange(context, context.old, before, context.new, after)
    up, down = list(change_statements(change)), list(change_statements(change.reversed()))
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


# --- generated columns ------------------------------------------------------------------------


def _regenerated(context: Context, before: Column, after: Column) -> Iterator[Part]:
    """Plan another expression, or that a column becomes generated or plain."""
    change = ColumnChange(context, context.old, before, context.new, after)
    in_place = _is_in_place(change)
    is_filled_later = bool(before.generated and not after.generated) and not in_place
    bare = replace(change, after=replace(after, required=False)) if is_filled_later else change
    name = column_title(before)
    up, down = list(_regenerate(bare)), list(_regenerate(change.reversed()))
    if in_place and before.required and not after.required:
        up.append(nullable(context, after, True))
        is_kept = _is_in_place(change.reversed())
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


def _is_in_place(change: ColumnChange) -> bool:
    """Whether PostgreSQL can change the expression without a new column."""
    before, after = change.before, change.after
    if is_retyped(before, after):
        return False
    if before.generated and after.generated:
        is_possible = change.context.checks.version >= _SET_EXPRESSION
        return before.storage == after.storage and is_possible
    is_stored = before.storage == "STORED" and not after.generated
    return is_stored and not _is_deep(change.context, after.table)


def _is_deep(context: Context, table: str) -> bool:
    """Whether children of a table have children, for which PostgreSQL cannot drop an expression."""
    parents = {other: source.parents(context.old, other) for other in context.old.tables}
    children = {other for other, names in parents.items() if table in names}
    return any(children & names for names in parents.values())


def _regenerate(change: ColumnChange) -> Iterator[str]:
    if _is_in_place(change):
        yield from change_statements(change)
        return
    yield drop_column(change.before)
    yield from add_statements(change.new, change.after)
    old, column = change.context.old, (change.after.table, change.after.name)
    for item in old.of(change.after.table, "constraint", "index"):
        uses = old.uses.get(item.identity)
        is_dropped = uses and item.definition and column in uses.columns
        if is_dropped and change.context.is_unchanged(item):
            yield restore(item)
    yield from statistics(change.context, change.before)
