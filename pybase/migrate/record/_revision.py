"""A revision file, and all that is known of it."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pybase.migrate.record._effects import Effects, RevisionReport
from pybase.migrate.record._hazards import Finding, reason_for
from pybase.migrate.record._script import Direction, Directions, Script
from pybase.migrate.record._version_table import VersionTable


class Revision(Struct, frozen=True):
    """A revision file, as Alembic reads it.

    `parents` are what it follows and what it depends on, as Alembic normalizes them; `path` is
    relative to the project's root where it is inside. `description` are the paragraphs below the
    title, `accepted` the accepted hazards with their reasons, `queries` find violating rows.
    """

    id: str
    parents: tuple[str, ...]
    title: str
    path: str
    description: str = ""
    created: str = ""
    accepted: Mapping[str, str] = {}
    queries: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Name of the file without its suffix."""
        return Path(self.path).stem


class Record(Struct, frozen=True):
    """All that is known of one revision: its file, its SQL, and what that was observed to do."""

    revision: Revision
    version_table: VersionTable
    scripts: Directions[Script]
    report: RevisionReport

    def effects(self, direction: Direction) -> Effects:
        """Return what one direction was observed to do."""
        return self.report.effects[direction]

    def reason_for(self, finding: Finding) -> str | None:
        """Return the reason for which the revision accepts a finding, or None."""
        return reason_for(self.revision.accepted, finding)
