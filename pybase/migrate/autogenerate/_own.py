"""Revisions that only this branch has, and the refusal of those that the user's database has."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from alembic.script import Script

from pybase.core import git
from pybase.core.errors import CheckFailedError, DatabaseError, UsageError
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.database import find_database, is_there
from pybase.migrate.deploy import read_status, status_source
from pybase.migrate.revisions import History, parents


def own_revisions(history: History, hint: str) -> dict[str, Script]:
    """Return the revisions that the main branch does not have, by id, ancestors first.

    Raises UsageError with the reason of git, and one more `hint`, where git cannot tell.
    """
    folders = {Path(script.path).resolve().parent for script in history.revisions}
    try:
        merged = git.merged(history.settings, folders)
    except UsageError as error:
        raise UsageError(
            f"It is unknown which revisions only this branch has. {error.problem}",
            f"{error.hint} {hint}",
            code=error.code,
        ) from error
    known = {path.resolve() for path in merged}
    revisions = history.revisions
    return {s.revision: s for s in revisions if Path(s.path).resolve() not in known}


def require_not_applied(history: History, scripts: Iterable[Script], reason: str) -> None:
    """Refuse what the user's database has applied; `reason` completes the sentence on it.

    Raises CheckFailedError with the downgrade that has to run first.
    """
    settings = history.settings
    if not is_there(settings):
        return
    try:
        current, _ = read_status(status_source(settings, find_database(settings)))
    except DatabaseError:
        return
    known = {script.revision for script in history.revisions}
    applied = {
        script.revision
        for revision in current
        if revision in known
        for script in history.scripts.iterate_revisions(revision, "base")
    }
    for script in scripts:
        if script.revision in applied:
            first = "nox -s sql && " if _is_stale(settings) else ""
            raise CheckFailedError(
                f"{Path(script.path).name} is applied to your database, {reason}.",
                f"Undo it there: {first}nox -s downgrade -- {_below(history, script, current)}. "
                "Then run the same command again.",
                code="already-applied",
            )


def _below(history: History, script: Script, current: Sequence[str]) -> str:
    """Return the target of the downgrade that undoes a revision, and nothing of other branches."""
    if len(current) == 1:
        return next(iter(parents(script)), "base")
    for head in current:
        lineage = [s.revision for s in history.scripts.iterate_revisions(head, "base")]
        if script.revision in lineage:
            return f"{head}@-{lineage.index(script.revision) + 1}"
    return script.revision


def _is_stale(settings: Settings) -> bool:
    """Whether a server other than the embedded one would refuse `sql/` as it is."""
    try:
        sqlfiles.load(settings)
    except sqlfiles.StaleError:
        return True
    return False
