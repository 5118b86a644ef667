"""Columns that are added or dropped, in steps that are safe on a live server."""

from collections.abc import Iterator

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan import _backfills as backfills
from pybase.migrate.autogenerate._plan._context import Context, column_title, comments
from pybase.migrate.autogenerate._plan._required import alter_column, required
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import literal, raw, shown


def added(context: Context, column: Column) -> Iterator[Part]:
    """Plan a new column of an existing table."""
    has_value = bool(column.default or column.identity or column.generated)
    numbered = bool(column.identity or (column.default and column.sequence))
    if context.single or numbered or column.generated or not (has_value or column.required):
        yield _add(context, column, *_rewrite(context, column))
    elif not has_value:
        yield from _ruled_later(context, column)
    elif context.checks.rewrites(source.column_sql(context.new, column)):
        yield from _filled_later(context, column)
    else:
        yield _add(context, column, _CATALOG_ONLY)


def _add(
    context: Context, column: Column, why: str = "", owes: str = "", then: tuple[str, ...] = (),
) -> Part:  # fmt: skip
    extras = source.extras(context.new.objects[column.identity_key])
    return Part(
        Stage.COLUMN, f"Add {column_title(column)}",
        (*add_statements(context.new, column), *then, *extras), (drop_column(column),),
        frozenset({column.table}), why=why, owes=owes,
    )  # fmt: skip


def _rewrite(context: Context, column: Column) -> tuple[str, str]:
    """Return why a column writes every row of its table, and the decision that this leaves."""
    name, table = column_title(column), shown(column.table)
    if not context.single and column.storage == "STORED":
        return (
            f"Adding a stored generated column rewrites all of {table} under ACCESS EXCLUSIVE. "
            "Safer: a plain column, filled in batches and kept by the application or a trigger, or "
            "a VIRTUAL one.",
            f"{name} is computed for every row while the table is locked",
        )
    if not context.single and column.sequence:
        return (
            f"Numbering the rows rewrites all of {table} under ACCESS EXCLUSIVE. Safer: a nullable "
            "column and a sequence, filled in batches.",
            f"{name} numbers every row while the table is locked",
        )
    return (_CATALOG_ONLY if not column.default else ""), ""


_CATALOG_ONLY = "Changes the catalog alone: PostgreSQL reads and writes no row of the table for it."


def add_statements(side: Side, column: Column) -> Iterator[str]:
    """Yield the statements that add a column, its sequence and its comment."""
    written = source.column_source(side, column)
    table = column.table
    if written is not None:
        yield source.on_table("add_column", table, written)
        return
    sequence = side.objects.get(f"sequence {column.sequence}")
    is_serial = sequence is not None and not column.identity
    if sequence is not None and is_serial:
        yield source.execute(sequence.definition)
    yield source.alter_table(table, f"ADD COLUMN {source.column_sql(side, column)}")
    if is_serial:
        yield source.owned(column)
    yield from comments(side, column.identity_key)


def _filled_later(context: Context, column: Column) -> Iterator[Part]:
    """Plan a default that differs from row to row, which would write every row at once."""
    default = alter_column(
        context, column, f"SET DEFAULT {column.default}", server_default=source.text(column.default)
    )
    yield _add(
        context, replace(column, default="", required=False), then=(default,),
        why="The default differs from row to row. Given with the column it would rewrite the "
        "table under ACCESS EXCLUSIVE; so the column is added without it, new rows get it from "
        "now on, and existing rows get it in the next revision.",
    )  # fmt: skip
    yield backfills.by_default(context, column)
    if column.required:
        yield from required(context, column)


def _ruled_later(context: Context, column: Column) -> Iterator[Part]:
    """Plan NOT NULL without a default: the developer writes the value of existing rows."""
    yield _add(
        context, replace(column, required=False),
        why=f"{column_title(column)} becomes NOT NULL, and existing rows have no value: so it is "
        "added nullable, filled by the rule of a later revision, and made NOT NULL once that is "
        "validated. Release code that writes it before the check.",
    )  # fmt: skip
    yield backfills.by_rule(context, column)
    yield from required(context, column)


# --- dropped ----------------------------------------------------------------------------------


def dropped(context: Context, column: Column) -> Part:
    """Plan the drop of a column, and a downgrade that runs on a table with rows."""
    name = column_title(column)
    value = _filler(context, column)
    restored = replace(column, default=value) if value else column
    back = [*add_statements(context.old, restored)]
    if value:
        back.append(source.alter_column(column, "DROP DEFAULT"))
    back += source.extras(context.old.objects[column.identity_key])
    back += _dropped_along(context, column)
    filled = f"; rows get {value}" if value else ""
    return Part(
        Stage.DROP, f"Drop {name}", (drop_column(column),), tuple(back), frozenset({column.table}),
        why=f"The data of {name} is lost, and code that still selects it fails: first release a "
        f"version that does not use it. The downgrade restores the column, not its data{filled}.",
        owes=f"drops-column on {name}: accept it with the reason why no code reads it",
    )  # fmt: skip


def _filler(context: Context, column: Column) -> str:
    """Return the value of a required column without a default after the downgrade."""
    if not column.required or column.default or column.identity or column.generated:
        return ""
    labels = context.old.labels.get(column.type)
    if labels:
        return f"{literal(labels[0])}::{column.type}"
    if column.type.endswith("[]"):
        return "'{}'"
    return _FILLERS.get(column.base_type) or context.checks.value(column.type)


_NUMBERS = ("integer", "bigint", "smallint", "numeric", "double precision", "real")
_FILLERS = dict.fromkeys(_NUMBERS, "0") | {
    "text": "''", "character varying": "''", "character": "''", "boolean": "false",
    "jsonb": "'{}'::jsonb", "json": "'{}'::json", "bytea": "'\\x'::bytea",
    "timestamp with time zone": "now()", "timestamp without time zone": "now()",
    "date": "CURRENT_DATE", "time without time zone": "'00:00'",
    "time with time zone": "'00:00+00'", "inet": "'0.0.0.0'", "cidr": "'0.0.0.0/0'", "money": "0",
    "uuid": "'00000000-0000-0000-0000-000000000000'::uuid",
}  # fmt: skip
"""Values that a person would write; of other types, the server finds one."""


def _dropped_along(context: Context, column: Column) -> Iterator[str]:
    """Yield what restores the constraints, indexes and comments that a drop takes along."""
    for item in context.old.of(column.table, "constraint", "index"):
        if item.definition and is_dropped_along(context, item.identity, column):
            yield restore(item)
    for item in context.old.of(column.table, "comment"):
        if is_dropped_along(context, item.about, column):
            yield source.execute(item.definition)
    yield from statistics(context, column)


def statistics(context: Context, column: Column) -> Iterator[str]:
    """Yield what restores the statistics that a drop takes along, for the first such column."""
    for item in context.old.of(column.table, "statistics"):
        needs = {key for key in context.old.needs.get(item.identity, ()) if key[:7] == "column "}
        gone = sorted(needs - context.new.objects.keys()) or [column.identity_key]
        if column.identity_key in needs and column.identity_key == gone[0]:
            yield from (source.execute(item.definition), *source.extras(item))
            yield from comments(context.old, item.identity)


def restore(item: CatalogObject) -> str:
    """Return the statement that creates an index or a constraint again."""
    return source.create_index(item) if item.kind == "index" else source.add_constraint(item)


def is_dropped_along(context: Context, identity: str, column: Column) -> bool:
    """Whether an object is dropped with a column, the first of its columns that is dropped."""
    uses = context.old.uses.get(identity)
    if uses is None or identity in context.new.objects:
        return False
    gone = sorted(name for name in uses.columns if name not in context.new.columns)
    is_dependent = identity.startswith(("constraint", "index"))
    return is_dependent and bool(gone) and gone[0] == (column.table, column.name)


def dropped_along(context: Context, item: CatalogObject) -> bool:
    """Whether the drop of some column of its table drops an object."""
    return any(
        is_dropped_along(context, item.identity, column)
        for column in context.old.columns_of(item.table or "")
        if (column.table, column.name) not in context.new.columns
    )


def drop_column(column: Column) -> str:
    """Return the statement that drops a column."""
    return source.on_table("drop_column", column.table, repr(raw(column.name)))
