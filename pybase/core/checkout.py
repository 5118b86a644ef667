"""Files that git keeps, as revisions and `sql/`: written by one process at a time, all or none.

From the first write to the last, `.pybase/journal` holds each file's content before and after.
What a killed process has written is undone by the next command, except where it was edited since.
New content is prepared in `.pybase`, so that no temporary file is ever next to what git keeps.
"""

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING

from pybase.core import _journal
from pybase.core._journal import Change, Journal
from pybase.core.errors import CheckFailedError, PybaseError, UsageError
from pybase.core.files import file_lock, forget_bytecode, give_to_owner, make_folder
from pybase.core.settings import Settings

if TYPE_CHECKING:
    from filelock import BaseFileLock

_log = logging.getLogger(__name__)

_PATIENCE_S = 10
_DRAFTS = "new-"


class Writer:
    """The only process that may write the files of a checkout."""

    def __init__(self, settings: Settings) -> None:
        """Begin without changes."""
        self._root = settings.root
        self._place = journal_path(settings)
        self._staged = settings.state / "staged"
        self._journal = Journal()

    def write(self, contents: Mapping[Path, str | None]) -> None:
        """Give files their content; None deletes one.

        Raises UsageError where the system refuses; then everything written so far is undone.
        """
        changes = tuple(
            Change(self._name(path), _content(path), None if text is None else text.encode())
            for path, text in contents.items()
        )
        if changes:
            folders = {folder for path in contents for folder in path.parents}
            new = tuple(self._name(folder) for folder in folders if not folder.exists())
            before = self._journal
            self._journal = Journal((*before.folders, *new), (*before.changes, *changes))
            with _reported(self._place):
                _journal.save(self._place, self._journal, self._staged)
        for change in changes:
            self._put(change.path, change.after)

    def commit(self) -> None:
        """Keep all that was written."""
        with _reported(self._place):
            self._place.unlink(missing_ok=True)

    def undo(self) -> None:
        """Restore all files, except for those that were edited since."""
        for change in reversed(self._journal.changes):
            path = self._path(change.path)
            content = _content(path)
            if content != change.before and change.is_done(content):
                self._put(change.path, change.before)
            else:
                forget_bytecode(path)
        for folder in sorted(map(self._path, self._journal.folders), reverse=True):
            with suppress(OSError):  # other files are in it
                folder.rmdir()
        self._journal = Journal()
        self.commit()

    def recover(self) -> None:
        """Undo what a killed process has left. Raises UsageError for the journal of another."""
        with _reported(self._place):
            journal = _journal.load(self._place)
        if journal is not None:
            self._journal = journal
            self.undo()

    def _put(self, name: str, content: bytes | None) -> None:
        path = self._path(name)
        with _reported(path):
            if content is None:
                path.unlink(missing_ok=True)
            else:
                make_folder(path.parent)
                mode = S_IMODE(path.stat().st_mode) if path.exists() else 0o644
                with _journal.created(self._staged, mode) as file:
                    file.write(content)
                _move(self._staged, path)
                give_to_owner(path)
            forget_bytecode(path)

    def _name(self, path: Path) -> str:
        return os.path.relpath(path, self._root)

    def _path(self, name: str) -> Path:
        return Path(os.path.normpath(self._root / name))


@contextmanager
def writing(settings: Settings) -> Iterator[Writer]:
    """Let this process write the files of a checkout; all is undone where the block fails.

    What a killed process has left is undone first. Raises UsageError where the system refuses,
    CheckFailedError while another process writes.
    """
    with _locked(settings):
        writer = Writer(settings)
        writer.recover()
        for folder in settings.state.glob(f"{_DRAFTS}*"):
            shutil.rmtree(folder, ignore_errors=True)
        try:
            yield writer
            writer.commit()
        except BaseException:
            with suppress(PybaseError, OSError):  # the next command tries it again
                writer.undo()
            raise


def recover(settings: Settings) -> None:
    """Undo what a killed process has left; one look where there is nothing. Raises as `writing`."""
    if os.path.lexists(journal_path(settings)):
        with writing(settings):
            pass


def require_complete(settings: Settings) -> None:
    """Refuse a checkout whose files are being written, or were when a process was killed."""
    if os.path.lexists(journal_path(settings)):
        raise CheckFailedError(
            "A command that writes revisions or SQL has not ended, or was killed.",
            "Let it end; after a kill, restore the files: nox -s history",
            code="incomplete-checkout",
        )


def journal_path(settings: Settings) -> Path:
    """Return the file that exists while files are written."""
    return settings.state / "journal"


@contextmanager
def draft_folder(settings: Settings) -> Iterator[Path]:
    """Yield an empty folder for drafts, and remove it afterwards; `writing` does after a kill."""
    state = settings.prepare_state()
    with tempfile.TemporaryDirectory(prefix=_DRAFTS, dir=state) as folder:
        yield Path(folder)


def _content(path: Path) -> bytes | None:
    with _reported(path):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _move(staged: Path, path: Path) -> None:
    try:
        staged.replace(path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        path.write_bytes(staged.read_bytes())  # `.pybase` is on another file system
        staged.unlink()


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Raise UsageError where the system refuses to read or write a file."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.",
            "Correct that, and run the same command again: it begins with the files as they were.",
            code="unwritable-checkout",
        ) from error


# --- one process at a time ------------------------------------------------------------------------


@contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    path = settings.state / "lock"
    lock = file_lock(path, _PATIENCE_S)
    with _reported(path):
        settings.prepare_state()
        _acquire(lock)
        give_to_owner(path)  # or the user could not lock it after `sudo`
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: "BaseFileLock") -> None:
    try:
        lock.acquire(timeout=0)
    except TimeoutError:
        _log.warning("Another command writes this checkout; waiting up to %s s.", _PATIENCE_S)
        try:
            lock.acquire()
        except TimeoutError:
            raise CheckFailedError(
                "Another command writes this checkout, and its files may be incomplete.",
                "Wait until it has ended, then run the same command again.",
                code="busy-checkout",
            ) from None
