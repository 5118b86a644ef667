"""Helpers that inspect a server, and damage it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from waiting import wait_until

from pybase.postgres import Cluster, keep_as_template, last_template, scratch_database

ROOT = Path(__file__).parents[2]
SOCKET_LOCK = ".s.PGSQL.5432.lock"


def ask(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def ensure_template(server_url: str, name: str, build: Callable[[str], object]) -> str:
    """Return `name`, a database to clone; if it is missing, fill a new one by `build(url)`."""
    if not last_template(server_url, [name]):
        with scratch_database(server_url, prefix="building") as url:
            build(url)
            keep_as_template(server_url, url, name)
    return name


def start_time(cluster: Cluster) -> object:
    return ask(cluster.url(), "SELECT pg_postmaster_start_time()")


def recorded_pid(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().splitlines()[0])


def kill_server(cluster: Cluster) -> None:
    """End the server as the kernel does when memory runs out."""
    pid = recorded_pid(cluster)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not cluster.is_running())


def claim_pid(cluster: Cluster, pid: int) -> None:
    """Make the dead server's lock files name `pid`."""
    for lock_file in (cluster.data / "postmaster.pid", cluster.socket / SOCKET_LOCK):
        _, _, rest = lock_file.read_text().partition("\n")
        lock_file.write_text(f"{pid}\n{rest}")


def python(script: str, *arguments: str) -> "subprocess.Popen[str]":
    """Run `script` in another process, with this checkout on its path."""
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@contextmanager
def clusters_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A folder that the servers' user can reach; the clusters below it are destroyed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    folder.chmod(0o755)
    yield folder
    for lock in folder.rglob("lock"):
        Cluster(lock.parent).destroy()
    shutil.rmtree(folder)


@contextmanager
def unrelated_process() -> Iterator["subprocess.Popen[bytes]"]:
    """An unrelated process."""
    process = subprocess.Popen(["sleep", "60"])
    try:
        yield process
    finally:
        process.kill()
        process.wait()
