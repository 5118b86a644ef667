"""The process that stops a scratch server which is no longer used, and deletes its data.

One a server. It sleeps nearly always, so it imports little, and nothing from outside of the
standard library. It holds no folder of a user, no terminal, and no session of the server.
"""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Any

from pybase.postgres._postmaster import stop_postmaster
from pybase.postgres._removal import delete_files

_PACKAGES = Path(__file__).parents[2]
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); import pybase.postgres._watcher as w; "
_DEFAULT_IDLE_S = 900


def start(watch: Path, socket: Path) -> bool:
    """Start the watcher of the server in whose folder the lock file `watch` is.

    Returns False where one runs already.
    """
    with watch.open("r+b") as file:
        if not is_locked(file.fileno(), fcntl.LOCK_EX):
            return False
    subprocess.run(
        [sys.executable, "-ISB", "-c", f"{_PROGRAM}w.main()", _PACKAGES, watch, socket],
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C and the end of the terminal do not reach it
        check=False,  # the next user of the server tries again
    )
    return True


def main() -> None:
    """Watch one server until it is idle, then stop it and delete its files."""
    _, _, name, socket = sys.argv
    watch = Path(name)
    with watch.open("r+b") as own, watch.with_name("lease").open("r+b") as lease:
        if not is_locked(own.fileno(), fcntl.LOCK_EX):
            return
        if os.fork():  # its starter waits for this process only
            os._exit(0)
        while not _ended(watch.parent, Path(socket), lease):
            time.sleep(max(0.05, min(_left_s(lease), idle_s(lease.fileno()))))
        fcntl.flock(own, fcntl.LOCK_UN)  # first: the next start of the server gets a new watcher


def is_locked(file: int, mode: int) -> bool:
    """Lock a file unless another process prevents that; return whether this process has it."""
    try:
        fcntl.flock(file, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def idle_s(lease: int) -> int:
    """Return after how many seconds without use the server is to end, as its last user set it."""
    number = os.pread(lease, 64, 0).partition(b"\n")[0]
    return int(number) if number.isdigit() else _DEFAULT_IDLE_S


def _left_s(lease: IO[Any]) -> float:
    return os.fstat(lease.fileno()).st_mtime + idle_s(lease.fileno()) - time.time()


def _ended(directory: Path, socket: Path, lease: IO[Any]) -> bool:
    """End an idle server; returns whether it has ended. The next try is after the idle time."""
    if _left_s(lease) > 0:
        return False
    if not is_locked(lease.fileno(), fcntl.LOCK_EX):  # it is in use
        os.utime(lease.fileno())
        return False
    with (directory / "lock").open("r+b") as lock:
        is_idle = _left_s(lease) <= 0 and is_locked(lock.fileno(), fcntl.LOCK_EX)
        if is_idle and stop_postmaster(directory / "data"):
            delete_files(directory, socket)
            return True
    os.utime(lease.fileno())
    fcntl.flock(lease, fcntl.LOCK_UN)
    return False
