"""Types of columns that change: the statement, and what a reviewer has to know of it."""

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._plan._required import alter_column, column_type
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.autogenerate._server_checks import BY_TEXT
from pybase.migrate.sql.names import literal, shown


def is_retyped(before: Column, after: Column) -> bool:
    """Whether the type of a column changes, or its collation."""
    return (before.type, before.collation) != (after.type, after.collation)


def retype(context: Context, before: Column, after: Column) -> str:
    """Return the statement that changes the type."""
    using = context.checks.casts(before.type, after.type).format(before.name)
    suffix = f" USING {using}" if using else ""
    new = column_type(context, after)
    if new is None or (before.collation and not after.collation):
        collate = f" COLLATE {after.collation}" if after.collation else ""
        return source.alter_column(after, f"TYPE {after.type}{collate}{suffix}")
    return alter_column(
        context, before, f"TYPE {after.type}{suffix}", type_=new,
        postgresql_using=repr(source.escaped(using)) if using else None,
    )  # fmt: skip


def notes(context: Context, before: Column, after: Column) -> tuple[str, str, str]:
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
