"""Comparison of the files of `sql/` with what the revisions render to."""

import os
from collections.abc import Iterable, Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

from msgspec import Struct

from pybase.core import git
from pybase.core.files import files_below, with_line_feeds
from pybase.migrate.sqlfiles import _manifest

_SHOWN_FILES = 20
_SHOWN_LINES = 20

WRITE_AGAIN = "Run `nox -s sql` and commit what it writes."
REMOVE_BY_HAND = "Move it elsewhere: `nox -s sql` deletes only what it has written."


class Stale(Struct, frozen=True):
    """A file that is not as the revisions render it; `diff` is short, or empty.

    `reason` is missing, stale, orphaned (of a revision or object that is gone), or foreign: a file
    that no manifest names.
    """

    path: str
    reason: str
    diff: str = ""

    @property
    def is_foreign(self) -> bool:
        """Whether it was not written by us."""
        return self.reason == "foreign"


def read(folder: Path, others: Iterable[str] = ()) -> dict[str, str]:
    """Return the files in `folder` by path below it; of `others`, those that are outside of it."""
    base = len(str(folder)) + 1
    inside = {path[base:].replace(os.sep, "/"): path for path in files_below(str(folder))}
    outside = {path: str(place(folder, path)) for path in others if path.startswith("../")}
    return {
        path: text for path, file in (inside | outside).items() if (text := _text(file)) is not None
    }


def _text(path: str) -> str | None:
    """Return the text of a file, or None where there is none."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  thousands
            return with_line_feeds(file.read()).decode(errors="replace")
    except FileNotFoundError:
        return None


def place(folder: Path, path: str) -> Path:
    """Return where a file is, also one outside of a folder that does not exist yet."""
    return Path(os.path.normpath(folder / path))


def compare(folder: Path, files: Mapping[str, str]) -> list[Stale]:
    """Return which files of `folder` are not as in `files`, in the order of their paths.

    A path in `files` may lead out of the folder; no file outside is ever orphaned or foreign.
    """
    return differences(folder, read(folder, files), files)


def differences(folder: Path, present: Mapping[str, str], files: Mapping[str, str]) -> list[Stale]:
    """Return the same for files that were read.

    Of foreign files, those that git ignores, and hidden ones, are left out: editors and file
    managers write them.
    """
    stale = list(_differences(present, files))
    foreign = [file.path for file in stale if file.is_foreign and not _is_hidden(file.path)]
    counted = set(foreign) - git.ignored(folder, foreign)
    return [file for file in stale if not file.is_foreign or file.path in counted]


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _differences(present: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Stale]:
    named = _manifest.names(present.get(_manifest.MANIFEST, ""))
    for path in sorted({*files, *present}):
        if path not in present:
            yield Stale(path, "missing")
        elif path not in files:
            yield Stale(path, "orphaned" if path in named else "foreign")
        elif present[path] != files[path]:
            yield Stale(path, "stale", _diff(path, present[path], files[path]))


def _diff(path: str, old: str, new: str) -> str:
    names = (f"committed {path}", f"rendered {path}")
    lines = unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="", n=1)
    return "\n".join(lines)


def hint(changes: Iterable[Stale]) -> str:
    """Return what makes a folder fresh."""
    hints = {REMOVE_BY_HAND if change.is_foreign else WRITE_AGAIN: None for change in changes}
    return " ".join(sorted(hints, reverse=True))


def describe(changes: Iterable[Stale]) -> str:
    """Return the changes for a terminal: each file with its reason, and how the diff begins."""
    stale = list(changes)
    lines = [f"  {change.reason:<9} {change.path}" for change in stale[:_SHOWN_FILES]]
    if len(stale) > _SHOWN_FILES:
        lines.append(f"  and {len(stale) - _SHOWN_FILES} more")
    readable = [change for change in stale if not change.path.endswith(".json")]
    diff = [line for change in readable for line in change.diff.splitlines()]
    lines += [f"    {line}" for line in diff[:_SHOWN_LINES]]
    if len(diff) > _SHOWN_LINES:
        lines.append(f"    ... {len(diff) - _SHOWN_LINES} more lines")
    return "\n".join(lines)
