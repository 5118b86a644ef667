"""Databases at each revision of PyBase's own history, with rows, as templates."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from migrations.rows import ROWS
from projects import OWN_TABLES, Project, Revision

from pybase.cli import TerminalReporter
from pybase.core import settings
from pybase.core.settings import Settings
from pybase.migrate import catalog, deploy, sqlfiles
from pybase.migrate.database import Database
from pybase.migrate.record import Direction
from pybase.migrate.verify._rows import rows_of
from pybase.postgres import Cluster, find_bin, scratch_cluster
from pybase.postgres._os_user import server_user

from .proxy import Proxy

ROOT = Path(__file__).parents[2]
SETTINGS = settings.load(ROOT / "alembic.ini")
State = tuple[dict[str, str], dict[tuple[str, str], str]]


@dataclass(frozen=True)
class Move:
    """One revision in one direction, on a clone of the database that it starts from."""

    revision: str
    parent: str
    is_upgrade: bool
    template: str
    boundaries: int = 0
    """Messages that the server must answer at least: its transactions, and statements outside."""
    settings: Settings = field(default=SETTINGS, compare=False, repr=False)

    @property
    def destination(self) -> str:
        return self.revision if self.is_upgrade else self.parent

    def __str__(self) -> str:
        return f"{'upgrade' if self.is_upgrade else 'downgrade'} of {self.revision}"

    def run(self, url: str) -> int:
        """Run the command under test."""
        database = Database(url, is_embedded=False)
        direction = Direction.UPGRADE if self.is_upgrade else Direction.DOWNGRADE
        with deploy.locked(self.settings, database, Silent()) as session:
            plan = session.plan(self.destination, direction)
            consent = deploy.Consent(to_all=True)
            return deploy.apply(session, plan, Silent(), consent) if plan.steps else 0


class Silent(TerminalReporter):
    """Reporter that shows nothing."""

    result = note = echo = staticmethod(lambda _text: None)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is cut stays cut."""
    monkeypatch.setattr("pybase.migrate.deploy._recovery._outcome.RECONNECT_S", 0)


@pytest.fixture(scope="module")
def cluster(servers_folder: Path, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server for this module only: its tests kill it."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    cluster = scratch_cluster(servers_folder / f"faults-{worker}", 18)
    cluster.ensure_running()
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        # a scratch server may lose the last commits, which these tests must not count
        connection.execute("ALTER ROLE postgres SET synchronous_commit = on")
    yield cluster
    cluster.destroy()


@pytest.fixture(scope="module")
def moves(cluster: Cluster) -> list[Move]:
    """Every revision up and down, each with the database before it."""
    create(cluster, "at_base", "template1")
    return list(_moves(cluster, SETTINGS))


@pytest.fixture(scope="module")
def outside(
    cluster: Cluster,
    moves: list[Move],
    server18_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Move]:
    """The same of a history that runs outside a transaction what ours does not."""
    assert moves, "which have created at_base"
    project = Project(tmp_path_factory.mktemp("outside"), {"PYBASE_REHEARSAL_URL": server18_url})
    project.lay_out(*OUTSIDE).run("sql")
    return list(_moves(cluster, settings.load(project.root / "alembic.ini")))


def _alone(*statements: str) -> str:
    code = "".join(f"\n    op.execute({statement!r})" for statement in statements)
    return f"with op.get_context().autocommit_block():{code}"


OUTSIDE = (
    Revision(
        "000000000001", None,
        "op.execute('CREATE TABLE parts (n int PRIMARY KEY, t text) PARTITION BY RANGE (n)')\n"
        "op.execute('CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)')\n"
        "op.execute('CREATE INDEX ix_parts ON parts (t)')",
        "op.execute('DROP TABLE parts')",
    ),
    Revision(
        "000000000002", "000000000001",
        _alone("REINDEX TABLE CONCURRENTLY parts", "REINDEX INDEX CONCURRENTLY ix_parts"),
        _alone("REINDEX SCHEMA CONCURRENTLY public"),
    ),
    Revision(
        "000000000003", "000000000002",
        _alone("ALTER TABLE parts DETACH PARTITION low CONCURRENTLY"),
        "op.execute('ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (0) TO (10)')",
    ),
    Revision(
        "000000000004", "000000000003",
        _alone("CREATE INDEX CONCURRENTLY ON low (t, n)", "DROP INDEX CONCURRENTLY low_t_idx"),
        _alone("DROP INDEX CONCURRENTLY low_t_n_idx", "CREATE INDEX CONCURRENTLY ON low (t)"),
    ),
)  # fmt: skip


def _moves(cluster: Cluster, options: Settings) -> Iterator[Move]:
    committed = sqlfiles.load(options)
    assert committed is not None
    parent = "base"
    for revision in committed.graph:
        url = create(cluster, f"at_{revision}", f"at_{parent}")
        messages = [_messages(committed, revision, direction) for direction in Direction]
        up = Move(revision, parent, True, f"at_{parent}", messages[0], options)
        up.run(url)
        with psycopg.connect(url) as connection:
            connection.execute(ROWS.get(revision, "SELECT").encode())
        yield up
        yield Move(revision, parent, False, f"at_{revision}", messages[1], options)
        parent = revision


def _messages(committed: sqlfiles.Committed, revision: str, direction: Direction) -> int:
    blocks = committed.record(revision, direction).scripts[direction].blocks
    return sum(1 if block.transactional else len(block.parts) for block in blocks)


def create(cluster: Cluster, name: str, template: str) -> str:
    """Create a database; a scratch one would be dropped after the server was killed."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return cluster.url(name)


@contextmanager
def clone(cluster: Cluster, move: Move) -> Iterator[str]:
    """Yield the URL of a clone of the database that a move starts from."""
    name = f"lost_{'up' if move.is_upgrade else 'down'}_{move.revision}"
    yield create(cluster, name, move.template)
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster, moves: list[Move]) -> dict[Move, tuple[State, int]]:
    """The result of each undisturbed move, and the number of the server's answers."""
    return {move: disturbed_by_nothing(cluster, move) for move in moves}


def disturbed_by_nothing(cluster: Cluster, move: Move) -> tuple[State, int]:
    """Run a move to its end; return its result and the number of answers."""
    with clone(cluster, move) as url:
        proxy = Proxy(url, Proxy.cut)
        move.run(proxy.url)
        proxy.cut()
        return state(url), proxy.answers


def state(url: str) -> State:
    """The catalog and the rows, without the times of the ledger."""
    with psycopg.connect(url, autocommit=True) as connection:
        rows = rows_of(connection)
        rows.pop(("public.migration_ledger", "applied_at"), None)
        return catalog.snapshot(connection, ignore_tables=OWN_TABLES), rows


def stop_at_once(cluster: Cluster) -> None:
    """Stop a server without a checkpoint; it recovers when it is started."""
    account = server_user(cluster.data)
    options: dict[str, Any] = dict(account.process_identity())
    subprocess.run(
        [find_bin(18, account) / "pg_ctl", "-D", cluster.data, "-m", "immediate", "-w", "stop"],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=cluster.directory,
        timeout=60,
        **options,
    )
