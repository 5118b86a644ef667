"""Replacement of the files of `sql/`: which change, after proof that all of them are ours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate.sqlfiles import _manifest
from pybase.migrate.sqlfiles._folder._compare import Stale, differences, place, read
from pybase.migrate.sqlfiles._folder._place import is_linked


@dataclass(frozen=True)
class Replaced:
    """The files that change, and the content of each by its place; None deletes it.

    `foreign` are files in the folder that were not written by us, and stay.
    """

    changes: tuple[Stale, ...] = ()
    contents: Mapping[Path, str | None] = field(default_factory=dict)
    foreign: tuple[Stale, ...] = ()


def replaced(settings: Settings, files: Mapping[str, str]) -> Replaced:
    """Return what has to be written for `sql/` to hold `files`; what is foreign stays.

    Raises UsageError where a file of someone else would be overwritten.
    """
    present = read(settings.sql, files)
    every = differences(present, files)
    if not _is_ours(present, files):
        _require_unused(settings, every)
    changes = tuple(change for change in every if not change.is_foreign)
    for change in changes:
        path = place(settings.sql, change.path)
        if change.path.startswith("../") and change.reason == "stale":
            _require_drawing(settings, path, files[change.path])
        if is_linked(settings, path):
            raise UsageError(
                f"{settings.written_name(change.path)} is a symbolic link, or below one.",
                "Delete the link: what is generated is written only into the project itself.",
                code="linked-file",
            )
    contents = {place(settings.sql, change.path): files.get(change.path) for change in changes}
    foreign = tuple(change for change in every if change.is_foreign)
    return Replaced(changes, contents, foreign)


def _is_ours(present: Mapping[str, str], files: Mapping[str, str]) -> bool:
    """Whether a folder has a manifest, or our README.md next to a manifest that is damaged."""
    named = _manifest.names(present.get(_manifest.NAME, ""))
    return bool(named) or present.get("README.md") == files["README.md"]


def _require_unused(settings: Settings, changes: list[Stale]) -> None:
    """Refuse a folder that is not ours, and holds any file but those that would be written."""
    name = settings.options.sql
    for change in changes:
        if change.reason != "missing" and not change.path.startswith("../"):
            raise UsageError(
                f"{name}/ was not written by `nox -s sql`: it has no {_manifest.NAME} of ours, and "
                f"holds {change.path}.",
                f"Name another folder in [tool.pybase] sql. If all of {name}/ was generated, "
                f"restore its {_manifest.NAME} from git, or delete the folder.",
                code="folder-in-use",
            )


def _require_drawing(settings: Settings, path: Path, text: str) -> None:
    """Refuse to overwrite a file that does not begin with the title and note of a drawing."""
    if path.read_text("utf-8", "replace").split("\n\n")[:2] != text.split("\n\n")[:2]:
        raise UsageError(
            f"{settings.options.picture} exists, and `nox -s sql` has not written it.",
            "Name another file in [tool.pybase] picture, or delete this one.",
            code="picture-in-use",
        )
