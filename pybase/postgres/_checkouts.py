"""Checkouts whose servers have their data outside of them, in a folder of this machine.

The data of a checkout that was deleted are deleted, too. One that was moved or renamed, or is on a
disk that is not mounted, is not deleted.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from pybase.core.errors import DatabaseError
from pybase.core.files import file_lock, write_file
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._os_user import server_user
from pybase.postgres._paths import lock_file, machine_folder, machine_path, socket_folder
from pybase.postgres._removal import delete_files

_NAME = "checkout"


class _Place(Struct, frozen=True):
    """The path of a checkout, and device and inode of its folder and of each one above it."""

    path: str
    folders: list[tuple[int, int]]

    def is_deleted(self) -> bool:
        """Whether its folder is gone, or one above it, and has not been renamed in its place."""
        folder = Path(self.path)
        steps = dict(zip((folder, *folder.parents), self.folders, strict=False))
        missing = [step for step in steps if not os.path.lexists(step)]
        if not missing:
            return False
        device, inode = steps[missing[-1]]
        above = missing[-1].parent
        with os.scandir(above) as entries:
            is_there = any(entry.inode() == inode for entry in entries)
        return above.stat().st_dev == device and not is_there


def remember(directory: Path, checkout: Path) -> None:
    """Write down whose data are in a folder of this machine."""
    checkout = checkout.resolve()
    if directory.is_relative_to(checkout):
        return
    folders = [(step.stat().st_dev, step.stat().st_ino) for step in (checkout, *checkout.parents)]
    text = msgspec.json.encode(_Place(str(checkout), folders)).decode()
    write_file(directory / _NAME, text, mode=0o600)


def sweep() -> list[Path]:
    """Stop the servers of checkouts that were deleted, and delete their data; returns these."""
    if not machine_path().exists():
        return []
    with suppress(DatabaseError):  # the folder cannot be used: then it has nothing of ours
        records = sorted(machine_folder().glob(f"*/{_NAME}"))
        return [checkout for record in records for checkout in _swept(record)]
    return []


def _swept(record: Path) -> Iterator[Path]:
    directory = record.parent
    # another process may sweep, or use it; what cannot be read or deleted is left
    with suppress(OSError, TimeoutError, msgspec.DecodeError):
        place = msgspec.json.decode(record.read_bytes(), type=_Place)
        if not place.is_deleted():
            return
        with file_lock(lock_file(directory), 0):
            if postmaster.stop_postmaster(directory / "data"):
                delete_files(directory, socket_folder(directory, server_user(directory / "data")))
                shutil.rmtree(directory)
                yield Path(place.path)
