"""Interruptions: files are written completely or not at all, and SIGTERM acts like Ctrl-C."""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pybase.core.files import write_file

_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def terminable() -> Iterator[None]:
    """Make SIGTERM raise KeyboardInterrupt, so that context managers clean up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold signals back until the end of the block; they are raised afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def restored_on_failure(paths: Iterable[Path]) -> Iterator[None]:
    """Restore files, and folders that did not exist, where the block fails."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    parents = {folder for path in before for folder in path.parents if not folder.exists()}
    is_done = False
    try:
        yield
        is_done = True
    finally:
        if not is_done:
            with uninterrupted():
                _restore(before, parents)


def _restore(before: dict[Path, bytes | None], parents: Iterable[Path]) -> None:
    for path, content in before.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_file(path, content.decode())
    for folder in sorted(parents, reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
