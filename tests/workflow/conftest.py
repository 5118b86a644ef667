"""Small projects on real servers, and a server that requires a password."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from projects import Git, Project

from pybase.postgres import find_bin, scratch_database
from pybase.postgres._os_user import server_user

PASSWORD = "pä@ss/w%rd#1:2?"  # every character that a URL wants encoded
ENCODED = quote(PASSWORD, safe="")


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


@dataclass(frozen=True)
class TcpServer:
    """A PostgreSQL on a loopback port that asks every user for a password."""

    directory: Path
    port: int

    def url(
        self, database: str = "postgres", user: str = "postgres", password: str = ENCODED
    ) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def run(self, program: str, *arguments: str, **variables: str) -> None:
        """Run one of PostgreSQL's programs as the user that the server runs as."""
        account = server_user(self.directory)
        subprocess.run(
            [str(find_bin(18, account) / program), *arguments],
            cwd=self.directory,
            env={"PATH": os.defpath, "LC_ALL": "C", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # the server keeps it open: a pipe would never end
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=120,
            **account.process_identity(),
        )

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c fsync=off"
            " -c unix_socket_directories="
        )
        self.run("pg_ctl", "-D", "data", "-l", "log", "-w", "-s", "-o", options, "start")


@pytest.fixture(scope="session")
def tcp_server(servers_folder: Path, worker_id: str) -> Iterator[TcpServer]:
    server = TcpServer(_folder(servers_folder / f"tcp-{worker_id}"), _free_port())
    secret = server.directory / "password"
    secret.write_text(PASSWORD, "utf-8")
    server_user(server.directory).own(secret)
    server.run(
        "initdb", "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret.name,
        "-E", "UTF8", "--locale=C", "--no-sync", "-D", "data",
    )  # fmt: skip
    server.start()
    yield server
    server.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-s", "stop")
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
        _folder(tcp_server.directory.with_name(f"standby-{worker_id}")), _free_port()
    )
    standby.run(
        "pg_basebackup", "-d", tcp_server.url(), "-D", "data", "-R", "-c", "fast", "--no-sync"
    )
    standby.start()
    yield tcp_url.replace(f":{tcp_server.port}/", f":{standby.port}/")
    standby.run("pg_ctl", "-D", "data", "-m", "immediate", "-w", "-s", "stop")
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
    return _free_port()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of the xdist worker, or of the one process there is."""
    worker: dict[str, str] = getattr(request.config, "workerinput", {})
    return worker.get("workerid", "main")


def _folder(path: Path) -> Path:
    """A folder for a server; the watchdog finds it by its lock file when the run is killed."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    path.chmod(0o700)
    (path / "lock").touch()
    server_user(path).own(path)
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
