"""Sizes of the tables of a live database.

Reads, never writes, and waits for no lock: of a table that another session has locked, only what
the catalog holds is known.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.core import humanize
from pybase.migrate.sql import QualifiedName

COUNTED_BYTES = 20_000_000
"""Rows are counted up to this size; above it the planner's estimate is used."""

LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS = 200, 5_000
"""The limits of a question about a table, which blocks no other session."""


class TableSize(Struct, frozen=True):
    """A table as it is now, with its partitions.

    `rows` is None where it is unknown, and an estimate unless `is_exact`. `table_bytes` is the
    size of the rows, `total_bytes` that of their indexes too.
    """

    oid: int
    name: QualifiedName
    rows: int | None
    is_exact: bool
    table_bytes: int
    total_bytes: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for a query."""
        return sql.Identifier(self.name.schema, self.name.name)

    @property
    def rows_text(self) -> str:
        """How many rows it has, as far as that is known."""
        if self.rows is None:
            return "unknown number of rows"
        return humanize.rows(self.rows, is_exact=self.is_exact)


def measure(
    connection: psycopg.Connection[Any], names: Collection[QualifiedName]
) -> dict[QualifiedName, tuple[TableSize, ...]]:
    """Return the tables that each name of a record may mean on this database.

    A record's `public` is what an unqualified name resolved to on the scratch server: here the
    search path decides, so a name may mean two tables, first the one that the path finds.
    The connection is in autocommit. Raises psycopg.Error only for a broken connection.
    """
    sizes: dict[QualifiedName, list[TableSize]] = {name: [] for name in names}
    with limits(connection):
        query = [[name.schema for name in names], [name.name for name in names]]
        for recorded_schema, recorded, *row in connection.execute(_FIND, query).fetchall():
            size = _size(connection, *row)
            sizes[QualifiedName(recorded_schema, recorded)].append(size)
    return {name: tuple(tables) for name, tables in sizes.items() if tables}


@contextmanager
def limits(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Let no query inside wait for long; the session is as before afterwards."""
    connection.execute(
        f"SET lock_timeout = {LOCK_TIMEOUT_MS}; "
        f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}".encode()
    )
    yield
    connection.execute("RESET lock_timeout; RESET statement_timeout")


def _size(
    connection: psycopg.Connection[Any],
    oid: int,
    schema: str,
    name: str,
    estimate: float | None,
    pages: int,
) -> TableSize:
    qualified = QualifiedName(schema, name)
    sizes = ask(connection, _SIZES, [oid])
    table_bytes, total_bytes = sizes or (pages * 8192, pages * 8192)
    rows = None if estimate is None else round(estimate)
    if sizes is not None and table_bytes <= COUNTED_BYTES:
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        counted = ask(connection, count)
        if counted is not None:
            return TableSize(oid, qualified, counted[0], True, table_bytes, total_bytes)
    return TableSize(oid, qualified, rows, False, table_bytes, total_bytes)


def ask(
    connection: psycopg.Connection[Any], query: Any, parameters: Sequence[Any] | None = None
) -> Any | None:
    """Return the first row, or None where it takes too long or may not be read."""
    try:
        return connection.execute(query, parameters).fetchone()
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.QueryCanceled,
        psycopg.errors.InsufficientPrivilege,
    ):
        return None


_TREE = """
    WITH RECURSIVE tree AS (
        SELECT {start}::oid AS oid
        UNION ALL
        SELECT i.inhrelid FROM pg_inherits AS i JOIN tree AS t ON i.inhparent = t.oid
    )
"""

RECORDED_TABLES = """recorded
CROSS JOIN LATERAL (
    SELECT CASE WHEN recorded.schema = 'public' THEN to_regclass(quote_ident(recorded.name)) END
) AS path (oid)
JOIN pg_class AS c ON c.relname = recorded.name AND c.relkind IN ('r', 'p', 'm', 'f', 'S')
JOIN pg_namespace AS n ON n.oid = c.relnamespace
"""
"""For a FROM: tables, and sequences, by their names in records, `recorded (schema, name)`, as `c`
in `n`.

A record's `public` is what an unqualified name resolved to: `path` is what it resolves to here.
"""

IS_USED = "CASE WHEN path.oid IS NULL THEN n.nspname = recorded.schema ELSE c.oid = path.oid END"
"""Whether an unqualified name means the table: what the search path finds, else the record's."""

_FIND = f"""
WITH recorded AS (SELECT * FROM unnest(%s::text[], %s::text[]) AS r (schema, name))
SELECT
    recorded.schema, recorded.name,
    c.oid::bigint, n.nspname, c.relname, parts.rows, parts.pages
FROM {RECORDED_TABLES}
CROSS JOIN LATERAL (
    {_TREE.format(start="c.oid")}
    SELECT sum(p.reltuples) FILTER (WHERE p.reltuples >= 0) AS rows, sum(p.relpages) AS pages
    FROM tree JOIN pg_class AS p ON p.oid = tree.oid
) AS parts
WHERE n.nspname = recorded.schema OR c.oid = path.oid
ORDER BY recorded.schema, recorded.name, c.oid IS DISTINCT FROM path.oid
"""

_SIZES = f"""
{_TREE.format(start="%s")}
SELECT sum(pg_table_size(oid))::bigint, sum(pg_total_relation_size(oid))::bigint FROM tree
"""
