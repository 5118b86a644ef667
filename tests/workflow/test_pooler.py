"""migrate through PgBouncer: session mode serves, transaction mode is told apart and refused."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from projects import LINE, Project
from tcp_servers import ENCODED, PASSWORD, TcpServer
from waiting import wait_until

from pybase.postgres import database_name
from pybase.postgres._os_user import server_user

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="there is no pgbouncer (Debian: apt-get install pgbouncer)"
)


@contextmanager
def pooled(server: TcpServer, url: str, mode: str, port: int, folder: Path) -> Iterator[str]:
    """Yield the URL of the database behind a PgBouncer."""
    assert PGBOUNCER is not None
    account = server_user(folder)
    users = folder / "users"
    users.write_text(f'"postgres" "{PASSWORD}"\n', "utf-8")
    config = folder / "pgbouncer.ini"
    config.write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"pool_mode = {mode}\nauth_type = scram-sha-256\nauth_file = {users}\n"
        "ignore_startup_parameters = extra_float_digits\n",
        "utf-8",
    )
    folder.chmod(0o755)
    for path in (folder, users, config):
        account.own(path)
    process = subprocess.Popen(
        [PGBOUNCER, str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **account.process_identity(),
    )
    try:
        wait_until(lambda: _is_open(port))
        yield f"postgresql://postgres:{ENCODED}@127.0.0.1:{port}/{database_name(url)}"
    finally:
        process.terminate()
        process.wait()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def pool_folder(servers_folder: Path, worker_id: str) -> Iterator[Path]:
    folder = servers_folder / f"pool-{worker_id}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def tcp(project: Project, tcp_url: str) -> Project:
    """A history of three revisions, and a database on the server that wants a password."""
    project.environment["DATABASE_URL"] = tcp_url
    project.lay_out(*LINE).write_sql()
    return project


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_migrate_through_a_pooler(
    mode: str, tcp: Project, tcp_server: TcpServer, tcp_url: str, pool_folder: Path, free_port: int
) -> None:
    with pooled(tcp_server, tcp_url, mode, free_port, pool_folder) as url:
        if mode == "session":
            assert tcp.done("migrate", DATABASE_URL=url).endswith("3 applied.\n")
        else:
            message = tcp.refused("migrate", code=3, DATABASE_URL=url)
            assert "pooler in transaction mode" in message
            assert "at the server itself" in message
            with psycopg.connect(tcp_url) as connection:
                (table,) = connection.execute("SELECT to_regclass('cities')").fetchone() or ("",)
            assert table is None
