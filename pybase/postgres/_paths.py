"""Folders and files of a server: selected, created and checked.

Folders of others are never changed; in folders that every user may write to, an existing one is
used only if no other user can have created it.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pybase.core.errors import DatabaseError
from pybase.core.files import give_to_owner, make_folder, user_folder
from pybase.postgres._os_user import OsUser, nearest_existing, owners_in, server_user

_CLUSTERS = ("postgres", "postgres-scratch")
_LOCK_MODE = 0o600  # who can open a file can lock it, and never release it
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
    state = checkout.resolve() / ".pybase"
    inside = state / "postgres"
    clusters = [state / name for name in _CLUSTERS]
    parts = [cluster / part for cluster in clusters for part in ("data", "socket")]
    _require_no_stranger(checkout, (state, *clusters, *parts))
    nearest = nearest_existing(inside)
    is_usable = server_user(nearest).can_enter(nearest) and os.access(nearest, os.W_OK)
    if is_usable or (inside / "data").exists():
        return inside
    return machine_folder() / _digest(checkout)


@report_os_errors()
def machine_folder() -> Path:
    """Return, and create if needed, a folder outside any checkout that servers can read."""
    return own_folder(machine_path(), os.geteuid(), 0o755)


def machine_path() -> Path:
    """Return the path of `machine_folder`, which may not exist.

    Root's is in /var/lib, because old files in /var/tmp are deleted, and these may be data.
    """
    uid = os.geteuid()
    is_system = uid == 0 and Path("/var/lib").is_dir()
    return Path("/var/lib/pybase" if is_system else f"/var/tmp/pybase-{uid}")  # noqa: S108


@report_os_errors()
def scratch_folder() -> Path:
    """Return, and create if needed, the folder of the scratch servers of this user.

    It is in the user's cache folder, or, when the server's user cannot enter that or it belongs to
    another user, in a folder of this machine.
    """
    cache, uid = user_folder("XDG_CACHE_HOME", ".cache"), os.geteuid()
    mode = 0o755 if uid == 0 else 0o700
    if cache is not None and _is_usable(cache):
        make_folder(cache.parent, mode)
        folder = own_folder(cache, uid, mode)
    else:
        folder = machine_folder()
    return own_folder(folder / "scratch", uid, mode)


def _is_usable(folder: Path) -> bool:
    """Return whether a server that this process starts can have its data below a folder."""
    near = nearest_existing(folder)
    return server_user(near).can_enter(near)


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


def lock_file(directory: Path, name: str = "lock") -> Path:
    """Return a lock file in `directory`, and create both where they are missing.

    Missing parents are owned by the owner of the nearest existing one.
    """
    # Root's server runs as another user, who has to pass through; data/ and socket/ are closed.
    make_folder(directory, 0o755 if os.geteuid() == 0 else 0o700)
    path = directory / name
    if not path.exists():
        path.touch(_LOCK_MODE)
        give_to_owner(path)
    _require_own_lock(path)
    return path


def _require_own_lock(path: Path) -> None:
    """Refuse a lock file that another user could hold for ever."""
    status, owner = path.lstat(), path.parent.stat().st_uid
    if not stat.S_ISREG(status.st_mode) or status.st_uid not in (os.geteuid(), owner, 0):
        raise DatabaseError(
            f"The lock file {path} belongs to another user (uid {status.st_uid}), or is no file.",
            f"Delete it (rm {path}), and run the same command again.",
            code="foreign-lock",
        )
    if stat.S_IMODE(status.st_mode) != _LOCK_MODE and os.geteuid() in (0, status.st_uid):
        path.chmod(_LOCK_MODE)  # of an older version


def _require_no_stranger(checkout: Path, folders: Iterable[Path]) -> None:
    """Refuse folders, or links in place of them, that no command in `checkout` can have created."""
    known = owners_in(checkout)
    for folder in folders:
        if os.path.lexists(folder):
            owners = {folder.lstat().st_uid, folder.stat().st_uid if folder.exists() else 0}
            if not owners <= known:
                raise _foreign(folder, f"does not belong to user {os.geteuid()}")


def _digest(path: Path) -> str:
    """Return 16 hexadecimal digits for the resolved `path`."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]


def _require_own(path: Path, uid: int) -> None:
    status = path.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid in (uid, 0)
    if not is_own or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _foreign(path, f"is not a folder to which only user {uid} can write")


def _foreign(path: Path, problem: str) -> DatabaseError:
    return DatabaseError(
        f"{path} {problem}.",
        f"Inspect it with `ls -ld {path}` and remove it, or set DATABASE_URL to an existing"
        " server.",
        code="foreign-folder",
    )
