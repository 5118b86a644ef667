"""NOT NULL and other rules for rows that exist already: refuse, validate, then declare."""

from collections.abc import Iterator

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._schema_snapshot import Column
from pybase.migrate.sql.names import quote, raw, shown


def required(context: Context, column: Column) -> Iterator[Part]:
    """Plan NOT NULL for a column that may hold nulls."""
    tables = frozenset({column.table})
    up, down = nullable(context, column, False), nullable(context, column, True)
    title, nulls = f"Make {column_title(column)} NOT NULL", _nulls(column)
    if context.single:
        yield Part(Stage.NOT_NULL, title, (up,), (down,), tables, find=nulls)
        return
    name = context.free_name("ck", raw(column.table), raw(column.name), "not_null")
    table, schema = repr(raw(column.table)), source.schema_option(column.table)
    check = source.call(
        "create_check_constraint", source.conventional(name), table,
        repr(source.escaped(f"{column.name} IS NOT NULL")), schema=schema,
        postgresql_not_valid="True",
    )  # fmt: skip
    drop = source.call(
        "drop_constraint", source.conventional(name), table, schema=schema, type_="'check'"
    )
    yield Part(
        Stage.CHECK, f"Refuse null in {column_title(column)}", (check,), (drop,), tables,
        why="NOT VALID applies to every write from now on and reads no row; the next revision "
        "validates the rows that exist already.",
    )  # fmt: skip
    yield validate(column.table, quote(name), (drop, check), find=nulls)
    yield Part(
        Stage.NOT_NULL, title, (up, drop), (check, down), tables,
        why="PostgreSQL relies on the validated check and reads no row; then the check is "
        "redundant.",
    )  # fmt: skip


def nullable(context: Context, column: Column, is_nullable: bool) -> str:
    """Return the statement that sets or drops NOT NULL."""
    action = "DROP NOT NULL" if is_nullable else "SET NOT NULL"
    return alter_column(context, column, action, nullable=str(is_nullable))


def alter_column(context: Context, column: Column, action: str, **options: str | None) -> str:
    """Return `op.alter_column` with options; the action as SQL where the type has no name in it."""
    type_ = column_type(context, column)
    if type_ is None:
        return source.alter_column(column, action)
    name = repr(raw(column.name))
    return source.on_table("alter_column", column.table, name, existing_type=type_, **options)


def column_type(context: Context, column: Column) -> str | None:
    """Return the SQLAlchemy source of a column's type, None where it has none."""
    enums = frozenset({*context.old.labels, *context.new.labels})
    return source.python_type(column.type, column.collation, enums)


def validate(
    table: str, constraint: str, down: tuple[str, ...], *, find: str = "",
    stage: Stage = Stage.VALIDATE,
) -> Part:  # fmt: skip
    """Plan the validation of a constraint that is NOT VALID so far."""
    statement = source.alter_table(table, f"VALIDATE CONSTRAINT {constraint}")
    return Part(
        stage, f"Validate {raw(constraint)}", (statement,), down, frozenset({table}),
        alone=True, group=f"validate {table}", find=find,
        why="Reads the existing rows in a transaction of its own, while readers and writers "
        "continue. If a row violates the rule, it fails and changes nothing: fix the row and run "
        "it again.",
    )  # fmt: skip


def _nulls(column: Column) -> str:
    return f"SELECT * FROM {shown(column.table)} WHERE {column.name} IS NULL"
