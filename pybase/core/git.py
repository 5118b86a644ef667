"""Git, asked through its own command: which files are merged or changed, and who wrote them.

Without git, or without the main branch, the answer is None or empty.
"""

import subprocess
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from pybase.core.settings import Settings


def merge_base(settings: Settings) -> str | None:
    """Return the commit at which this checkout left the main branch, or None."""
    branch = settings.options.main_branch
    bases = (git(settings, "merge-base", "HEAD", name) for name in (branch, f"origin/{branch}"))
    return next((base.strip() for base in bases if base), None)


def changed(
    settings: Settings,
    base: str,
    folders: Iterable[Path],
    differs: Callable[[str, str], bool],
) -> list[str]:
    """Return the Python and SQL files in `folders` that were changed or deleted since `base`.

    `differs` compares the text before with the text after.
    """
    names = [str(folder) for folder in folders]
    command = ("diff", "--relative", "--name-only", "-z", "--no-renames", "--diff-filter=MDT", base)
    files = []
    for name in _names(git(settings, *command, "--", *names)):
        if not name.endswith((".py", ".sql")):  # some projects commit bytecode
            continue
        before = git(settings, "show", f"{base}:./{name}") or ""
        path = settings.root / name
        after = path.read_text(encoding="utf-8") if path.is_file() else ""
        if differs(before, after):
            files.append(name)
    return files


def merged(settings: Settings, folders: Iterable[Path]) -> set[Path] | None:
    """Return the files in `folders` that the main branch has, here or at its origin, or None."""
    names = [str(folder) for folder in folders]
    branch = settings.options.main_branch
    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree")
    top = git(settings, "rev-parse", "--show-toplevel")
    listings = [git(settings, *command, name) for name in (branch, f"origin/{branch}")]
    if top is None or not any(listing is not None for listing in listings):
        return None
    paths = {Path(top.strip(), name) for listing in listings for name in _names(listing)}
    return {path for path in paths if any(path.is_relative_to(name) for name in names)}


def ignored(folder: Path, paths: Collection[str]) -> set[str]:
    """Return those of some paths below a folder that git is configured to ignore."""
    command = (
        "--literal-pathspecs",
        "ls-files",
        "-z",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--",
        *paths,
    )
    return set(_names(_run(folder, *command))) if paths else set()


def author(settings: Settings, path: Path) -> str:
    """Return the author of a file's last commit, or an empty text."""
    return (git(settings, "log", "-1", "--format=%an", "--", str(path)) or "").strip()


def git(settings: Settings, *arguments: str) -> str | None:
    """Return what a git command prints, or None where it fails."""
    return _run(settings.root, *arguments)


def _run(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _names(listing: str | None) -> list[str]:
    """Return the names that git lists with -z: else it quotes those that are not ASCII."""
    return (listing or "").split("\0")[:-1]
