"""Replacement of the files of `sql/`: which change, after proof that all of them are ours."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate.sqlfiles import _manifest
from pybase.migrate.sqlfiles._folder._compare import Stale, differences, place, read
from pybase.migrate.sqlfiles._folder._place import is_linked


class Replaced(Struct, frozen=True):
    """The files that change, and the content of each by its place; None deletes it.

    `foreign` are files in the folder that were not written by us, and stay.
    """

    changes: tuple[Stale, ...] = ()
    contents: Mapping[Path, str | None] = {}
    foreign: tuple[Stale, ...] = ()


_GENERATED = ("upgrade/", "downgrade/", "records/", "schema/")
"""Folders that hold nothing else, in a folder that is ours."""


def replaced(settings: Settings, files: Mapping[str, str]) -> Replaced:
    """Return what has to be written for `sql/` to hold `files`; what is foreign stays.

    Raises UsageError where a file that was not written by us would be overwritten.
    """
    present = read(settings.sql, files)
    named = _manifest.names(present.get(_manifest.MANIFEST, ""))
    every = differences(settings.sql, present, files)
    if not named and present.get("README.md") != files["README.md"]:
        _require_unused(settings, every)
    changes = tuple(change for change in every if not change.is_foreign)
    for path in (change.path for change in changes):
        is_ours = path in named | _manifest.ALWAYS or path.startswith(_GENERATED)
        if not is_ours and path in present:
            _require_same_head(settings, path, present[path], files[path])
        _require_unlinked(settings, path)
    contents = {place(settings.sql, change.path): files.get(change.path) for change in changes}
    return Replaced(changes, contents, tuple(change for change in every if change.is_foreign))


def _require_same_head(settings: Settings, path: str, before: str, after: str) -> None:
    if _head(before) != _head(after):
        raise UsageError(
            f"{settings.written_name(path)} exists, and `nox -s sql` has not written it.",
            "Move it elsewhere; if it is the drawing, another name in [tool.pybase] picture "
            "will do, too.",
            code="file-in-use",
        )


def _require_unlinked(settings: Settings, path: str) -> None:
    if is_linked(settings, place(settings.sql, path)):
        raise UsageError(
            f"{settings.written_name(path)} is a symbolic link, or below one.",
            "Delete the link: what is generated is written only into the project itself.",
            code="linked-file",
        )


def _head(text: str) -> list[str]:
    """Return how a file begins: a drawing has a title, and a note on who has written it."""
    return text.split("\n\n")[:2]


def _require_unused(settings: Settings, changes: list[Stale]) -> None:
    """Refuse a folder without a manifest that holds any file but those that would be written."""
    name = settings.options.sql
    for change in changes:
        if change.reason != "missing" and not change.path.startswith("../"):
            raise UsageError(
                f"{name}/ was not written by `nox -s sql`: it has no {_manifest.MANIFEST} of ours, "
                f"and holds {change.path}.",
                f"Name another folder in [tool.pybase] sql. If all of {name}/ was generated, "
                f"restore its {_manifest.MANIFEST} from git, or delete the folder.",
                code="folder-in-use",
            )
