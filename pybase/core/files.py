"""Files: atomic writing, and digests of contents."""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path


def digest(content: bytes) -> str:
    """Return 16 hex digits that detect a changed content; not for security."""
    return hashlib.sha256(content).hexdigest()[:16]


def digest_files(paths: Iterable[str]) -> str:
    """Return one digest of the names and contents of files, in order; a missing file counts."""
    state = hashlib.sha256()
    for path in paths:
        state.update(f"\0{path}\0".encode())
        with suppress(FileNotFoundError), open(path, "rb") as file:  # noqa: PTH123  thousands
            state.update(b"\1" + file.read())
    return state.hexdigest()


def files_below(folder: str) -> Iterator[str]:
    """Yield the files in a folder and its subfolders, but for bytecode."""
    for parent, _, names in os.walk(folder):
        yield from (f"{parent}/{name}" for name in names if not name.endswith(".pyc"))


def write_file(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file atomically: a reader, or a crash, meets the old text or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        temporary.chmod(mode)
        temporary.replace(path)
        if path.suffix == ".py":
            # Python trusts bytecode of the same second and size, as a revision's may be
            Path(cache_from_source(path)).unlink(missing_ok=True)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
