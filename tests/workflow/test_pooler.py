"""PgBouncer in front of the server: session mode serves; transaction mode is refused.

Every path that takes the migration lock, or changes settings of its session, finds the mode out
before that: nothing is left on the pooled sessions.
"""

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from projects import LINE, Project, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer
from waiting import wait_until

from pybase.migrate.sql import Backfill, render_backfill
from pybase.postgres import database_name
from pybase.postgres._os_user import server_user

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

pytestmark = pytest.mark.skipif(
    PGBOUNCER is None, reason="there is no pgbouncer (Debian: apt-get install pgbouncer)"
)


LOOP = render_backfill(Backfill("cities", "note = name", "note IS NULL", ("name",)))
FILL = Revision(
    "dddddddddddd",
    LINE[-1].id,
    f"with op.get_context().autocommit_block():\n    op.execute(sa.text({LOOP!r}))",
    title="Fill note of cities.",
    accepted={"writes-all-rows": "It is small."},
)


@contextmanager
def pooled(
    server: TcpServer, url: str, mode: str, port: int, folder: Path, settings: str = ""
) -> Iterator[str]:
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
        f"ignore_startup_parameters = extra_float_digits\n{settings}\n",
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
    """A history with a backfill, and a database on the server that wants a password."""
    project.environment["DATABASE_URL"] = tcp_url
    project.lay_out(*LINE, FILL).write_sql()
    return project


def test_session_mode_serves(
    tcp: Project, tcp_server: TcpServer, tcp_url: str, pool_folder: Path, free_port: int
) -> None:
    with pooled(tcp_server, tcp_url, "session", free_port, pool_folder) as url:
        assert tcp.done("migrate", DATABASE_URL=url).endswith("4 applied.\n")
        assert tcp.done("migrate", DATABASE_URL=url).startswith("Nothing to do")
        assert tcp.alembic("downgrade", "-1", DATABASE_URL=url).code == 0
        assert left_behind(tcp_url) == (0, [])


PATHS: dict[str, tuple[str, ...]] = {
    "migrate": ("migrate",),
    "without-sql": ("migrate", "--python-revisions"),
    "downgrade": ("downgrade", "-1", "--allow-data-loss"),
    "backfill": ("backfill", "cities"),
}
ALEMBIC = {
    "upgrade": ("upgrade", "head"),
    "downgrade": ("downgrade", "-1"),
    "stamp": ("stamp", "head"),
}
"""The same of plain `alembic`, through our env.py."""


def test_transaction_mode_is_refused_on_every_path(
    tcp: Project, tcp_server: TcpServer, tcp_url: str, pool_folder: Path, free_port: int
) -> None:
    with pooled(tcp_server, tcp_url, "transaction", free_port, pool_folder) as url:
        for path in PATHS.values():
            message = tcp.refused(*path, code=3, DATABASE_URL=url)
            assert "error[transaction-pooler]" in message
            assert "at the server itself" in message
            assert left_behind(tcp_url) == (0, []), path
        for path in ALEMBIC.values():
            result = tcp.alembic(*path, DATABASE_URL=url)
            assert result.code != 0
            assert "pooler in transaction mode" in result.text, path
            assert left_behind(tcp_url) == (0, []), path
        assert created(tcp_url) == []
    assert tcp.done("migrate").endswith("4 applied.\n"), "no lock is in its way"


BY_TURNS = "server_round_robin = 1"


@pytest.mark.parametrize(
    ("settings", "clients"),
    [("", 4), (BY_TURNS, 0), (BY_TURNS, 4), ("default_pool_size = 1", 0)],
    ids=["busy", "by-turns", "busy-by-turns", "one-session"],
)
def test_transaction_mode_is_recognized_however_sessions_are_chosen(
    settings: str, clients: int, tcp: Project, tcp_server: TcpServer, tcp_url: str,
    pool_folder: Path, free_port: int,
) -> None:  # fmt: skip
    with (
        pooled(tcp_server, tcp_url, "transaction", free_port, pool_folder, settings) as url,
        used_by(url, clients, sessions=1 if "pool_size" in settings else 3),
    ):
        for _ in range(5):
            message = tcp.refused("migrate", code=3, DATABASE_URL=url)
            assert "error[transaction-pooler]" in message
        assert left_behind(tcp_url) == (0, [])
        assert created(tcp_url) == []


@contextmanager
def used_by(url: str, clients: int, sessions: int) -> Iterator[None]:
    """Open so many sessions of the pool, and let clients use them without a pause."""
    with ExitStack() as around:
        for _ in range(sessions):  # each in a transaction, so each needs a session of its own
            around.enter_context(psycopg.connect(url)).execute("SELECT 1")
    is_over = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not is_over.is_set():
                connection.execute("SELECT 1")

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def left_behind(url: str) -> tuple[int, list[str]]:
    """How many advisory locks the database's sessions hold, and those that hold any."""
    query = (
        "SELECT count(*), coalesce(array_agg(a.application_name), '{}') FROM pg_locks AS l"
        " LEFT JOIN pg_stat_activity AS a USING (pid) WHERE l.locktype = 'advisory'"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchone() or (0, [])


def created(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [name for (name,) in rows]
