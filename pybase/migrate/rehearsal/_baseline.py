"""A database as the revisions alone make it, without sample rows.

Where sample rows stand in the way of an upgrade, only they may go: rows that earlier revisions
inserted are what later ones lean on. Nobody can tell them apart in one database, so there is a
second one, made when it is first wanted, which follows from then on.
"""

from contextlib import ExitStack
from typing import Any

import psycopg

from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory, RenderedRevision
from pybase.postgres import copy_over, scratch_database


class Plain:
    """Databases before any revision, without sample rows; close it when done."""

    def __init__(self, history: History, rendered: RenderedHistory) -> None:
        """Prepare; nothing is made yet."""
        self._history = history
        self._revisions = rendered.revisions
        self._places = {each.script.revision: i for i, each in enumerate(rendered.revisions)}
        self._at = 0
        self._url = ""
        self._around = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None

    def close(self) -> None:
        """Drop the second database."""
        if self._connection is not None:
            self._connection.close()
        self._around.close()

    def before(self, revision: RenderedRevision) -> psycopg.Connection[Any]:
        """Bring the database before a revision; returns a connection to it."""
        return self._to(self._places[revision.script.revision])

    def copy_after(self, revision: RenderedRevision, url: str) -> None:
        """Make the database at `url`, to which nobody is connected, a copy after a revision."""
        self._to(self._places[revision.script.revision] + 1)
        self._to(self._at).close()
        copy_over(self._url, url)

    def _to(self, place: int) -> psycopg.Connection[Any]:
        if not self._url:
            server = scratch.server(self._history.settings)
            self._url = self._around.enter_context(scratch_database(server))
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True)
        for each in self._revisions[self._at : place]:
            scratch.lead_over(self._history, self._url, self._connection, each)
        if self._at < place:
            self._connection.execute("RESET SESSION AUTHORIZATION")
            self._connection.execute("RESET ALL")
        self._at = place
        return self._connection
