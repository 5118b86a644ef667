"""A database as the revisions alone make it, without sample rows.

Where sample rows stand in the way of an upgrade, only they may go: rows that earlier revisions
inserted are what later ones lean on. Nobody can tell them apart in one database, so there is a
second one, made when it is first wanted, which follows from then on.
"""

from contextlib import ExitStack

import psycopg

from pybase.migrate import scratch
from pybase.migrate.history import History
from pybase.migrate.render import RenderedHistory, RenderedRevision
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

    def close(self) -> None:
        """Drop the second database."""
        self._around.close()

    def copy_over(self, url: str, revision: RenderedRevision) -> None:
        """Make the database at `url`, to which nobody is connected, one before `revision`."""
        if not self._url:
            server = scratch.server(self._history.settings)
            self._url = self._around.enter_context(scratch_database(server))
        place = self._places[revision.script.revision]
        with psycopg.connect(self._url, autocommit=True) as connection:
            for each in self._revisions[self._at : place]:
                scratch.lead_over(self._history, self._url, connection, each)
        self._at = place
        copy_over(self._url, url)
