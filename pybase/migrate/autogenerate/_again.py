"""Revisions of this branch that are written again, after the models changed once more.

What a person wrote is not replaced: a file gives way only as long as it is what makemigration wrote
in this checkout, of which the cache keeps the digests.
"""

from collections.abc import Iterable
from pathlib import Path

from alembic.script import Script

from pybase.core import cache
from pybase.core.errors import CheckFailedError
from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.autogenerate._own import own_revisions, require_not_applied
from pybase.migrate.autogenerate._request import Request
from pybase.migrate.revisions import History

_KIND, _KEY = "generated", "revisions"
_MOST = 1000
"""Digests that are kept, the newest ones."""


def replaceable(history: History, request: Request) -> list[Script]:
    """Return the revisions of this branch, ancestors first, which new ones may replace.

    Raises CheckFailedError where there is none, where one was edited by hand, and where the user's
    database has applied one; UsageError where git does not know what is merged.
    """
    own = own_revisions(history, "Or delete the revision, and run the command without --again.")
    lineage = {s.revision for s in history.scripts.iterate_revisions(request.head, "base")}
    scripts = [script for script in own.values() if script.revision in lineage]
    if not scripts:
        raise CheckFailedError(
            "All revisions are on the main branch already: --again has none to write again.",
            'Write one for the change: nox -s makemigration -- "what changes"',
            code="nothing-of-this-branch",
        )
    edited = _edited(history.settings, scripts)
    if edited:
        raise CheckFailedError(
            f"Not as makemigration wrote it in this checkout: {', '.join(edited)}.",
            "Keep what was written by hand, delete the file, and run the command without --again.",
            code="edited-revision",
        )
    require_not_applied(history, scripts, "and cannot be written again before it is undone")
    return scripts


def remember(settings: Settings, texts: Iterable[str]) -> None:
    """Keep the digests of revisions as they were generated."""
    digests = [*_remembered(settings), *(digest(text.encode()) for text in texts)]
    cache.remember(settings, _KIND, _KEY, digests[-_MOST:])


def _edited(settings: Settings, scripts: Iterable[Script]) -> list[str]:
    known = set(_remembered(settings))
    paths = [Path(script.path) for script in scripts]
    return [path.name for path in paths if digest(path.read_text("utf-8").encode()) not in known]


def _remembered(settings: Settings) -> list[str]:
    return cache.recall(settings, _KIND, _KEY, list[str]) or []
