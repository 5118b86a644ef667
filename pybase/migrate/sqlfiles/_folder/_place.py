"""The places that `[tool.pybase]` may name for generated files: in the project, over no link."""

import os
from collections.abc import Iterable
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.core.settings import Settings

_HIDDEN = (".git", ".pybase")


def require_place(settings: Settings, versions: Iterable[Path] = ()) -> None:
    """Refuse a folder of SQL, or a drawing, where more than these could be overwritten.

    `versions` are env.py's folder and those of the revisions. Raises UsageError.
    """
    folder = Path(os.path.normpath(settings.sql))
    problem = _problem(settings, folder) or _overlap(folder, versions)
    if folder.exists() and not folder.is_dir():
        problem = "is a file"
    if problem:
        raise UsageError(
            f"[tool.pybase] sql is {settings.options.sql!r}, which {problem}.",
            'Name a folder that holds nothing else, such as sql = "sql".',
            code="unsafe-folder",
        )
    if settings.picture is not None:
        problem = _picture_problem(settings, Path(os.path.normpath(settings.picture)), folder)
        if problem:
            raise UsageError(
                f"[tool.pybase] picture is {settings.options.picture!r}, which {problem}.",
                'Name a Markdown file of its own, such as picture = "docs/schema.md".',
                code="unsafe-picture",
            )


def _picture_problem(settings: Settings, path: Path, folder: Path) -> str:
    if path.is_dir():
        return "is a folder"
    if path == folder / "README.md":
        return "is another generated file"
    return _problem(settings, path)


def _problem(settings: Settings, path: Path) -> str:
    """Return what is wrong with a path, as the end of a sentence; empty for nothing."""
    root = Path(os.path.normpath(settings.root))
    if path == root:
        return "is the folder of alembic.ini itself"
    if not path.is_relative_to(root):
        return "is outside of the project"
    if path.relative_to(root).parts[0] in _HIDDEN:
        return f"is in {path.relative_to(root).parts[0]}"
    return "is a symbolic link, or below one" if is_linked(settings, path) else ""


def is_linked(settings: Settings, path: Path) -> bool:
    """Return whether a path in the project leads over a symbolic link."""
    root = os.path.normpath(settings.root)
    expected = os.path.join(os.path.realpath(root), os.path.relpath(path, root))  # noqa: PTH118
    return os.path.realpath(path) != os.path.normpath(expected)


def _overlap(folder: Path, versions: Iterable[Path]) -> str:
    for other in versions:
        real = Path(os.path.realpath(folder))
        if Path(os.path.realpath(other)).is_relative_to(real):
            return f"holds {other.name}/, the revisions or their env.py"
    return ""
