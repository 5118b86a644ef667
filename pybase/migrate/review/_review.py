"""Data of a review: the chosen revisions, and what is known of them and of a database."""

from collections.abc import Collection, Sequence

from msgspec import Struct

from pybase.core import git
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.catalog import Entity
from pybase.migrate.record import Record, Revision
from pybase.migrate.review import _severity
from pybase.migrate.review._live_state import LiveState, read_state
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
    ids, scope = _choose(settings, revisions, rev_range)
    stems = sqlfiles.stems(revisions)
    shown = tuple(
        RevisionSummary(record, stem, tuple(sqlfiles.hazard_findings(settings, record, stem)))
        for record in records
        for stem in (stems[record.revision.id],)
        if record.revision.id in ids
    )
    live = read_state(settings, reviewed, [summary.record for summary in shown])
    return Review(scope, shown, records, reviewed.files.keys(), reviewed.entities, live)


def _choose(
    settings: Settings, revisions: Sequence[Revision], rev_range: str | None
) -> tuple[Collection[str], str]:
    """Return the ids of a range `A:B`, else of what the main branch lacks, and a description.

    If there is no main branch, or nothing is new, these are all. Raises UsageError for an invalid
    range.
    """
    if rev_range is not None:
        return _between(settings, rev_range), f"The revisions of {rev_range}"
    branch = settings.options.main_branch
    paths = {revision.id: settings.root / revision.path for revision in revisions}
    try:
        merged = git.merged(settings, sorted({path.parent for path in paths.values()}))
    except UsageError as error:
        return paths, f"The complete history: {error.problem.removesuffix('.')}"
    new = {revision for revision, path in paths.items() if path.resolve() not in merged}
    if not new:
        return paths, f"The complete history: nothing is missing in the branch {branch}"
    return new, f"Revisions that are not in the branch {branch}"


def _between(settings: Settings, rev_range: str) -> set[str]:
    """Return what leads from A, which is excluded, to B, which is included."""
    history = sqlfiles.read_history(settings)
    ids = {script.revision for script in history.walk_range(rev_range)}
    lower = rev_range.partition(":")[0] or "base"
    ids -= {script.revision for script in history.scripts.get_revisions(lower) if script}
    if not ids:
        raise UsageError(
            f"No revision is in the range {rev_range!r}.",
            "Write A:B, as in base:head, where A is before B; A is excluded.",
            code="empty-range",
        )
    return ids
