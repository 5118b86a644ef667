"""The baseline database: as the revisions alone make it, without sample rows.

Where sample rows prevent an upgrade, only they may be removed: later revisions depend on rows that
earlier ones inserted. In one database they cannot be distinguished, so there is a second one,
created when it is first needed, which follows from then on.
"""

from contextlib import ExitStack
from typing import Any

import psycopg

from pybase.migrate.rehearsal import scratch
from pybase.migrate.rehearsal._execution import lead_over
from pybase.migrate.revisions import History, RenderedHistory, RevisionSql
from pybase.postgres import connect_scratch, copy_over, scratch_database


class Baseline:
    """Databases before any revision, without sample rows; close it when done."""

    def __init__(self, history: History, rendered: RenderedHistory) -> None:
        """Prepare; nothing is created yet."""
        self._history = history
        self._revisions = rendered.revisions
        self._places = {sql.revision.id: i for i, sql in enumerate(rendered.revisions)}
        self._at = 0
        self._url = ""
        self._around = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Drop the second database."""
        if self._connection is not None:
            self._connection.close()
        self._around.close()

    def before(self, sql: RevisionSql) -> psycopg.Connection[Any]:
        """Bring the database to the state before a revision; returns a connection to it."""
        return self._to(self._places[sql.revision.id])

    def copy_after(self, sql: RevisionSql, url: str) -> None:
        """Make the database at `url`, which no session uses, a copy after a revision."""
        self._to(self._places[sql.revision.id] + 1)
        self._to(self._at).close()
        copy_over(self._url, url)

    def _to(self, place: int) -> psycopg.Connection[Any]:
        if not self._url:
            server = scratch.server(self._history.settings)
            self._url = self._around.enter_context(scratch_database(server))
        if self._connection is None or self._connection.closed:
            self._connection = connect_scratch(self._url, autocommit=True)
        for sql in self._revisions[self._at : place]:
            lead_over(self._history, self._url, self._connection, sql)
        if self._at < place:
            self._connection.execute("RESET SESSION AUTHORIZATION")
            self._connection.execute("RESET ALL")
        self._at = place
        return self._connection
