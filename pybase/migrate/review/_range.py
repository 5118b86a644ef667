"""Revisions that a review shows: those that the branch adds, those of a range, or all."""

from collections.abc import Collection, Sequence

from pybase.core import git
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate.record import Revision
from pybase.migrate.sqlfiles import read_history


def choose(
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
    merged = git.merged(settings, sorted({path.parent for path in paths.values()}))
    if merged is None:
        return paths, f"The complete history: git has no branch {branch}"
    new = {revision for revision, path in paths.items() if path.resolve() not in merged}
    if not new:
        return paths, f"The complete history: nothing is missing in the branch {branch}"
    return new, f"Revisions that are not in the branch {branch}"


def _between(settings: Settings, rev_range: str) -> set[str]:
    """Return what leads from A, which is excluded, to B, which is included."""
    history = read_history(settings)
    ids = {script.revision for script in history.walk_range(rev_range)}
    lower = rev_range.partition(":")[0] or "base"
    ids -= {script.revision for script in history.scripts.get_revisions(lower) if script}
    if not ids:
        raise UsageError(
            f"No revision is in the range {rev_range!r}.",
            "Write A:B, as in base:head, where A comes before B; A is excluded.",
            code="empty-range",
        )
    return ids
