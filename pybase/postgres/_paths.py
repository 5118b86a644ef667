"""Where a server's files may lie: chosen, made and checked here, never taken over.

Folders that are not ours are never changed; in folders that everybody may write to, ours is used
only when no other user could have put it there.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pybase.core.errors import DatabaseError
from pybase.postgres._os_user import Account, nearest_existing, server_account

# The kernel's limit for a socket's path is 104 bytes on macOS, 108 on Linux, with the final NUL.
_LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")
# A comma separates folders in PostgreSQL's setting, a blank or a quote must survive a shell.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")


@contextmanager
def plain_refusals() -> Iterator[None]:
    """Turn the system's refusal to read or write a file into one sentence."""
    try:
        yield
    except OSError as error:
        raise DatabaseError(
            f"The embedded PostgreSQL cannot use {error.filename or 'a file'}: {error.strerror}.",
            "Free space or mend its permissions, or set DATABASE_URL to a server you have.",
        ) from error


@plain_refusals()
def locate(checkout: Path) -> Path:
    """Return the folder of the embedded server that belongs to `checkout`.

    That is `.pybase/postgres` inside it, or, when the server's user cannot reach or we cannot
    write there (root's home is usually 0700), a folder of this machine named after the
    checkout's path. Raise DatabaseError when another user holds that place.
    """
    inside = checkout.resolve() / ".pybase" / "postgres"
    nearest = nearest_existing(inside)
    reachable = server_account(nearest).can_enter(nearest) and os.access(nearest, os.W_OK)
    if reachable or (inside / "data").exists():
        return inside
    return machine_folder() / short_name(checkout)


def machine_folder() -> Path:
    """Return, and make if needed, our own folder outside any checkout, readable by servers.

    Root's is in /var/lib, because /var/tmp is swept of old files, and these may be data.
    """
    if os.geteuid() == 0 and Path("/var/lib").is_dir():
        return own_folder(Path("/var/lib/pybase"), os.geteuid(), 0o755)
    return own_folder(Path(f"/var/tmp/pybase-{os.geteuid()}"), os.geteuid(), 0o755)  # noqa: S108


def socket_folder(directory: Path, account: Account) -> Path:
    """Return the folder of the socket of the server in `directory`; it may not exist yet.

    It lies inside `directory` unless a socket's path there would be too long, or needs quoting.
    """
    inside = directory.resolve() / "socket"
    plain = _PLAIN_PATH.fullmatch(str(inside)) is not None
    if plain and len(os.fsencode(inside)) <= _LONGEST_SOCKET_FOLDER:
        return inside
    shared = Path(f"/tmp/pybase-{account.uid}")  # noqa: S108
    return own_folder(shared, account.uid, 0o700, account) / short_name(directory)


def own_folder(path: Path, uid: int, mode: int, account: Account | None = None) -> Path:
    """Make `path`, or check that it is a folder which nobody but `uid` and root can change.

    Raise DatabaseError otherwise: in /tmp somebody else may have made it first, to serve us
    their own server or to have us write through their link.
    """
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        _refuse_foreign(path, uid)
        return path
    path.chmod(mode)  # mkdir's mode is subject to the umask
    if account is not None:
        account.own(path)
    return path


def make_folders(directory: Path) -> None:
    """Make `directory` and its missing parents, owned by the owner of what was there already."""
    missing = [step for step in (directory, *directory.parents) if not step.exists()]
    owner = nearest_existing(directory).stat()
    # Root's server runs as another user, who has to pass through; data/ and socket/ stay closed.
    mode = 0o755 if os.geteuid() == 0 else 0o700
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        folder.chmod(mode)
        if os.geteuid() == 0:
            os.chown(folder, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_lock_file(directory: Path) -> Path:
    """Return the lock file of `directory`, made with the folder itself where it is missing."""
    make_folders(directory)
    lock_file = directory / "lock"
    if not lock_file.exists():
        lock_file.touch()
        # A lock left by `sudo` must be one that the owner of the folder can take.
        owner = directory.stat()
        os.chown(lock_file, owner.st_uid, owner.st_gid, follow_symlinks=False)
    return lock_file


def short_name(path: Path) -> str:
    """Return a name of 16 hexadecimal digits that stands for the resolved `path`."""
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]


def _refuse_foreign(path: Path, uid: int) -> None:
    status = path.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid in (uid, 0)
    if is_ours and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return
    raise DatabaseError(
        f"{path} is not a folder that only user {uid} can write to; somebody else may hold it.",
        f"Look at `ls -ld {path}` and remove it, or set DATABASE_URL to a server you have.",
    )
