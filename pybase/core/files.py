"""Files on disk: written whole or not at all, and told apart by digest."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from importlib.util import cache_from_source
from pathlib import Path


def digest(content: bytes) -> str:
    """16 hex digits that tell two contents apart; they find mistakes, not attackers."""
    return hashlib.sha256(content).hexdigest()[:16]


def digest_files(paths: Iterable[Path]) -> str:
    """One digest of the names and contents of `paths`, in their order; a missing one counts."""
    state = hashlib.sha256()
    for path in paths:
        state.update(f"\0{path}\0".encode())
        try:
            state.update(path.read_bytes())
        except FileNotFoundError:
            state.update(b"\0missing")
    return state.hexdigest()


def write_file(path: Path, text: str) -> None:
    """Write a file so that a reader, or a crash, sees the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        temporary.chmod(0o644)
        temporary.replace(path)
        if path.suffix == ".py":
            # Python believes bytecode of the same second and size, as a revision's may be
            Path(cache_from_source(path)).unlink(missing_ok=True)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
