"""Watchdog of a run's folder of servers: ends and deletes them once no process holds the lease."""

import fcntl
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def main(folder: Path) -> None:
    with (folder / "lease").open("wb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        from pybase.postgres import Cluster  # after the wait: the test run starts sooner

        for watcher in processes_of(folder, "_watcher"):
            with suppress(ProcessLookupError):
                os.kill(watcher, signal.SIGKILL)
        for lock in folder.rglob("lock"):
            Cluster(lock.parent).destroy()
        shutil.rmtree(folder, ignore_errors=True)


def processes_of(folder: Path, word: str = "") -> list[int]:
    """Processes that work below a folder, or have it and `word` among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            arguments = os.fsdecode((process / "cmdline").read_bytes())
            place = "" if word else str((process / "cwd").readlink())
            if str(folder) in f"{arguments}\n{place}" and word in arguments:
                found.append(int(process.name))
    return [pid for pid in found if pid != os.getpid()]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
