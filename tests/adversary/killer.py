"""`python -m killer HOW NUMBER VERB...`: run a verb, and disturb its NUMBER-th file operation.

HOW is `kill`, or `full`: then the disk is full at that operation. Only operations that change a
file of the project count. A file that is opened to be written is created, or emptied, before the
kill: what is left between that and the write is the worst.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pybase.cli import main

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def _opens(path: Any, _mode: Any, flags: Any) -> bool:
    return isinstance(path, str | os.PathLike) and bool((flags or 0) & _WRITING)


def _removes(path: Any, _folder: Any = -1) -> bool:
    return os.path.lexists(path)


_CHANGES: dict[str, Callable[..., bool]] = {
    "open": _opens,
    "os.rename": lambda *_: True,
    "os.remove": _removes,
    "os.rmdir": _removes,
    "os.mkdir": lambda path, *_: not os.path.lexists(path),
}
"""Audit events of file operations, and whether one with these arguments changes anything."""


def disturb(how: str, number: int, root: str) -> None:
    """Disturb this process at an operation below `root`."""
    count = 0
    is_busy = False  # what this hook does itself is not counted

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count, is_busy
        if is_busy or event not in _CHANGES:
            return
        is_busy = True
        path = Path(root, os.fsdecode(arguments[0])) if event != "open" else arguments[0]
        is_ours = str(path).startswith(f"{root}/") and "__pycache__" not in str(path)
        if is_ours and _CHANGES[event](*arguments):
            count += 1
            if how == "kill" and count == number:
                if event == "open":
                    os.close(os.open(path, (arguments[2] & ~os.O_EXCL) | os.O_CREAT, 0o600))
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "full" and count == number and event in ("open", "os.mkdir", "os.rename"):
                is_busy = False
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        is_busy = False

    sys.addaudithook(hook)


if __name__ == "__main__":
    disturb(sys.argv[1], int(sys.argv[2]), str(Path.cwd()))
    sys.exit(main(sys.argv[3:]))
