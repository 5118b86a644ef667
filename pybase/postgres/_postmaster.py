"""Lock files of PostgreSQL, and the process that wrote them.

The pid in `postmaster.pid` proves nothing: after a crash or a reboot another process may have it.
A process is signalled only if its working directory is that data directory.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

# PostgreSQL expects a positive number here, and no system assigns this one.
_IMPOSSIBLE_PID = 2**31 - 1
_POLL_S = 0.02
_SOCKET_NAME = ".s.PGSQL.5432"
_SHUTDOWNS = ((signal.SIGINT, 30), (signal.SIGQUIT, 10))
"""(signal, seconds): fast, then immediate, after which the next start recovers from the WAL."""


def find_postmaster(data: Path) -> int | None:
    """Return the pid of the live server of `data`, or None."""
    pid = _first_line_pid(data / "postmaster.pid")
    return pid if pid is not None and works_in(pid, data) else None


def is_unreachable(data: Path, socket: Path) -> bool:
    """Return whether the server of `data` listens elsewhere, or its socket file was deleted.

    That happens when its checkout is moved, or /tmp is cleaned. PostgreSQL records its socket
    folder only after creating the socket, so this is false while a server starts.
    """
    try:
        lines = (data / "postmaster.pid").read_bytes().splitlines()
    except FileNotFoundError:
        return False
    recorded = os.fsdecode(lines[4]) if len(lines) > 4 else ""
    return bool(recorded) and (recorded != str(socket) or not (socket / _SOCKET_NAME).exists())


def release_lock_files(data: Path, socket: Path) -> None:
    """Release the lock files of a dead server, whose pid another process may have.

    They are overwritten, not unlinked: the other lines name the old shared memory, by which
    PostgreSQL itself refuses to start while children of a killed server run.
    """
    for lock_file in (data / "postmaster.pid", socket / f"{_SOCKET_NAME}.lock"):
        with suppress(FileNotFoundError), lock_file.open("r+b") as file:
            _, _, rest = file.read().partition(b"\n")
            file.seek(0)  # in place: on a full disk a truncated file would stay empty
            file.write(b"%d\n%s" % (_IMPOSSIBLE_PID, rest))
            file.truncate()


def stop_postmaster(data: Path) -> bool:
    """Stop the server of `data`; return whether it has ended."""
    for number, timeout_s in _SHUTDOWNS:
        pid = find_postmaster(data)
        if pid is None:
            return True
        os.kill(pid, number)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if find_postmaster(data) is None:
                return True
            pause()
    return False


def pause() -> None:
    """Sleep between two checks of a server."""
    time.sleep(_POLL_S)


def _first_line_pid(lock_file: Path) -> int | None:
    try:
        first = lock_file.read_bytes().partition(b"\n")[0]
        return abs(int(first)) or None  # negative: a standalone backend
    except (FileNotFoundError, ValueError):
        return None


def works_in(pid: int, data: Path) -> bool:
    """Return whether `pid` is a postgres whose working directory is `data`, as a server's is."""
    try:
        if sys.platform != "linux":
            return Path(_ask_lsof(pid)).samefile(data)
        if Path(f"/proc/{pid}/comm").read_bytes() != b"postgres\n":
            return False
        return _proc_working_directory(pid, data).samefile(data)
    except OSError:  # ended, a zombie, or another user's
        return False


def _proc_working_directory(pid: int, data: Path) -> Path:
    link = Path(f"/proc/{pid}/cwd")
    try:
        link.stat()
        return link
    except PermissionError:
        # Root in a container usually lacks CAP_SYS_PTRACE, and may not inspect other users'
        # processes; the owner of the data may inspect its own server.
        owner = data.stat()
        target = subprocess.run(
            ["readlink", str(link)],  # noqa: S607
            capture_output=True,
            check=False,
            user=owner.st_uid,
            group=owner.st_gid,
            extra_groups=[],
        ).stdout
        return Path(os.fsdecode(target.rstrip(b"\n")) or os.devnull)


def _ask_lsof(pid: int) -> str:
    command = ["/usr/sbin/lsof", "-a", "-c", "postgres", "-p", str(pid), "-d", "cwd", "-Fn"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return next((line[1:] for line in listing.splitlines() if line.startswith("n")), os.devnull)
