"""What git says of revisions and their SQL: those on the main branch are never edited again.

Reads git through its own command; without git, or without that branch, it says so and no more.
"""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from pybase.core.settings import Settings


def edited(settings: Settings, folders: Iterable[Path]) -> list[str] | None:
    """Return the files that the main branch has and this checkout has changed or deleted.

    Looks at the revisions in `folders`, and at the statements of the SQL files: what a rehearsal
    writes into their comments may be written anew. None where there is no git or no main branch.
    """
    from pybase.migrate.sql._split import words  # PostgreSQL's grammar

    root = settings.root
    branch = settings.options.main_branch
    bases = (_git(root, "merge-base", "HEAD", name) for name in (branch, f"origin/{branch}"))
    base = next((found.strip() for found in bases if found), None)
    if base is None:
        return None
    revisions = _changed(root, base, folders, lambda before, after: before != after)
    sql = [settings.sql / "upgrade", settings.sql / "downgrade"]
    statements = _changed(root, base, sql, lambda before, after: words(before) != words(after))
    return [*revisions, *statements]


def _changed(
    root: Path, base: str, folders: Iterable[Path], differs: Callable[[str, str], bool]
) -> list[str]:
    names = [str(folder) for folder in folders]
    command = ("diff", "--relative", "--name-only", "-z", "--no-renames", "--diff-filter=MDT", base)
    found = []
    for name in _names(_git(root, *command, "--", *names)):
        if not name.endswith((".py", ".sql")):  # somebody commits bytecode
            continue
        before = _git(root, "show", f"{base}:./{name}") or ""
        path = root / name
        after = path.read_text(encoding="utf-8") if path.is_file() else ""
        if differs(before, after):
            found.append(name)
    return found


def _names(listing: str | None) -> list[str]:
    """Return the names that git lists with -z: else it quotes those that are not ASCII."""
    return (listing or "").split("\0")[:-1]


def _git(root: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def merged(settings: Settings, folders: Iterable[Path]) -> set[Path] | None:
    """Return the files in `folders` that the main branch has, here or at its origin.

    None where there is no git, or no main branch.
    """
    names = [str(folder) for folder in folders]
    branch = settings.options.main_branch
    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree")
    top = _git(settings.root, "rev-parse", "--show-toplevel")
    listed = [_git(settings.root, *command, name) for name in (branch, f"origin/{branch}")]
    if top is None or not any(listing is not None for listing in listed):
        return None
    found = {Path(top.strip(), name) for each in listed for name in _names(each)}
    return {path for path in found if any(path.is_relative_to(name) for name in names)}


def author(settings: Settings, path: Path) -> str:
    """Return who last committed a file, or an empty text."""
    return (_git(settings.root, "log", "-1", "--format=%an", "--", str(path)) or "").strip()
