"""Types of columns that change: the statement, and what a reviewer has to know of it."""

import re

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._plan._required import alter_column, column_type
from pybase.migrate.autogenerate._plan._types import base_type, refused_values
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.autogenerate._server_checks import BY_TEXT, IN_ARRAY
from pybase.migrate.sql.names import literal, plain, raw, shown


def is_retyped(before: Column, after: Column) -> bool:
    """Whether the type of a column changes, or its collation."""
    return (before.type, before.collation) != (after.type, after.collation)


def retype(context: Context, before: Column, after: Column) -> str:
    """Return the statement that changes the type."""
    using, rule = _using(context, before, after), _rule(before, after)
    suffix = f" USING {using}" if using else ""
    words = {"RULE": rule} if using.startswith(_RULED) else {}
    new = column_type(context, after)
    is_bare = "%" in using  # which Alembic sends as a parameter
    if new is None or is_bare or (before.collation and not after.collation):
        collate = f" COLLATE {after.collation}" if after.collation else ""
        action = f"TYPE {after.type}{collate}{suffix}"
        if not words:
            return source.alter_column(after, action)
        sql = f"ALTER TABLE {shown(after.table)} ALTER COLUMN {after.name} {action}"
        return source.call("execute", source.template(source.escaped(sql), **words))
    escaped = source.escaped(using)
    given = source.template(escaped, **words) if words else repr(escaped)
    return alter_column(
        context, before, f"TYPE {after.type}{suffix}", type_=new,
        postgresql_using=given if using else None,
    )  # fmt: skip


_RULED = "coalesce((RULE)::text, "
"""A row without a value by the rule keeps its text, which the new type refuses: none is lost."""


def _using(context: Context, before: Column, after: Column) -> str:
    """Return the expression after USING; empty where PostgreSQL needs none."""
    cast = _cast(context, before, after)
    if not is_ruled(context, before, after):
        return cast.format(before.name)
    return f"{_RULED}{before.name}::text)::{shown(after.type)}"


def is_ruled(context: Context, before: Column, after: Column) -> bool:
    """Whether only the developer knows the new values: there is no cast, and no value in common."""
    if not _cast(context, before, after).startswith(BY_TEXT):
        return False
    texts = context.old.labels.get(before.type) or context.new.labels.get(before.type, ())
    if before.type == "boolean":
        texts = ("true", "false")
    if texts and after.type in {**context.old.labels, **context.new.labels}:
        return not any(context.checks.reads(after.type, (text,)) for text in texts)
    return not (texts and context.checks.reads(after.type, texts))


def rules(context: Context, before: Column, after: Column) -> tuple[str, ...]:
    """Return the constants that are to be filled in: of the upgrade, then of the downgrade."""
    return tuple(
        line
        for one, other in ((before, after), (after, before))
        if is_ruled(context, one, other)
        for line in (
            f"# TODO: {column_title(one)} as {plain(other.type)}, as SQL over the row: PostgreSQL "
            "has no cast.",
            "# NULL is an error of sql-lint, and a row that gets no value stops the revision.",
            f'{_rule(one, other)} = "NULL"',
        )
    )


def _rule(before: Column, after: Column) -> str:
    words = re.sub(r"\W+", "_", f"{raw(before.name)}_as_{plain(after.type)}").strip("_")
    return f"RULE_{words}".upper()


def notes(context: Context, before: Column, after: Column) -> tuple[str, str, str]:
    """Return why it is dangerous, what has to be decided, and a query for rows in its way."""
    old, new = plain(before.type), plain(after.type)
    why = (
        f"From {old} to {new}. Where PostgreSQL has to rewrite the table, or to "
        "read it, it holds ACCESS EXCLUSIVE meanwhile. Safer on a large table: a new column, "
        "filled in batches while both are written, then switch over and drop the old one a release "
        "later."
    )
    owes = (
        f"{column_title(after)} changes its type from {old} to {new}: code and rows have to be "
        "ready for that"
    )
    if is_ruled(context, before, after):
        owes += f"; PostgreSQL has no cast between them: write {_rule(before, after)}"
        return why, owes, ""
    refused = _refused(context, before, after)
    return why, owes, f"SELECT * FROM {shown(after.table)} WHERE {refused}" if refused else ""


def _refused(context: Context, before: Column, after: Column) -> str:
    """Return the condition for values that the new type refuses, empty if none is known.

    It names no type that the change creates: it runs before that.
    """
    name, text = before.name, f"{before.name}::text"
    labels = ", ".join(map(literal, context.new.labels.get(after.base_type, ())))
    if labels and after.type == after.base_type:
        return f"{text} NOT IN ({labels})"
    if labels and before.type.endswith("[]"):
        return f"NOT {text}[] <@ ARRAY[{labels}]"
    if f"domain {after.type}" in context.new.objects:
        is_same = _base(context, before) == _base(context, after)
        return refused_values(context.new, after.type, name) if is_same else ""
    cast = _cast(context, before, after)
    type_ = after.type
    if cast.startswith(IN_ARRAY):
        text = IN_ARRAY.format(name)
    elif after.type.endswith("[]") and not before.type.endswith("[]"):
        type_ = after.base_type
    is_read = cast.startswith(BY_TEXT) or _is_read(before.base_type, after.base_type)
    if not is_read or type_ in (before.type, "text"):
        return ""
    return f"{name} IS NOT NULL AND NOT pg_input_is_valid({text}, {literal(type_)})"


def _base(context: Context, column: Column) -> str:
    side = context.new if f"domain {column.type}" in context.new.objects else context.old
    return base_type(side, column.type)


def _cast(context: Context, before: Column, after: Column) -> str:
    return context.checks.casts(_base(context, before), _base(context, after))


_TEXTS = ("text", "character varying", "character")
_INTEGERS = ("smallint", "integer", "bigint")


def _is_read(before: str, after: str) -> bool:
    """Whether a cast refuses the values of which the new type does not accept the text.

    Others round or compute: 1.5 is a value for an integer, and its text is none.
    """
    is_whole = before in _INTEGERS and after in (*_INTEGERS, "numeric")
    return before in _TEXTS or before == after or is_whole
