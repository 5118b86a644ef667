"""Content of tables and columns: whether there is any, and how much, in words.

What cannot be determined counts as content: a table that is locked, that row security hides, or
that takes too long to read.
"""

from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.core import humanize
from pybase.migrate.database import COUNTED_BYTES
from pybase.migrate.deploy._losses._targets import Target
from pybase.migrate.record import Loss

_COUNTED_PAGES = COUNTED_BYTES // 8192


class Reader(Struct, frozen=True):
    """Questions to a session, each in a subtransaction of its own that can change nothing."""

    connection: psycopg.Connection[Any]
    lock_timeout_ms: int
    statement_timeout_ms: int

    def ask(self, query: sql.Composed) -> Any:
        """Return the first value of the answer; None where the server refuses or takes too long.

        Raises psycopg.Error for a broken connection.
        """
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(
                    "SET LOCAL transaction_read_only = on; SET LOCAL row_security = off; "
                    f"SET LOCAL lock_timeout = {self.lock_timeout_ms}; "
                    f"SET LOCAL statement_timeout = {self.statement_timeout_ms}".encode()
                )
                # `binary` makes it the extended protocol, which takes one statement only
                row = self.connection.execute(query, binary=True).fetchone()
                return row[0] if row else None
        except psycopg.Error:
            if self.connection.closed:
                raise
            return None


def content(reader: Reader, target: Target, loss: Loss) -> str:
    """Return what a loss destroys of a table; an empty text where that is nothing."""
    if target.has_foreign:
        return "unknown: it is a foreign table"
    if target.number is None:
        return "unknown: it is not there"
    if not target.is_populated:
        return ""
    if target.kind == "S":
        position = reader.ask(_POSITION.format(target.identifier))
        return "unknown position" if position is None else str(position)
    some = _rows_of(target, loss, loss.rows)
    exists = reader.ask(_EXISTS.format(some))
    if exists is None and loss.rows:  # it may name what an earlier revision creates
        exists = reader.ask(_EXISTS.format(_rows_of(target, loss, ""))) and None
    if exists is False:
        return ""
    count = reader.ask(_COUNT.format(some)) if exists and target.pages < _COUNTED_PAGES else None
    if count is not None:
        return humanize.rows(count)
    if target.rows is None:
        return "unknown number of rows"
    about = humanize.rows(round(target.rows), is_exact=False)
    if exists is None:
        return f"up to {about}"
    return f"some of {about}" if loss.column or loss.rows else about


def _rows_of(target: Target, loss: Loss, rows: str) -> sql.Composed:
    """Return the FROM of a query for what is lost; `rows` is text of the reviewed statement."""
    parts = [sql.SQL("FROM {} ").format(target.identifier), sql.SQL(rows)]
    if loss.column:
        word = sql.SQL(" AND " if rows else "WHERE ")
        parts.append(word + sql.SQL("{} IS NOT NULL").format(sql.Identifier(loss.column)))
    return sql.Composed(parts)


_POSITION = sql.SQL("SELECT CASE WHEN is_called THEN 'at ' || last_value ELSE '' END FROM {}")
_EXISTS = sql.SQL("SELECT EXISTS (SELECT 1 {})")  # Citus 13.2 fails on a SELECT without columns
_COUNT = sql.SQL("SELECT count(*) {}")
