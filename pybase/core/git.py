"""Git, asked through its own command: which files are merged or changed, and who wrote them.

What git cannot answer is an error with the reason: no answer is not the answer "none".
"""

import os
import subprocess
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.core.settings import Settings


def merge_base(settings: Settings) -> str:
    """Return the commit at which this checkout left the main branch, here or at its origin.

    Raises UsageError where git cannot tell.
    """
    branches = _main_branches(settings)
    base = git(settings, "merge-base", "HEAD", *branches)
    if base is None:
        _require_complete(settings)
        raise UsageError(
            f"HEAD and the branch {settings.options.main_branch} have no commit in common.",
            "Name the branch that it was made from in [tool.pybase] main_branch.",
            code="no-merge-base",
        )
    return base.strip()


def changed(
    settings: Settings,
    base: str,
    folders: Iterable[Path],
    differs: Callable[[str, str], bool],
) -> list[str]:
    """Return the Python and JSON files in `folders` that were changed or deleted since `base`.

    `differs` compares the text before with the text after. Raises UsageError where git cannot tell.
    """
    names = [str(folder) for folder in folders]
    command = ("diff", "--relative", "--name-only", "-z", "--no-renames", "--diff-filter=MDT", base)
    files = []
    for name in _names(_answer(settings, *command, "--", *names)):
        if not name.endswith((".py", ".json")):  # some projects commit bytecode
            continue
        before = _answer(settings, "show", f"{base}:./{name}")
        path = settings.root / name
        after = path.read_text("utf-8", "surrogateescape") if path.is_file() else ""
        if differs(before, after):
            files.append(name)
    return files


def merged(settings: Settings, folders: Iterable[Path]) -> set[Path]:
    """Return the files in `folders` that the main branch has, here or at its origin.

    Raises UsageError where git cannot tell.
    """
    names = [str(folder) for folder in folders]
    command = ("ls-tree", "-r", "-z", "--name-only", "--full-tree")
    branches = _main_branches(settings)
    top = _answer(settings, "rev-parse", "--show-toplevel").strip()
    listings = [_answer(settings, *command, branch) for branch in branches]
    paths = {Path(top, name) for listing in listings for name in _names(listing)}
    return {path for path in paths if any(path.is_relative_to(name) for name in names)}


def ignored(folder: Path, paths: Collection[str]) -> set[str]:
    """Return those of some paths below a folder that git is configured to ignore."""
    if not paths:  # git would list all
        return set()
    options = ("-z", "--others", "--ignored", "--exclude-standard")
    try:
        done = _run(folder, ("--literal-pathspecs", "ls-files", *options, "--", *paths))
    except OSError:
        return set()
    return set(_names(done.stdout))


def author(settings: Settings, path: Path) -> str:
    """Return the author of a file's last commit, or an empty text."""
    return (git(settings, "log", "-1", "--format=%an", "--", str(path)) or "").strip()


def git(settings: Settings, *arguments: str) -> str | None:
    """Return what a git command prints, or None where it fails."""
    try:
        done = _run(settings.root, arguments)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def _answer(settings: Settings, *arguments: str) -> str:
    """Return what a git command prints. Raises UsageError with the reason where it fails."""
    try:
        done = _run(settings.root, arguments)
    except OSError as error:
        raise UsageError(
            f"git cannot be run: {error.strerror}.", "Install git.", code="no-git"
        ) from error
    if done.returncode == 0:
        return done.stdout
    if "dubious ownership" in done.stderr:
        raise UsageError(
            "git distrusts this checkout, because another user owns it.",
            f"Run: git config --global --add safe.directory {settings.root.as_posix()}",
            code="distrusted-checkout",
        )
    if "not a git repository" in done.stderr:
        raise UsageError(
            "This project is not in a git repository.",
            "Run it in a checkout, with the folder .git.",
            code="no-repository",
        )
    last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
    raise UsageError(
        f"git {arguments[0]} fails: {last}.", "Run git status there.", code="git-failed"
    )


def _main_branches(settings: Settings) -> list[str]:
    """Return the refs of the main branch, here and at its origin; at least one.

    Raises UsageError.
    """
    name = settings.options.main_branch
    refs = (f"refs/heads/{name}", f"refs/remotes/{name}", f"refs/remotes/origin/{name}")
    listed = _answer(settings, "for-each-ref", "--format=%(refname)", *refs).splitlines()
    branches = [ref for ref in refs if ref in listed]
    if branches:
        return branches
    _require_complete(settings)
    likely = _likely_branch(settings)
    raise UsageError(
        f"git has no branch {name}, here or at origin.",
        f'Write main_branch = "{likely}" into [tool.pybase] of pyproject.toml.'
        if likely
        else f"Run: git fetch origin {name}:refs/remotes/origin/{name}; or name another one in "
        "[tool.pybase] main_branch.",
        code="no-main-branch",
    )


def _require_complete(settings: Settings) -> None:
    if (git(settings, "rev-parse", "--is-shallow-repository") or "").strip() == "true":
        raise UsageError(
            "The clone is shallow, so git does not know what is merged.",
            f"Run: git fetch --unshallow origin {settings.options.main_branch}; in a workflow, "
            "check out with fetch-depth: 0.",
            code="shallow-clone",
        )


def _likely_branch(settings: Settings) -> str:
    """Return the name of the origin's default branch, or of one that often is; else nothing."""
    default = git(settings, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if default:
        return default.strip().removeprefix("origin/")
    configured = git(settings, "config", "init.defaultBranch") or "master"
    listed = git(settings, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads") or ""
    return next((name for name in (configured.strip(), "master") if name in listed.split()), "")


def _run(folder: Path, arguments: Iterable[str]) -> "subprocess.CompletedProcess[str]":
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
        env={**os.environ, "LC_ALL": "C"},  # its messages are read
    )


def _names(listing: str) -> list[str]:
    """Return the names that git lists with -z: else it quotes those that are not ASCII."""
    return listing.split("\0")[:-1]
