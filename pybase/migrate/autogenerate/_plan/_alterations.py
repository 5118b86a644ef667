"""Columns that stay and change: their type, default, identity, expression or nullability."""

from collections.abc import Iterator

from msgspec.structs import replace

from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan import _backfills as backfills
from pybase.migrate.autogenerate._plan._alter_column import (
    ColumnChange,
    change_statements,
    is_retyped,
)
from pybase.migrate.autogenerate._plan._columns import add_statements, drop_column, restore
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._plan._required import nullable, required
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.autogenerate._server_checks import BY_TEXT
from pybase.migrate.sql.names import literal, shown

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
    if is_retyped(before, after):
        title = f"Change the type of {name}"
        if context.checks.retypes(before.type, after.type):
            why, owes, find = _notes(context, before, after)
    elif after.identity and not before.required:
        title = f"Number {name}"
        find = f"SELECT * FROM {shown(after.table)} WHERE {before.name} IS NULL"
    elif before.required and not after.required:
        title = f"Allow null in {name}"
    elif before.default != after.default:
        title = f"Change the default of {name}"
    return Part(
        Stage.COLUMN, title, tuple(up), tuple(down), frozenset({after.table}),
        why=why, owes=owes, find=find,
    )  # fmt: skip


def _notes(context: Context, before: Column, after: Column) -> tuple[str, str, str]:
    """Return why it is dangerous, what has to be decided, and a query for rows in its way."""
    why = (
        f"From {before.type} to {after.type}. Where PostgreSQL has to rewrite the table, or to "
        "read it, it holds ACCESS EXCLUSIVE meanwhile. Safer on a large table: a new column, "
        "filled in batches while both are written, then switch over and drop the old one a release "
        "later."
    )
    owes = (
        f"{column_title(after)} changes its type from {before.type} to {after.type}: code and rows "
        "have to be ready for that"
    )
    enums = before.base_type in context.old.labels and after.base_type in context.new.labels
    has_cast = not context.checks.casts(before.type, after.type).startswith(BY_TEXT)
    if not (has_cast or enums):
        owes += (
            "; PostgreSQL has no cast between them, so the text of a value is read as the new "
            "type: write another rule after USING where that fails"
        )
    if has_cast and not _is_read(before.base_type, after.base_type):
        return why, owes, ""
    find = (
        f"SELECT * FROM {shown(after.table)} WHERE {before.name} IS NOT NULL AND NOT "
        f"pg_input_is_valid({before.name}::text, {literal(after.type)})"
    )
    return why, owes, find


_TEXTS = ("text", "character varying", "character")
_INTEGERS = ("smallint", "integer", "bigint")


def _is_read(before: str, after: str) -> bool:
    """Whether a cast refuses the values of which the new type does not accept the text.

    Others round or compute: 1.5 is a value for an integer, and its text is none.
    """
    is_whole = before in _INTEGERS and after in (*_INTEGERS, "numeric")
    return before in _TEXTS or before == after or is_whole


# --- generated columns ------------------------------------------------------------------------


def _regenerated(context: Context, before: Column, after: Column) -> Iterator[Part]:
    """Plan another expression, or that a column becomes generated or plain."""
    change = ColumnChange(context, context.old, before, context.new, after)
    in_place = _is_in_place(change)
    is_filled_later = bool(before.generated and not after.generated) and not in_place
    bare = replace(change, after=replace(after, required=False)) if is_filled_later else change
    name = column_title(before)
    yield Part(
        Stage.COLUMN, f"Change the expression of {name}",
        tuple(_regenerate(bare)), tuple(_regenerate(change.reversed())),
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


def _is_in_place(change: ColumnChange) -> bool:
    """Whether PostgreSQL can change the expression without a new column."""
    before, after = change.before, change.after
    if is_retyped(before, after):
        return False
    if before.generated and after.generated:
        is_possible = change.context.checks.version >= _SET_EXPRESSION
        return before.storage == after.storage and is_possible
    return before.storage == "STORED" and not after.generated


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
