"""Data of a review: the chosen revisions, and what is known of them and of a database."""

from collections.abc import Collection

from msgspec import Struct

from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.catalog import Entity
from pybase.migrate.record import Record
from pybase.migrate.review import _severity
from pybase.migrate.review._live_state import LiveState, read_state
from pybase.migrate.review._range import choose
from pybase.migrate.review._revision_summary import RevisionSummary


class Review(Struct, frozen=True):
    """What is shown of a history, all of which is in `history`.

    `scope` describes in half a sentence which revisions are shown; `files` are the paths in `sql/`.
    """

    scope: str
    shown: tuple[RevisionSummary, ...]
    history: tuple[Record, ...]
    files: Collection[str]
    entities: tuple[Entity, ...]
    live: LiveState

    @property
    def headline(self) -> str:
        """What the revisions do to other users of the database, in one line."""
        return _severity.headline(self.shown)


def gather(settings: Settings, rev_range: str | None) -> Review:
    """Gather what is known of the range `A:B`, or without one of what the branch adds.

    Raises UsageError for an invalid range, and as `sqlfiles.build` where `sql/` is not fresh.
    """
    reviewed = sqlfiles.review(settings)
    records = reviewed.records
    revisions = [record.revision for record in records]
    ids, scope = choose(settings, revisions, rev_range)
    stems = sqlfiles.stems(revisions)
    shown = tuple(
        RevisionSummary(record, stem, tuple(sqlfiles.hazard_findings(settings, record, stem)))
        for record in records
        for stem in (stems[record.revision.id],)
        if record.revision.id in ids
    )
    live = read_state(settings, reviewed, [summary.record for summary in shown])
    return Review(scope, shown, records, reviewed.files.keys(), reviewed.entities, live)
