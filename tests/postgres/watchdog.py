"""Watchdog of a folder of servers: destroys both once no process holds the lease."""

import fcntl
import shutil
import sys
from pathlib import Path


def main(folder: Path) -> None:
    with (folder / "lease").open("wb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        from pybase.postgres import Cluster  # after the wait: the test run starts sooner

        for lock in folder.rglob("lock"):
            Cluster(lock.parent).destroy()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
