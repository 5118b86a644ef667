"""Backfills: rows that are already there get a value for a column, in batches where a key allows.

`op.backfill` where env.py brings it in, else the same loop as SQL, which plain `alembic` runs.
"""

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._context import Context, column_title
from pybase.migrate.autogenerate._schema_snapshot import Column, constraint_kind
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql import Backfill, render_backfill
from pybase.migrate.sql.names import plain, quote, raw, schema_of, shown

_BATCHES = (
    "Batches by key, each committed, so that no row stays locked for long. Interrupted, it "
    "continues where it was when it is run again."
)
_ONE_STATEMENT = (
    "{} has no key that batches could follow (a primary key or unique btree index without nulls, "
    "over all of its rows), so one statement changes every row and holds them locked until it ends."
)


def by_default(context: Context, column: Column) -> Part:
    """Plan to give existing rows the default of new ones."""
    return _fill(context, column, "DEFAULT", f"{column.name} IS NULL")


def by_expression(context: Context, column: Column, expression: str) -> Part:
    """Plan to store what was computed before."""
    where = f"{column.name} IS NULL AND ({expression}) IS NOT NULL"
    return _fill(context, column, expression, where)


def by_rule(context: Context, column: Column) -> Part:
    """Plan to give existing rows a value by a rule that the developer has to write."""
    name = column_title(column)
    where = f"{column.name} IS NULL AND (RULE) IS NOT NULL"
    return _fill(
        context, column, "RULE", where,
        owes=f"the value of {name} in existing rows: write it as RULE",
        constants=(
            f"# TODO: the value of {name} in rows that exist already, as SQL over the row.",
            "# NULL changes nothing, and is an error of check and sql-lint until it is replaced.",
            'RULE = "NULL"',
        ),
    )  # fmt: skip


def _fill(
    context: Context, column: Column, value: str, where: str, *, owes: str = "",
    constants: tuple[str, ...] = (),
) -> Part:  # fmt: skip
    key = batch_key(context, column.table)
    assignment = f"{column.name} = {value}"
    words = {"RULE": "RULE"} if constants else {}
    if key:
        loop = Backfill(raw(column.table), assignment, where, key, schema_of(column.table))
        statement = _batches(loop, words, context.has_backfill)
    else:
        sql = f"UPDATE {shown(column.table)}\nSET {assignment}\nWHERE {where}"
        text = source.template(source.escaped(sql), **words)
        statement = source.call("execute", text) if words else source.execute(sql)
        owes = "; ".join(
            filter(None, [owes, f"unbatched-data-change on {plain(column.table)}: accept it with "
                                "the reason why the table is small, or fill it in another way"])
        )  # fmt: skip
    return Part(
        Stage.BACKFILL, f"Fill {column_title(column)}", (statement,), (), alone=True, owes=owes,
        autocommit=bool(key) and not context.has_backfill, constants=constants,
        why=_BATCHES if key else _ONE_STATEMENT.format(plain(column.table)),
    )  # fmt: skip


def _batches(loop: Backfill, words: dict[str, str], has_operation: bool) -> str:
    """Return the statement that runs a loop; `words` are replaced by constants of the file."""
    if not has_operation:
        replaced = "".join(f".replace({word!r}, {name})" for word, name in words.items())
        return f"{source.block(render_backfill(loop)).removesuffix(')').rstrip()}{replaced}\n)"
    fill, where = (
        source.template(sql, **words) if words else repr(sql) for sql in (loop.set, loop.where)
    )
    key = None if list(loop.key) == ["id"] else repr(list(loop.key))
    schema = repr(loop.schema) if loop.schema else None
    return source.call("backfill", repr(loop.table), set=fill, where=where, key=key, schema=schema)


def batch_key(context: Context, table: str) -> list[str]:
    """Return the columns that batches follow, unquoted; none where no key serves.

    A key of a table that others inherit from does not hold for the rows of those.
    """
    is_inherited = not context.is_partitioned(table) and any(
        table in source.parents(context.old, other) for other in context.old.tables
    )
    items = context.old.of(table, "constraint", "index")
    keys = [] if is_inherited else sorted(items, key=lambda i: constraint_kind(i) != "primary")
    for item in keys:
        columns = key_columns(item) if item.definition and context.is_unchanged(item) else []
        stored = (context.old.columns.get((table, quote(column))) for column in columns)
        if columns and all(column and column.required for column in stored):
            return columns
    return []


def key_columns(item: CatalogObject) -> list[str]:
    """Return the columns of a unique btree index without a predicate or expressions, else none."""
    if constraint_kind(item) in ("primary", "unique"):
        is_btree = not source.parse_constraint(item.definition).without_overlaps
        return source.key_columns(item) if is_btree else []
    if item.kind != "index":
        return []
    index = source.parse_index(item.definition)
    columns = [column for column in index.columns if column]
    is_key = index.tree.unique and not index.where and len(columns) == len(index.columns)
    return columns if is_key else []


def skeleton(version_table: str, *, has_backfill: bool) -> Part:
    """Plan a backfill by constants of the file, which name the version table and change nothing."""
    schema = schema_of(version_table)
    names = {"table_name": "TABLE", "column_name": "COLUMN", "key_name": "KEY", "RULE": "RULE"}
    names |= {"schema_name": "SCHEMA"} if schema else {}
    loop = Backfill(
        "table_name", "column_name = RULE", "column_name IS NULL AND (RULE) IS NOT NULL",
        ["key_name"], "schema_name" if schema else None,
    )  # fmt: skip
    statement = _batches(loop, names, has_backfill)
    if has_backfill:
        for word in ("table_name", "key_name", "schema_name"):
            statement = statement.replace(repr(word), names.get(word, ""))
    return Part(
        Stage.BACKFILL, "Fill rows", (statement,), (), autocommit=not has_backfill, alone=True,
        why=_BATCHES, owes=f"what is filled: {', '.join(names.values())}",
        constants=(
            "# TODO: what is filled, by which SQL over the row. Unedited, it changes nothing.",
            *([f"SCHEMA = {schema!r}"] if schema else []),
            f"TABLE = {raw(version_table)!r}",
            "# the primary key of the table, or the column of a unique index without nulls",
            'KEY = "version_num"',
            'COLUMN = "version_num"',
            'RULE = "NULL"',
        ),
    )  # fmt: skip
