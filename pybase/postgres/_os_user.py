"""Which user of this machine the server runs as, and what that user may reach.

PostgreSQL refuses to run as root. An ordinary user's server runs as that user; root's server runs
as the owner of the folder it lives in, so that `sudo` in somebody's checkout leaves nothing behind
that they cannot use, or else as `postgres` or `nobody`.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from pybase.core.errors import DatabaseError

_ROOT = 0
_UNPRIVILEGED = ("postgres", "nobody")


class ProcessIdentity(TypedDict, total=False):
    """The arguments of `subprocess.run` that change the user of a child."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of this machine that a server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        """Whether this is the user that this process already runs as."""
        return self.uid == os.geteuid()

    def process_identity(self) -> ProcessIdentity:
        """Return what `subprocess` needs to run a child as this user, with no other groups."""
        if self.is_caller:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user may pass through every folder down to `folder`.

        Permission bits are read instead of trying it out in a child: this is asked on every
        attach, which must not spawn processes.
        """
        if self.is_caller:
            return os.access(folder, os.X_OK)
        return all(self._has_search_bit(step) for step in (folder, *folder.parents))

    def own(self, path: Path) -> None:
        """Give `path`, which we have just made, to this user."""
        if not self.is_caller:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _has_search_bit(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_account(near: Path) -> Account:
    """Return the user that a server with its data at `near` (which need not exist yet) runs as.

    Raise DatabaseError for root on a machine that has no other user to run it as.
    """
    if os.geteuid() != _ROOT:
        return _caller()
    for entry in _candidates(nearest_existing(near).stat().st_uid):
        if entry.pw_uid != _ROOT:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise DatabaseError(
        "PostgreSQL does not run as root, and this machine has no user `postgres` or `nobody`.",
        "Run the command as an ordinary user, or set DATABASE_URL to a server you have.",
    )


def nearest_existing(path: Path) -> Path:
    """Return `path`, or the closest folder above it that exists."""
    return next(step for step in (path, *path.parents) if step.exists())


def _caller() -> Account:
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:  # a container started with a bare number for its user
        name = str(uid)
    return Account(name, uid, os.getegid())


def _candidates(owner: int) -> Iterator[pwd.struct_passwd]:
    # The owner must be in the password file: initdb looks its user up there and gives up without.
    for lookup, key in ((pwd.getpwuid, owner), *((pwd.getpwnam, n) for n in _UNPRIVILEGED)):
        try:
            yield lookup(key)  # type: ignore[operator]
        except KeyError:
            continue
