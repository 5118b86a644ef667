"""How large the tables of a live database are: what a plan and a downgrade put beside their names.

Reads, never writes, and waits for nobody: a table that somebody has locked is told by what the
catalog knows of it.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pybase.core import humanize as words
from pybase.migrate.sql._names import LABEL

COUNTED_BYTES = 20_000_000
"""A table is counted up to this size; of a larger one the planner's estimate is told."""

LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS = 200, 5_000


@dataclass(frozen=True)
class Live:
    """A table as it is now, with its partitions.

    `rows` is None where nobody knows, and an estimate unless `is_exact`. `table_bytes` is the
    rows, `total_bytes` their indexes too.
    """

    oid: int
    schema: str
    name: str
    rows: int | None
    is_exact: bool
    table_bytes: int
    total_bytes: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for a query."""
        return sql.Identifier(self.schema, self.name)


def measure(connection: psycopg.Connection[Any], labels: Collection[str]) -> dict[str, Live]:
    """Return the tables that are there, by their label: `name`, or `schema.name` out of public.

    The connection has to be in autocommit. Raises psycopg.Error only for a broken connection.
    """
    with limits(connection):
        rows = connection.execute(_FIND, [list(labels)]).fetchall()
        return {label: _live(connection, *row) for label, *row in rows}


@contextmanager
def limits(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Let nothing that only looks wait for long; the session is as before afterwards."""
    connection.execute(
        f"SET lock_timeout = {LOCK_TIMEOUT_MS}; "
        f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}".encode()
    )
    yield
    connection.execute("RESET lock_timeout; RESET statement_timeout")


def _live(
    connection: psycopg.Connection[Any],
    oid: int,
    schema: str,
    name: str,
    estimate: float | None,
    pages: int,
) -> Live:
    table_bytes = total_bytes = pages * 8192
    found = ask(connection, _SIZES, [oid])
    if found is not None:
        table_bytes, total_bytes = found
    rows = None if estimate is None else round(estimate)
    live = Live(oid, schema, name, rows, False, table_bytes, total_bytes)
    if found is None or table_bytes > COUNTED_BYTES:
        return live
    counted = ask(connection, sql.SQL("SELECT count(*) FROM {}").format(live.identifier))
    if counted is None:
        return live
    return Live(oid, schema, name, counted[0], True, table_bytes, total_bytes)


def ask(
    connection: psycopg.Connection[Any], query: Any, parameters: Collection[Any] = ()
) -> Any | None:
    """Return the first row, or None where it takes too long or may not be read."""
    try:
        return connection.execute(query, tuple(parameters)).fetchone()
    except (
        psycopg.errors.LockNotAvailable,
        psycopg.errors.QueryCanceled,
        psycopg.errors.InsufficientPrivilege,
    ):
        return None


def rows_text(live: Live) -> str:
    """Say how many rows it has, as far as that is known."""
    if live.rows is None:
        return "nobody knows how many rows"
    return words.rows(live.rows, is_exact=live.is_exact)


_TREE = """
    WITH RECURSIVE tree AS (
        SELECT {start}::oid AS oid
        UNION ALL
        SELECT i.inhrelid FROM pg_inherits AS i JOIN tree AS t ON i.inhparent = t.oid
    )
"""

_FIND = f"""
SELECT
    {LABEL} AS label,
    c.oid::bigint, n.nspname, c.relname, parts.rows, parts.pages
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    {_TREE.format(start="c.oid")}
    SELECT sum(p.reltuples) FILTER (WHERE p.reltuples >= 0) AS rows, sum(p.relpages) AS pages
    FROM tree JOIN pg_class AS p ON p.oid = tree.oid
) AS parts
WHERE c.relkind IN ('r', 'p', 'm', 'f')
AND {LABEL} = ANY(%s)
"""

_SIZES = f"""
{_TREE.format(start="%s")}
SELECT sum(pg_table_size(oid))::bigint, sum(pg_total_relation_size(oid))::bigint FROM tree
"""
