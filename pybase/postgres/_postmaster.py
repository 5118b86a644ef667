"""Read PostgreSQL's lock files, and tell a live server from a number that only looks like one.

A pid in `postmaster.pid` proves nothing: after a crash or a reboot it may be anybody's. Nothing
is signalled before its working directory has shown it to be the server of that data directory.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

# PostgreSQL wants a positive number here, and no system hands out this one.
_IMPOSSIBLE_PID = 2**31 - 1
_POLL_S = 0.02
SOCKET_NAME = ".s.PGSQL.5432"


def find_postmaster(data: Path) -> int | None:
    """Return the pid of the live server of `data`, or None when there is none."""
    pid = _first_line_pid(data / "postmaster.pid")
    return pid if pid is not None and _works_in(pid, data) else None


def is_unreachable(data: Path, socket: Path) -> bool:
    """Tell whether the server of `data` listens elsewhere, or its socket file is gone.

    That is so after its checkout was moved, or when somebody swept /tmp. PostgreSQL writes its
    socket folder down only when the socket is there, so a server that starts up is neither.
    """
    try:
        lines = (data / "postmaster.pid").read_bytes().splitlines()
    except FileNotFoundError:
        return False
    recorded = os.fsdecode(lines[4]) if len(lines) > 4 else ""
    return bool(recorded) and (recorded != str(socket) or not (socket / SOCKET_NAME).exists())


def disown_lock_files(data: Path, socket: Path) -> None:
    """Free the lock files of a dead server, whose pid may have been given to a stranger.

    They are overwritten, not unlinked: the other lines name the old shared memory, by which
    PostgreSQL itself still refuses to start beside surviving children of a killed server.
    """
    for lock_file in (data / "postmaster.pid", socket / f"{SOCKET_NAME}.lock"):
        with suppress(FileNotFoundError), lock_file.open("r+b") as file:
            _, _, rest = file.read().partition(b"\n")
            file.seek(0)  # in place: on a full disk a truncated file would stay empty
            file.write(b"%d\n%s" % (_IMPOSSIBLE_PID, rest))
            file.truncate()


def stop_postmaster(data: Path, *, fast_s: float = 30, immediate_s: float = 10) -> bool:
    """Stop the server of `data`; tell whether it is gone.

    A fast shutdown first; when that has not ended after `fast_s` seconds, an immediate one, after
    which the next start recovers from the write-ahead log.
    """
    for how, patience_s in ((signal.SIGINT, fast_s), (signal.SIGQUIT, immediate_s)):
        pid = find_postmaster(data)
        if pid is None:
            return True
        os.kill(pid, how)
        if _wait_for_end(data, patience_s):
            return True
    return False


def pause() -> float:
    """Sleep for a moment between two looks at a server; return its length in seconds."""
    time.sleep(_POLL_S)
    return _POLL_S


def _wait_for_end(data: Path, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if find_postmaster(data) is None:
            return True
        pause()
    return False


def _first_line_pid(lock_file: Path) -> int | None:
    try:
        first = lock_file.read_bytes().partition(b"\n")[0]
        return abs(int(first)) or None  # negative: a standalone backend
    except (FileNotFoundError, ValueError):
        return None


def _works_in(pid: int, data: Path) -> bool:
    """Tell whether `pid` is a postgres whose working directory is `data`, as every server's is."""
    try:
        if sys.platform != "linux":
            return Path(_ask_lsof(pid)).samefile(data)
        if Path(f"/proc/{pid}/comm").read_bytes() != b"postgres\n":
            return False
        return _proc_working_directory(pid, data).samefile(data)
    except OSError:  # gone, a zombie, or somebody else's
        return False


def _proc_working_directory(pid: int, data: Path) -> Path:
    link = Path(f"/proc/{pid}/cwd")
    try:
        link.stat()
        return link
    except PermissionError:
        # Root in a container usually lacks CAP_SYS_PTRACE, and may not look at other users'
        # processes; the owner of the data may look at its own server.
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
