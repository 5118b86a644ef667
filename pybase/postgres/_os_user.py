"""User of the operating system as whom a server runs, and the folders that this user can enter.

PostgreSQL refuses to run as root. An ordinary user's server runs as that user; root's server runs
as the owner of the folder that contains it, so that `sudo` in a user's checkout leaves only files
that the user owns, or else as `postgres` or `nobody`.
"""

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from msgspec import Struct

from pybase.core.errors import DatabaseError

_ROOT = 0
_UNPRIVILEGED = ("postgres", "nobody")


class ProcessIdentity(TypedDict, total=False):
    """The arguments of `subprocess.run` that change the user of a child."""

    user: int
    group: int
    extra_groups: list[int]


class OsUser(Struct, frozen=True):
    """A user of this machine as whom a server runs."""

    name: str
    uid: int
    gid: int

    @property
    def is_known(self) -> bool:
        """Whether the password file has this user."""
        return self.name != str(self.uid)

    @property
    def is_caller(self) -> bool:
        """Whether this process runs as this user."""
        return self.uid == os.geteuid()

    def process_identity(self) -> ProcessIdentity:
        """Return the arguments to run a child as this user, without supplementary groups."""
        if self.is_caller:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can_enter(self, folder: Path) -> bool:
        """Return whether this user may pass through every folder down to `folder`.

        Read from the permission bits, without a child process, because every connection checks it.
        """
        if self.is_caller:
            return os.access(folder, os.X_OK)
        return all(self._has_search_bit(step) for step in (folder, *folder.parents))

    def own(self, path: Path) -> None:
        """Give `path`, which this process has created, to this user."""
        if not self.is_caller:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _has_search_bit(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def server_user(near: Path) -> OsUser:
    """Return the user as whom a server with its data at `near` (which may not exist yet) runs.

    Raise DatabaseError for root on a machine without another user for it.
    """
    if os.geteuid() != _ROOT:
        return _caller()
    for entry in _candidates(nearest_existing(near).stat().st_uid):
        if entry.pw_uid != _ROOT:
            return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise DatabaseError(
        "PostgreSQL does not run as root, and this machine has no user `postgres` or `nobody`.",
        "Run the command as an ordinary user, or set DATABASE_URL to an existing server.",
        code="no-server-user",
    )


def owners_in(checkout: Path) -> set[int]:
    """Return the users to whom folders may belong that commands have created in `checkout`."""
    owner = checkout.stat().st_uid
    servers = {entry.pw_uid for entry in _candidates(owner)} if os.geteuid() == _ROOT else set()
    return {os.geteuid(), _ROOT, owner} | servers


def nearest_existing(path: Path) -> Path:
    """Return `path`, or the closest folder above it that exists."""
    return next(step for step in (path, *path.parents) if step.exists())


def _caller() -> OsUser:
    uid = os.geteuid()
    name = str(uid)  # in a container started with a number for its user
    with suppress(KeyError):
        name = pwd.getpwuid(uid).pw_name
    return OsUser(name, uid, os.getegid())


def _candidates(owner: int) -> Iterator[pwd.struct_passwd]:
    # The owner must be in the password file: initdb looks its user up there and fails otherwise.
    with suppress(KeyError):
        yield pwd.getpwuid(owner)
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            yield pwd.getpwnam(name)
