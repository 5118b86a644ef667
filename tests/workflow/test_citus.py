"""The layout on a Citus cluster, with the coordinator that PYBASE_CITUS_URL names.

Its databases are created on the coordinator and on each worker, and dropped afterwards.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import psycopg
import pytest
from msgspec.structs import replace
from projects import Project, Revision
from psycopg.conninfo import conninfo_to_dict
from waiting import wait_until

from pybase.migrate import layout
from pybase.migrate.layout import ObservedSchema
from workflow.layout_cases import LAYOUT, STATES, recorded

CITUS_URL = os.environ.get("PYBASE_CITUS_URL", "")

pytestmark = [
    pytest.mark.citus,
    pytest.mark.skipif(not CITUS_URL, reason="PYBASE_CITUS_URL names no coordinator of Citus"),
    pytest.mark.xdist_group("citus"),
]

NAME = f"pybase_test_{os.getpid()}"


def url_of(host: str, port: int, database: str) -> str:
    """A URL that differs from the coordinator's in these."""
    own = conninfo_to_dict(CITUS_URL)
    user, password = (quote(str(own.get(name, "")), safe="") for name in ("user", "password"))
    return f"postgresql://{user}{password and f':{password}'}@{host}:{port}/{database}"


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """A new database of the cluster, with the workers of the coordinator's own."""
    coordinator = conninfo_to_dict(CITUS_URL)
    with psycopg.connect(CITUS_URL, autocommit=True) as connection:
        workers = connection.execute("SELECT * FROM citus_get_active_worker_nodes()").fetchall()
    own = (str(coordinator["host"]), int(coordinator.get("port") or 5432))
    nodes = [own, *workers]
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(on_node, node, f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
            on_node(node, f"CREATE DATABASE {NAME}")
            on_node(node, "CREATE EXTENSION citus", NAME)
        on_node(own, f"SELECT citus_set_coordinator_host('{own[0]}', {own[1]})", NAME)
        for host, port in workers:
            on_node(own, f"SELECT citus_add_node('{host}', {port})", NAME)
        yield url_of(*own, NAME)


def on_node(node: tuple[str, int], statement: str, database: str = "postgres") -> None:
    with psycopg.connect(url_of(*node, database), autocommit=True) as connection:
        connection.execute(statement.encode())


def run(connection: psycopg.Connection[object], statements: str) -> None:
    """Send each statement as a message: Citus may run the text of a whole message on workers."""
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement.encode())


def observed(connection: psycopg.Connection[object]) -> ObservedSchema:
    """The state without what differs between clusters: sizes, and numbers of groups."""
    schema = layout.observe(connection, LAYOUT, on_citus=True)
    groups: dict[int, int] = {}
    tables = []
    for item in schema.tables:
        placement = item.placement and replace(
            item.placement,
            group=groups.setdefault(item.placement.group, len(groups)),
            local_bytes=min(item.placement.local_bytes, 1),
        )
        tables.append(replace(item, total_bytes=0, placement=placement))
    return replace(schema, tables=tuple(tables))


@pytest.mark.parametrize("name", STATES)
def test_catalog_is_as_recorded(name: str, cluster_url: str) -> None:
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        run(connection, STATES[name])
        assert observed(connection) == recorded()[name]


def test_file_brings_each_table_there(cluster_url: str) -> None:
    """As psql sends it, twice."""
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        run(connection, STATES["empty"])
        for _ in range(2):
            connection.execute(layout.files(LAYOUT)[layout.SCRIPT].encode())
            assert observed(connection) == recorded()["done"]


# --- the verbs ------------------------------------------------------------------------------------

MODELS = """\
import sqlalchemy as sa

metadata = sa.MetaData()


def table(name, column, group, *items):
    info = {"citus": {"distributed_by": column, "colocated_with": group}}
    sa.Table(name, metadata, *items, info=info)


def number(name, *key):
    return sa.Column(name, sa.BigInteger(), *key, nullable=False)


table("accounts", None, None, number("id"), sa.PrimaryKeyConstraint("id", name="pk_accounts"))
table(
    "spaces", "id", None, number("id"),
    number("account_id", sa.ForeignKey("accounts.id", name="fk_spaces_account_id")),
    sa.PrimaryKeyConstraint("id", name="pk_spaces"),
)
table(
    "items", "space_id", "spaces",
    number("space_id", sa.ForeignKey("spaces.id", name="fk_items_space_id", ondelete="CASCADE")),
    number("id"), sa.PrimaryKeyConstraint("space_id", "id", name="pk_items"),
)
table(
    "events", "space_id", "spaces", number("space_id"), number("id"),
    sa.PrimaryKeyConstraint("space_id", "id", name="pk_events"),
)
"""
TABLES = Revision(
    "aaaaaaaaaaaa",
    None,
    "\n".join(
        f"op.execute({part.strip()!r})" for part in STATES["empty"].split(";") if part.strip()
    ),
    "\n".join(f"op.drop_table({name!r})" for name in ("events", "items", "spaces", "accounts")),
)
LATER = Revision(
    "bbbbbbbbbbbb",
    TABLES.id,
    "op.add_column('items', sa.Column('note', sa.Text()))\n"
    "op.create_foreign_key('fk_events_space_id', 'events', 'spaces', ['space_id'], ['id'])\n"
    "op.execute('CREATE INDEX ix_spaces_account_id ON spaces (account_id)')",
    "op.drop_index('ix_spaces_account_id')\n"
    "op.drop_constraint('fk_events_space_id', 'events')\n"
    "op.drop_column('items', 'note')",
)


@pytest.fixture
def on_cluster(project: Project, cluster_url: str) -> Project:
    project.environment["DATABASE_URL"] = cluster_url
    return project


def placements(url: str) -> dict[str, str]:
    """How each table is spread."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT table_name::text, citus_table_type FROM citus_tables")
        return dict(rows.fetchall())


SPREAD = {
    "accounts": "reference",
    "spaces": "distributed",
    "items": "distributed",
    "events": "distributed",
}


def test_from_nothing_to_head_and_to_base(on_cluster: Project, cluster_url: str) -> None:
    on_cluster.lay_out(TABLES, models=MODELS).write_sql()
    on_cluster.done("migrate")
    assert placements(cluster_url) == SPREAD
    assert "Nothing to do" in on_cluster.done("distribute")
    on_cluster.add(LATER)
    on_cluster.write_sql()
    on_cluster.done("migrate", "--force", "hazards")
    with psycopg.connect(cluster_url) as connection:
        columns = connection.execute(
            "SELECT DISTINCT result FROM run_command_on_shards('items', "
            "$$SELECT count(*) FROM pg_attribute WHERE attrelid = '%s'::regclass AND attname = "
            "'note'$$)"
        )
        assert columns.fetchall() == [("1",)]
    on_cluster.done("downgrade", "base", "--database", NAME, "--allow-data-loss")
    assert placements(cluster_url) == {}


FILL = Revision(
    "cccccccccccc",
    LATER.id,
    "op.backfill('items', set=\"note = 'old'\", where='note IS NULL', key=['space_id', 'id'])",
    "op.backfill('items', set='note = NULL', where='note IS NOT NULL', key=['space_id', 'id'])",
)
ROWS = """
INSERT INTO accounts VALUES (1);
INSERT INTO spaces SELECT n, 1 FROM generate_series(1, 40) AS n;
INSERT INTO items (space_id, id)
SELECT s, n FROM generate_series(1, 40) AS s, generate_series(1, 50) AS n
"""
FILLED = "SELECT count(*) FROM items WHERE note = 'old'"
POSITIONS = "SELECT count(*) FROM pg_class WHERE relname LIKE 'backfill%'"


def test_backfill_of_a_distributed_table_goes_on_after_a_kill(
    on_cluster: Project, cluster_url: str
) -> None:
    """It ends a short wait for a row on a worker too: what it has changed there is free again."""
    on_cluster.lay_out(TABLES, LATER, FILL, models=MODELS).write_sql()
    on_cluster.done("migrate", LATER.id, "--force", "hazards")
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        run(connection, ROWS)
        with psycopg.connect(cluster_url) as holder:
            holder.execute("UPDATE items SET note = note WHERE space_id = 20 AND id = 10")
            command = on_cluster.start("backfill", "items")
            wait_until(lambda: one(connection, FILLED) >= 900)
            with connection.transaction():
                connection.execute(layout.lock_timeout_everywhere("5s").encode())
                connection.execute("UPDATE items SET note = 'new' WHERE space_id = 21")
            run(connection, END_OF_BACKFILL)
            assert on_cluster.ended(command).code == 3
        assert (one(connection, FILLED) < 2000, one(connection, POSITIONS)) == (True, 1)
        on_cluster.done("migrate", "--force", "hazards")
        assert (one(connection, FILLED), one(connection, POSITIONS)) == (1950, 0)
        on_cluster.done("downgrade", LATER.id, "--allow-data-loss")
        assert (one(connection, FILLED), one(connection, POSITIONS)) == (0, 0)


END_OF_BACKFILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND query LIKE 'DO $backfill$%'
"""


def one(connection: psycopg.Connection[object], query: str) -> int:
    (value,) = connection.execute(query.encode()).fetchone() or (0,)
    return value


def test_rows_are_spread_and_the_copies_deleted(on_cluster: Project, cluster_url: str) -> None:
    """A database from before the cluster; `events` without foreign keys is done concurrently."""
    on_cluster.lay_out(TABLES, models=MODELS).write_sql()
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        run(connection, STATES["with rows"])
    on_cluster.done("stamp", "head")
    plan = on_cluster.done("distribute", "--plan")
    assert "concurrently" in plan
    on_cluster.done("distribute")
    assert placements(cluster_url) == SPREAD
    with psycopg.connect(cluster_url) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM events), "
            "(SELECT sum(pg_relation_size(logicalrelid)) FROM pg_dist_partition)"
        )
        assert counts.fetchone() == (2, 2, 0)


def test_open_transaction_stops_a_concurrent_distribution(
    on_cluster: Project, cluster_url: str
) -> None:
    """Citus would wait for it without a limit, and all readers and writers behind it."""
    on_cluster.lay_out(TABLES, models=MODELS).write_sql()
    with psycopg.connect(cluster_url, autocommit=True) as connection:
        run(connection, STATES["with rows"])
    on_cluster.done("stamp", "head")
    with psycopg.connect(cluster_url) as holder:
        holder.execute("UPDATE events SET id = id WHERE id = 1")
        options = ("--deadline-s", "3")
        message = on_cluster.refused("distribute", *options, code=3)
        assert "[distribution-timeout]" in message
        assert f"pid {holder.info.backend_pid}" in message
    assert "events" not in placements(cluster_url)
    on_cluster.done("distribute")
    assert placements(cluster_url) == SPREAD


def test_lock_on_a_worker_ends_a_statement_of_its_own(
    on_cluster: Project, cluster_url: str
) -> None:
    """Outside of the revision's transaction too, where a session's timeout stays on its node."""
    alone = "with op.get_context().autocommit_block():\n    op.execute({!r})"
    statements = ("ALTER TABLE items ADD COLUMN n integer", "ALTER TABLE items DROP COLUMN n")
    later = Revision("bbbbbbbbbbbb", TABLES.id, *map(alone.format, statements))
    on_cluster.lay_out(TABLES, later, models=MODELS).write_sql()
    on_cluster.done("migrate", TABLES.id)
    with on_shard(cluster_url):
        options = ("--force", "hazards", "--deadline-s", "3")
        assert "[lock-timeout]" in on_cluster.refused("migrate", *options, code=3)
    on_cluster.done("migrate", "--force", "hazards")


@contextmanager
def on_shard(url: str) -> Iterator[str]:
    """A session on a worker that reads a shard of `items`; how a message names it."""
    with psycopg.connect(url) as connection:
        node = connection.execute(
            "SELECT nodename, nodeport, shard_name FROM citus_shards "
            "WHERE table_name = 'items'::regclass AND nodeport <> %s LIMIT 1",
            [connection.info.port],
        ).fetchone()
    assert node is not None
    host, port, shard = node
    with psycopg.connect(url_of(host, port, NAME)) as holder:
        holder.execute(f"SELECT 1 FROM {shard} LIMIT 1".encode())
        yield f"pid {holder.info.backend_pid} on the node {host}:{port}"


def test_lock_on_a_worker_is_named_with_its_node(on_cluster: Project, cluster_url: str) -> None:
    """Its timeout reaches the worker, and the one who has it is found there."""
    on_cluster.lay_out(TABLES, models=MODELS).write_sql()
    on_cluster.done("migrate")
    on_cluster.add(LATER)
    on_cluster.write_sql()
    with on_shard(cluster_url) as holder:
        options = ("--force", "hazards", "--lock-timeout-ms", "500", "--deadline-s", "5")
        message = on_cluster.refused("migrate", *options, code=3)
    assert "[lock-timeout]" in message
    assert holder in message
    with psycopg.connect(cluster_url) as connection:
        heads = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        assert heads == [(TABLES.id,)]
    on_cluster.done("migrate", "--force", "hazards")
