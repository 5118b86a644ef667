"""The journal of a checkout: the content of files before and after a command that writes them."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from pybase.core.errors import UsageError
from pybase.core.files import give_to_owner

_EPOCH_NS = 946_684_800 * 10**9
"""Modification time of a journal, 2000-01-01. git gives no file such a time, and no archive gives
a file the inode that the journal holds: one that came with a checkout is not believed."""


class Change(msgspec.Struct, frozen=True):
    """The content of a file before and after; None where there is no file."""

    path: str
    before: bytes | None
    after: bytes | None

    def is_done(self, content: bytes | None) -> bool:
        """Whether a file is as it was written, or the beginning of that, and not edited since."""
        if content is None or self.after is None:
            return content is self.after
        return self.after.startswith(content)


class Journal(msgspec.Struct, frozen=True):
    """Changes, and folders that did not exist before; all paths are relative to the root."""

    folders: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    inode: int = 0


def load(path: Path) -> Journal | None:
    """Read a journal; None where there is none. Raises UsageError for one of another checkout."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        with suppress(msgspec.DecodeError):
            journal = msgspec.msgpack.decode(file.read(), type=Journal)
            if (status.st_ino, status.st_mtime_ns) == (journal.inode, _EPOCH_NS):
                return journal
    raise UsageError(
        f"{path} was not written in this folder, so no file is restored from it.",
        f"Compare your files with `git status`, then delete it: rm {shlex.quote(str(path))}",
        code="foreign-journal",
    )


def save(path: Path, journal: Journal, staged: Path) -> None:
    """Write a journal atomically, by way of `staged` in the same folder."""
    with created(staged, 0o600) as file:
        inode = os.fstat(file.fileno()).st_ino
        file.write(msgspec.msgpack.encode(msgspec.structs.replace(journal, inode=inode)))
        file.flush()
        os.utime(file.fileno(), ns=(_EPOCH_NS, _EPOCH_NS))
    give_to_owner(staged)
    staged.replace(path)


@contextmanager
def created(path: Path, mode: int) -> Iterator[BinaryIO]:
    """Yield a new file, in the place of an old one or of a link."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        yield file
