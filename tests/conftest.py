"""Servers and databases for the tests: real ones, shared by a run and removed after it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybase.postgres import Cluster, scratch_cluster, scratch_database

os.environ.pop("FORCE_COLOR", None)  # tests compare plain output

_ENOUGH_BYTES = 6 * 2**30
_ROOT = Path(__file__).parents[1]
_WATCHDOG = Path(__file__).parent / "postgres" / "watchdog.py"


@pytest.fixture(scope="session")
def servers_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A folder for servers, one a run, whichever of its xdist workers asks.

    Each worker holds a shared lock on `lease`. A watchdog waits for the exclusive lock, which the
    kernel grants when the last worker has ended, also by SIGKILL; then it destroys the servers.
    """
    run = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        run = run.parent
    # Outside pytest's own folder, which is 0700: root's server runs as another user.
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:8]
    folder = _server_location() / f"pybase-tests-{digest}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    with (folder / "lease").open("wb") as lease:
        fcntl.flock(lease, fcntl.LOCK_SH)
        subprocess.Popen(
            [sys.executable, str(_WATCHDOG), str(folder)],
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        yield folder


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


@pytest.fixture(params=["server18_url", "server16_url"], ids=["pg18", "pg16"])
def any_server_url(request: pytest.FixtureRequest) -> str:
    """Each supported server in turn."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def database_url(server18_url: str) -> Iterator[str]:
    """A new, empty database."""
    with scratch_database(server18_url, prefix="test") as url:
        yield url


def _started(cluster: Cluster) -> str:
    cluster.ensure_running()
    return cluster.url()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests report also when they pass, such as the number of attempts."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "summary":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")
