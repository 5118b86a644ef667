"""Folders and files of a server: selected, created and checked.

Folders of others are never changed; in folders that every user may write to, an existing one is
used only if no other user can have created it.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybase.core.errors import DatabaseError
from pybase.postgres._os_user import OsUser, nearest_existing, server_user

# The kernel's limit for a socket's path is 104 bytes on macOS, 108 on Linux, with the final NUL.
_LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")
# A comma separates folders in PostgreSQL's setting; a blank or a quote is special to a shell.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


@contextmanager
def report_os_errors() -> Iterator[None]:
    """Raise DatabaseError where the system refuses to read or write a file."""
    try:
        yield
    except OSError as error:
        raise DatabaseError(
            f"The embedded PostgreSQL cannot use {error.filename or 'a file'}: {error.strerror}.",
            "Free space or fix its permissions, or set DATABASE_URL to an existing server.",
            code="unusable-file",
        ) from error


@report_os_errors()
def locate(checkout: Path) -> Path:
    """Return the folder of the embedded server that belongs to `checkout`.

    That is `.pybase/postgres` inside it, or, when the server's user cannot enter it or this process
    cannot write there (root's home is usually 0700), a folder of this machine named after the
    checkout's path. Raise DatabaseError when another user owns that folder.
    """
    inside = checkout.resolve() / ".pybase" / "postgres"
    nearest = nearest_existing(inside)
    is_usable = server_user(nearest).can_enter(nearest) and os.access(nearest, os.W_OK)
    if is_usable or (inside / "data").exists():
        return inside
    return machine_folder() / _digest(checkout)


def machine_folder() -> Path:
    """Return, and create if needed, a folder outside any checkout that servers can read.

    Root's is in /var/lib, because old files in /var/tmp are deleted, and these may be data.
    """
    uid = os.geteuid()
    is_system = uid == 0 and Path("/var/lib").is_dir()
    folder = "/var/lib/pybase" if is_system else f"/var/tmp/pybase-{uid}"  # noqa: S108
    return own_folder(Path(folder), uid, 0o755)


def socket_folder(directory: Path, user: OsUser) -> Path:
    """Return the folder of the socket of the server in `directory`; it may not exist yet.

    It is inside `directory` unless a socket's path there would be too long, or needs quoting.
    """
    inside = directory.resolve() / "socket"
    is_plain = _PLAIN_PATH.fullmatch(str(inside)) is not None
    if is_plain and len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
        return inside
    shared = Path(f"/tmp/pybase-{user.uid}")  # noqa: S108
    return own_folder(shared, user.uid, 0o700, user) / _digest(directory)


def own_folder(path: Path, uid: int, mode: int, user: OsUser | None = None) -> Path:
    """Create `path`, or check that only `uid` and root can write to it.

    Raise DatabaseError otherwise: in /tmp another user may have created it, to offer a server of
    their own or to redirect writes through a link.
    """
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        _require_own(path, uid)
        return path
    path.chmod(mode)  # mkdir's mode is subject to the umask
    if user is not None:
        user.own(path)
    return path


def lock_file(directory: Path) -> Path:
    """Return the lock file of `directory`, and create both where they are missing.

    Missing parents are owned by the owner of the nearest existing one.
    """
    owner = nearest_existing(directory).stat()
    is_root = os.geteuid() == 0
    for folder in reversed([step for step in (directory, *directory.parents) if not step.exists()]):
        folder.mkdir(exist_ok=True)
        # Root's server runs as another user, who has to pass through; data/ and socket/ are closed.
        folder.chmod(0o755 if is_root else 0o700)
        if is_root:
            os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)
    path = directory / "lock"
    if not path.exists():
        path.touch()
        # After `sudo`, the owner of the folder must be able to lock it.
        owner = directory.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    return path


def _digest(path: Path) -> str:
    """Return 16 hexadecimal digits for the resolved `path`."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]


def _require_own(path: Path, uid: int) -> None:
    status = path.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid in (uid, 0)
    if not is_own or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DatabaseError(
            f"{path} is not a folder to which only user {uid} can write.",
            f"Inspect it with `ls -ld {path}` and remove it, or set DATABASE_URL to an existing"
            " server.",
            code="foreign-folder",
        )
