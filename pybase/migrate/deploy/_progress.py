"""How far a long statement is: by PostgreSQL's own progress views, or the time that it has taken.

Looks over a connection of its own, and only when a statement has run for a second.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from pybase.core.errors import DatabaseError
from pybase.core.reporter import Reporter
from pybase.migrate.database._connect import Database, connect
from pybase.migrate.deploy._background import Looker
from pybase.migrate.sql import _backfill as backfill

PATIENCE_S = 1.0
_POLL_S = 0.2
_LONGEST_NAME = 60


class Progress(Looker):
    """Reports what the server process `pid` is at, while in a `with`."""

    def __init__(self, database: Database, pid: int, reporter: Reporter) -> None:
        """Nothing is looked at before `of` is entered."""
        self._database = database
        self._pid = pid
        self._reporter = reporter
        self._statement: tuple[str, float] | None = None
        super().__init__()

    @contextmanager
    def of(self, statement: str) -> Iterator[None]:
        """Take it that `statement` runs while inside."""
        self._statement = (statement, time.monotonic())
        try:
            yield
        finally:
            self._statement = None

    def _watch(self) -> None:
        while not self._is_over.wait(_POLL_S):
            now = self._statement
            if now is not None and time.monotonic() - now[1] > PATIENCE_S:
                with suppress(psycopg.Error, DatabaseError):
                    self._show(now)

    def _show(self, now: tuple[str, float]) -> None:
        """Show one statement until it is over."""
        display = self._reporter.progress(_name(now[0]))
        with connect(self._database, autocommit=True) as looker, display as bar:
            while self._statement is now and not self._is_over.wait(_POLL_S):
                bar.show(*self._look(looker, now[0]))

    def _look(self, looker: psycopg.Connection[Any], statement: str) -> tuple[int, int, str]:
        """Return what is done, of how much, in which unit; 0 of 0 where nobody can tell."""
        found = backfill.parse(statement)
        if found is not None:
            return (*look(looker, *found), "rows")
        done, total = looker.execute(_VIEWS, {"pid": self._pid}).fetchone() or (0, 0)
        return done, total, "blocks"


def look(connection: psycopg.Connection[Any], table: str, cursor: str) -> tuple[int, int]:
    """Return how many rows a backfill has passed, by the table that it keeps, of about how many.

    From any session, also of another backfill; 0 of 0 before it begins and after its end.
    """
    try:
        row = connection.execute(f"SELECT passed FROM {cursor}".encode()).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0, 0
    size = connection.execute(_SIZE, [table]).fetchone()
    passed, total = (row or (0,))[0], (size or (0,))[0]
    return passed, max(passed, total)


_SIZE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%s)"


def _name(statement: str) -> str:
    found = backfill.parse(statement)
    if found is not None:
        return found[0]
    name = " ".join(line for line in statement.split("\n") if not line.startswith("--"))
    name = " ".join(name.split())
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
