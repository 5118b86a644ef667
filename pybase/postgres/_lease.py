"""Lease of a scratch server: one project uses it at a time, with any number of processes.

A revision may change what all databases of a server share, and another project must not meet that.
So a project that finds a server leased gets the next one. A lease is a lock of the kernel on a
file, which ends with its process; the file names the project, and holds the idle time.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from pybase.postgres import _watcher as watcher
from pybase.postgres._cluster import Cluster, scratch_cluster
from pybase.postgres._paths import lock_file, report_os_errors, scratch_folder

_MOST_BYTES = 8192


class Lease:
    """The lease of one scratch server; close it when done."""

    def __init__(self, cluster: Cluster) -> None:
        """Open its file; nothing is locked yet."""
        self.cluster = cluster
        self._file = os.open(lock_file(cluster.directory, "lease"), os.O_RDWR | os.O_CLOEXEC)

    def share(self, project: Path, idle_s: int) -> bool:
        """Take it for a project; returns False while another project has it."""
        project = project.resolve()
        if self.seize():
            os.truncate(self._file, 0)
            os.pwrite(self._file, b"%d\n%s" % (idle_s, os.fsencode(project)), 0)
        # another process may have it for a moment between the two locks
        return watcher.is_locked(self._file, fcntl.LOCK_SH) and self.project == project

    def seize(self) -> bool:
        """Take it for this process alone; where others have it, a share of it is given up."""
        return watcher.is_locked(self._file, fcntl.LOCK_EX)

    @property
    def project(self) -> Path:
        """The project that has it, or had it last."""
        return Path(os.fsdecode(os.pread(self._file, _MOST_BYTES, 0).partition(b"\n")[2]))

    def close(self) -> None:
        """Give it up."""
        os.close(self._file)

    def end_use(self) -> None:
        """Give it up; the idle time begins."""
        os.utime(self._file)
        self.close()


@report_os_errors()
def lease(project: Path, major: int, idle_s: int) -> Lease:
    """Return the lease of the first scratch server that no other project uses."""
    folder, numbers = scratch_folder(), count(1)
    while True:
        taken = Lease(scratch_cluster(folder / f"{major}-{next(numbers)}", major))
        if taken.share(project, idle_s):
            return taken
        taken.close()


@report_os_errors()
def watch(cluster: Cluster) -> bool:
    """Let a scratch server end by itself when it is idle; returns False where it does already."""
    lock_file(cluster.directory)  # which the watcher takes before it changes anything
    return watcher.start(lock_file(cluster.directory, "watch"), cluster.socket)


def scratch_clusters() -> list[Cluster]:
    """Return the scratch clusters of this user that have data, of all versions."""
    return [
        scratch_cluster(data.parent, int(data.parent.name.partition("-")[0]))
        for data in sorted(scratch_folder().glob("[0-9]*-[0-9]*/data"))
    ]


def prune(embedded: Cluster) -> list[Path]:
    """Stop the scratch servers that are not in use, and delete their data; returns their folders.

    Earlier versions had one next to each embedded server: that of `embedded` is included.
    """
    earlier = embedded.directory.with_name(f"{embedded.directory.name}-scratch")
    clusters = [*scratch_clusters(), scratch_cluster(earlier, embedded.major)]
    pruned = []
    for cluster in (cluster for cluster in clusters if cluster.data.exists()):
        with unused(cluster) as user:
            if user is None:
                cluster.destroy()
                pruned.append(cluster.directory)
    return pruned


@contextmanager
def unused(cluster: Cluster, project: Path | None = None) -> Iterator[Path | None]:
    """Keep others from a scratch server; yields the project that uses it, or None.

    With None, or `project` itself, it may be stopped and deleted.
    """
    with report_os_errors():
        held = Lease(cluster)
    try:
        user = None if held.seize() else held.project
        yield None if project is not None and user == project.resolve() else user
    finally:
        held.close()
