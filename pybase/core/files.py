"""Files: atomic writing, owners, and digests of contents."""

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


def digest(content: bytes) -> str:
    """Return 16 hex digits that detect a changed content; not for security."""
    return hashlib.sha256(content).hexdigest()[:16]


def with_line_feeds(content: bytes) -> bytes:
    """Return a file's content as it is in git, which ends lines by CRLF for `core.autocrlf`.

    A CRLF among lines that end otherwise was written by its author, and is kept.
    """
    crlf = content.count(b"\r\n")
    is_converted = crlf > 0 and crlf == content.count(b"\n")
    return content.replace(b"\r\n", b"\n") if is_converted else content


def digest_files(paths: Iterable[str]) -> str:
    """Return one digest of the names and contents of files, in order; a missing file counts."""
    state = hashlib.sha256()
    for path in paths:
        state.update(f"\0{path}\0".encode())
        with suppress(FileNotFoundError), open(path, "rb") as file:  # noqa: PTH123  thousands
            state.update(b"\1" + file.read())
    return state.hexdigest()


def files_below(folder: str) -> Iterator[str]:
    """Yield the files in a folder and its subfolders, but for bytecode."""
    for parent, _, names in os.walk(folder):
        yield from (f"{parent}/{name}" for name in names if not name.endswith(".pyc"))


def write_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file atomically: a reader, or a crash, meets the old text or the new."""
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        temporary.chmod(mode)
        give_to_owner(temporary)
        temporary.replace(path)
        forget_bytecode(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def make_folder(folder: Path, mode: int | None = None) -> None:
    """Create a folder and its missing parents; root's belong to the owner of what they are in.

    Without `mode`, the umask decides.
    """
    for step in reversed([step for step in (folder, *folder.parents) if not step.exists()]):
        step.mkdir(exist_ok=True)
        if mode is not None:
            step.chmod(mode)
        give_to_owner(step)


def give_to_owner(path: Path) -> None:
    """Give what root has created to the owner of its folder: after `sudo`, the user can edit it."""
    if os.geteuid() == _ROOT:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def leave_no_bytecode(folder: Path) -> None:
    """Let root write no bytecode into a folder of another user, who could not delete it."""
    if os.geteuid() == _ROOT and folder.stat().st_uid != _ROOT:
        sys.dont_write_bytecode = True


_ROOT = 0


def user_folder(variable: str, default: str) -> Path | None:
    """Return the user's folder for PyBase, below what a variable of XDG names, or `default`.

    None where it cannot be written to, as in a container without a home, and where root would
    write into the home of another user, as `sudo -E` does: they could not change it.
    """
    given = os.environ.get(variable, "")  # a relative one is ignored, as XDG demands
    # os.path, because pathlib raises for a user without a home
    base = given if given.startswith("/") else os.path.expanduser(f"~/{default}")  # noqa: PTH111
    folder = Path(base, "pybase")
    return folder if folder.is_absolute() and _is_own(folder) else None


def _is_own(folder: Path) -> bool:
    near = next(step for step in (folder, *folder.parents) if os.path.exists(step))  # noqa: PTH110
    is_known = near.stat().st_uid in (os.geteuid(), _ROOT)
    return is_known and near.is_dir() and os.access(near, os.W_OK | os.X_OK)


def is_private(folder: Path) -> bool:
    """Return whether no other user can have written into a folder, which may not exist yet."""
    if not os.path.lexists(folder):
        return True
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    return is_own and not status.st_mode & 0o022


def forget_bytecode(path: Path) -> None:
    """Delete the bytecode of a module: Python trusts that of the same second and size."""
    if path.suffix == ".py":
        with suppress(OSError):  # there is none, or it is root's, after `sudo alembic`
            Path(cache_from_source(path)).unlink()


def file_lock(path: Path, timeout_s: float) -> "BaseFileLock":
    """Return a lock that processes of one user share; to acquire it raises TimeoutError."""
    from filelock import FileLock  # 20 ms that are not needed to connect

    return FileLock(path, timeout=timeout_s, mode=0o600)
