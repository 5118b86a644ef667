"""Servers and databases for the tests: real ones, shared by a run and removed after it."""

import fcntl
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest
from postgres.watchdog import processes_of
from projects import SERVER_19, Git, Project
from tcp_servers import ENCODED, PASSWORD, TcpServer, new_folder, unused_port

from pybase.postgres import Cluster, scratch_cluster, scratch_database
from pybase.postgres._os_user import server_user
from pybase.postgres._paths import machine_folder

os.environ.pop("FORCE_COLOR", None)  # tests compare plain output

_ENOUGH_BYTES = 6 * 2**30
_ROOT = Path(__file__).parents[1]
_WATCHDOG = Path(__file__).parent / "postgres" / "watchdog.py"


_RUN = pytest.StashKey[tuple[IO[bytes], "subprocess.Popen[bytes]"]]()
"""The lease of the run's folder, and its watchdog."""


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: a test waits for its server half of the time."""
    return (os.cpu_count() or 1) + 1


def pytest_configure(config: pytest.Config) -> None:
    """Give the run a folder for servers, the scratch servers of its commands among them.

    It is outside of pytest's own, which is 0700: root's server runs as another user. A watchdog
    waits for the exclusive lock on `lease`, which the kernel grants when the last process of the
    run has ended, also by SIGKILL; then it ends the servers and deletes the folder.
    """
    if hasattr(config, "workerinput"):  # of xdist: the controller has done it
        return
    folder = Path(tempfile.mkdtemp(prefix="pybase-tests-", dir=_server_location()))
    folder.chmod(0o755)
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    lease = (folder / "lease").open("wb")
    fcntl.flock(lease, fcntl.LOCK_SH)
    watchdog = subprocess.Popen(
        [sys.executable, str(_WATCHDOG), str(folder)],
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    config.stash[_RUN] = lease, watchdog


def pytest_collection_finish() -> None:
    """Collect garbage as `pybase.__main__` does, and never among what collection has created."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of which a server, another process or data are left."""
    if _RUN not in session.config.stash:
        return
    lease, watchdog = session.config.stash[_RUN]
    lease.close()
    watchdog.wait(120)
    temporary: Path = session.config._tmp_path_factory.getbasetemp()
    if left := [*_left_by(_servers_folder()), *_left_by(temporary)]:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nThe run has left behind:", *left, sep="\n  ")


def _left_by(folder: Path) -> list[str]:
    """What is left of a folder of the run: processes in it, servers, data of its checkouts."""
    left = [f"process {pid}" for pid in processes_of(folder)]
    left += [f"server {data}" for data in folder.rglob("PG_VERSION") if data.parent.name == "data"]
    for record in machine_folder().glob("*/checkout"):
        data = record.with_name("data")
        left += [f"server {data}"] if str(folder) in record.read_text() and data.exists() else []
    return left


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """The folder for servers of the run, which its xdist workers share; each keeps it alive."""
    folder = _servers_folder()
    with (folder / "lease").open("rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_SH)
        yield folder


def _servers_folder() -> Path:
    return Path(os.environ["XDG_CACHE_HOME"]).parent


def _server_location() -> Path:
    """Memory, where there is enough: to create a database is mostly to copy files."""
    memory = Path("/dev/shm")
    is_roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ENOUGH_BYTES
    return memory if is_roomy and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def server18_url(servers_folder: Path) -> str:
    return _started(scratch_cluster(servers_folder / "18", 18))


@pytest.fixture(scope="session")
def server16_url(servers_folder: Path) -> str:
    return _started(scratch_cluster(servers_folder / "16", 16))


@pytest.fixture(scope="session")
def server19_url() -> str:
    """The server that PYBASE_POSTGRES_19_URL names."""
    return SERVER_19 or pytest.skip("PYBASE_POSTGRES_19_URL names no server of PostgreSQL 19")


_SERVERS = {"pg18": "server18_url", "pg16": "server16_url"} | (
    {"pg19": "server19_url"} if SERVER_19 else {}
)


@pytest.fixture(params=_SERVERS.values(), ids=_SERVERS)
def any_server_url(request: pytest.FixtureRequest) -> str:
    """Each supported server in turn."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def database_url(server18_url: str) -> Iterator[str]:
    """A new, empty database."""
    with scratch_database(server18_url, prefix="test") as url:
        yield url


@pytest.fixture
def project(tmp_path: Path, server18_url: str, database_url: str) -> Project:
    """An empty folder; its verbs work on `database_url` and rehearse on the same server."""
    return Project(tmp_path, {"DATABASE_URL": database_url, "PYBASE_REHEARSAL_URL": server18_url})


@pytest.fixture
def git(project: Project) -> Git:
    """Runs git in the project's folder, which is a repository with the branch main."""

    def run(*arguments: str) -> str:
        who = ("-c", "user.name=Eve", "-c", "user.email=eve@example.org")
        return subprocess.run(
            ["git", *who, "-c", "core.hooksPath=/dev/null", *arguments],
            cwd=project.root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    project.root.mkdir(exist_ok=True)
    run("init", "-q", "-b", "main")
    return run


@pytest.fixture(scope="session")
def tcp_server(servers_folder: Path, worker_id: str) -> Iterator[TcpServer]:
    server = TcpServer(new_folder(servers_folder / f"tcp-{worker_id}"), unused_port())
    secret = server.directory / "password"
    secret.write_text(PASSWORD, "utf-8")
    server_user(server.directory).own(secret)
    server.run(
        "initdb", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret.name,
        "-E", "UTF8", "--locale=C", "--no-sync", "-D", "data",
    )  # fmt: skip
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.directory)


@pytest.fixture
def tcp_url(tcp_server: TcpServer) -> Iterator[str]:
    """A new, empty database on the server that requires a password."""
    with scratch_database(tcp_server.url(), prefix="tcp") as url:
        yield url


@pytest.fixture
def standby_url(tcp_server: TcpServer, tcp_url: str, worker_id: str) -> Iterator[str]:
    """The database of `tcp_url` on a streaming standby of its server."""
    standby = TcpServer(
        new_folder(tcp_server.directory.with_name(f"standby-{worker_id}")), unused_port()
    )
    standby.run(
        "pg_basebackup", "-d", tcp_server.url(), "-D", "data", "-R", "-c", "fast", "--no-sync"
    )
    standby.start()
    yield tcp_url.replace(f":{tcp_server.port}/", f":{standby.port}/")
    standby.stop()
    shutil.rmtree(standby.directory)


@pytest.fixture
def guest_url(tcp_server: TcpServer, tcp_url: str) -> Iterator[str]:
    """The URL of the database of `tcp_url` for a role without privileges."""
    with psycopg.connect(tcp_server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest-secret'")
    yield tcp_url.replace(f"postgres:{ENCODED}@", "guest:guest-secret@")
    with psycopg.connect(tcp_server.url(), autocommit=True) as connection:
        connection.execute("DROP ROLE guest")


@pytest.fixture(scope="session")
def free_port() -> int:
    """A loopback port without a listener."""
    return unused_port()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of the xdist worker, or of the one process there is."""
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    return worker.get("workerid", "main")


def _started(cluster: Cluster) -> str:
    cluster.ensure_running()
    return cluster.url()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the controller of xdist which attack table a test belongs to."""
    report = yield
    report.user_properties += [
        ("adversary", mark.args[0]) for mark in item.iter_markers("adversary")
    ]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests report also when they pass, and how many attacks were held."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")
    for line in _adversary_lines(terminalreporter):
        terminalreporter.write_line(line)


def _adversary_lines(terminalreporter: pytest.TerminalReporter) -> Iterator[str]:
    """Yield a line a table of attacks, and the sum; a test of generated inputs counts each."""
    tried, held = Counter[str](), Counter[str]()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            known = dict(getattr(report, "user_properties", ()))  # a folder's report has none
            if "adversary" in known:
                tried[known["adversary"]] += known.get("tried", 1)
                held[known["adversary"]] += known.get("tried", 1) if outcome == "passed" else 0
    for table in sorted(tried):
        yield f"adversary: {table}: tried {tried[table]:,}, held {held[table]:,}"
    if tried:
        yield f"adversary: tried {tried.total():,}, held {held.total():,}"
