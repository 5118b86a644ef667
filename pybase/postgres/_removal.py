"""Deletion of a server's files, without an import that takes memory: the watcher uses it."""

import shutil
import tempfile
from pathlib import Path


def delete_files(directory: Path, socket: Path) -> None:
    """Delete the data, socket and logs of a server that has ended, and nothing else.

    Lock files are kept: another process may be waiting for one.
    """
    delete_data(directory / "data")
    for abandoned in (socket, *directory.glob("initdb-*")):
        shutil.rmtree(abandoned, ignore_errors=True)
    for name in ("log", "log.old"):
        (directory / name).unlink(missing_ok=True)


def delete_data(data: Path) -> None:
    """Delete a data directory: renamed first, so that it is never found half deleted."""
    if data.exists():
        trash = Path(tempfile.mkdtemp(prefix="initdb-", dir=data.parent)) / "data"
        data.rename(trash)
        shutil.rmtree(trash.parent)
