"""Sealed files: what this user has written on this machine, and nothing else.

A checkout may bring along a file of the same name, and another user may write one. Neither has the
key of the seal, which is kept outside of any checkout. A file without a valid seal is missing.
"""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from functools import cache
from hashlib import blake2b
from pathlib import Path

from pybase.core.files import user_folder, write_file
from pybase.core.settings import Settings

_KEY_BYTES = 32


def read_sealed(path: Path) -> bytes | None:
    """Return the content of a file that `write_sealed` has written here; None for any other."""
    try:
        seal, _, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if seal.decode("ascii", "replace") == _seal(path, content) else None


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file atomically, for its owner alone, under a seal of its name and content."""
    write_file(path, f"{_seal(path, content)}\n{content.decode()}", mode=0o600)


def keep_sealed(settings: Settings, path: Path, content: bytes) -> None:
    """Write a file of the state folder as `write_sealed`; nothing in a read-only checkout."""
    try:
        settings.prepare_state()
        write_sealed(path, content)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise


def _seal(path: Path, content: bytes) -> str:
    name = path.name.encode()
    return blake2b(name + b"\0" + content, key=_key(), digest_size=16).hexdigest()


@cache
def _key() -> bytes:
    """Return the user's key; where none can be kept, one that ends with this process."""
    try:
        folder = user_folder("XDG_STATE_HOME", ".local/state")
        if folder is not None:
            if not (folder / "key").exists():
                _create_key(folder / "key")
            return _read_key(folder / "key")
    except OSError:  # as where another user can read it
        pass
    return os.urandom(_KEY_BYTES)


def _read_key(path: Path) -> bytes:
    """Return the key. Raises OSError where another user can have read or written it."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        status = os.fstat(file.fileno())
        key = file.read()
    is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if not is_own or status.st_mode & 0o077 or len(key) != _KEY_BYTES:
        raise PermissionError(path)
    return key


def _create_key(path: Path) -> None:
    """Write a new key; of two processes that do so at once, the first succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)  # its mode is 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()
