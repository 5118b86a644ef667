"""Progress of a long statement: by PostgreSQL's progress views, or the time that it has taken.

Read over a connection of its own, and only when a statement has run for a second.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from pybase.core.errors import DatabaseError
from pybase.core.reporter import Reporter
from pybase.migrate.database import Database, connect
from pybase.migrate.deploy._background import BackgroundThread
from pybase.migrate.sql import masked, parse_backfill

PATIENCE_S = 1.0
_POLL_S = 0.2
_LONGEST_NAME = 60


class ProgressThread(BackgroundThread):
    """Shows what the server process `pid` is doing, while in a `with`."""

    def __init__(self, database: Database, pid: int, reporter: Reporter) -> None:
        """Nothing is read before `of` is entered."""
        self._database, self._pid, self._reporter = database, pid, reporter
        self._statement: tuple[str, float] | None = None
        super().__init__()

    @contextmanager
    def of(self, statement: str) -> Iterator[None]:
        """Let `statement` be the one that runs while inside."""
        self._statement = (statement, time.monotonic())
        try:
            yield
        finally:
            self._statement = None

    def _poll(self) -> None:
        while not self._is_over.wait(_POLL_S):
            current = self._statement
            if current is not None and time.monotonic() - current[1] > PATIENCE_S:
                with suppress(psycopg.Error, DatabaseError):
                    self._show(current)

    def _show(self, current: tuple[str, float]) -> None:
        """Show one statement until it is over."""
        with (
            connect(self._database, is_short=True, autocommit=True) as connection,
            self._reporter.progress(_name(current[0])) as display,
        ):
            is_known = False
            while self._statement is current and not self._is_over.wait(_POLL_S):
                done, total, unit = self._read(connection, current[0])
                is_known = is_known or total > 0
                if total or not is_known:  # a backfill drops its position a moment before its end
                    display.show(done, total, unit)

    def _read(self, connection: psycopg.Connection[Any], statement: str) -> tuple[int, int, str]:
        """Return what is done, of how much, in which unit; 0 of 0 where it is unknown."""
        backfill = parse_backfill(statement)
        if backfill is not None:
            return (*backfill_progress(connection, *backfill), "rows")
        done, total = connection.execute(_VIEWS, {"pid": self._pid}).fetchone() or (0, 0)
        return done, total, "blocks"


def backfill_progress(
    connection: psycopg.Connection[Any], table: str, cursor: str
) -> tuple[int, int]:
    """Return how many rows a backfill has passed, by its cursor table, of about how many.

    From any session, also of another backfill; 0 of 0 before it begins and after its end. Of 0
    where the table has no statistics, as the coordinator of a cluster has none.
    """
    try:
        row = connection.execute(f"SELECT passed FROM {cursor}".encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0, 0
    size = connection.execute(_SIZE, [table]).fetchone()
    passed, total = (row or (0,))[0], (size or (0,))[0]
    return passed, total and max(passed, total)


_SIZE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)"


def _name(statement: str) -> str:
    backfill = parse_backfill(statement)
    if backfill is not None:
        return backfill[0]
    name = " ".join(masked(statement).split())
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]} ..."


_VIEWS = """
SELECT blocks_done, blocks_total FROM pg_stat_progress_create_index
WHERE pid = %(pid)s AND blocks_total > 0
UNION ALL
SELECT heap_blks_scanned, heap_blks_total FROM pg_stat_progress_cluster
WHERE pid = %(pid)s AND heap_blks_total > 0
UNION ALL
SELECT heap_blks_scanned, heap_blks_total FROM pg_stat_progress_vacuum
WHERE pid = %(pid)s AND heap_blks_total > 0
LIMIT 1
"""
