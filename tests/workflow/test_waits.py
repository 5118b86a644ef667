"""What a run waits for: autovacuum is cancelled, once; who blocks a long wait is named."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from projects import LINE, ONE, TWO, Project, Revision
from tcp_servers import TcpServer
from waiting import wait_for_query, wait_until

# --- autovacuum -----------------------------------------------------------------------------------

SLOW_VACUUM = """
INSERT INTO cities SELECT 'city ' || n FROM generate_series(1, 20000) AS n;
DELETE FROM cities;
ALTER TABLE cities SET (
    autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
    autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0
)
"""
"""Takes minutes."""

OLD_ROWS = """
CREATE TABLE ids (n int);
DO $$ BEGIN
    FOR i IN 1..100100 LOOP
        BEGIN
            INSERT INTO ids VALUES (i);
            RAISE division_by_zero;
        EXCEPTION WHEN division_by_zero THEN NULL;
        END;
    END LOOP;
END $$
"""
"""Uses so many transaction ids that the vacuum has to prevent their wraparound."""

RUNS = (
    "SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE backend_type = 'autovacuum worker' AND relation = 'cities'::regclass AND granted"
)


@pytest.fixture
def vacuumed(project: Project, tcp_server: TcpServer, tcp_url: str) -> Iterator[Project]:
    """A database at its second revision of three, on a server that vacuums each second."""
    project.environment["DATABASE_URL"] = tcp_url
    project.lay_out(*LINE).write_sql()
    with psycopg.connect(tcp_server.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        connection.execute("SELECT pg_reload_conf()")
        project.done("migrate", TWO.id)
        yield project
        connection.execute("ALTER SYSTEM RESET autovacuum_naptime")
        connection.execute("SELECT pg_reload_conf()")


def vacuums(url: str, *scripts: str) -> None:
    execute(url, *scripts)
    wait_for_query(url, RUNS)


OWNER = "ALTER TABLE {} OWNER TO guest"


@pytest.mark.parametrize("role", ["superuser", "owner"])
def test_migration_behind_an_autovacuum_is_applied_within_two_seconds(
    role: str, vacuumed: Project, tcp_url: str, guest_url: str
) -> None:
    """A role that may not cancel it waits for the server to do that."""
    if role == "owner":
        tables = ("cities", "alembic_version", "migration_ledger")
        execute(tcp_url, *map(OWNER.format, tables), "GRANT ALL ON SCHEMA public TO guest")
    vacuums(tcp_url, SLOW_VACUUM)
    began = time.monotonic()
    url = guest_url if role == "owner" else tcp_url
    result = vacuumed.run("migrate", DATABASE_URL=url)
    took = time.monotonic() - began
    assert result.out.endswith("1 applied.\n"), result.text
    assert "(autovacuum) has SHARE UPDATE EXCLUSIVE on cities" in result.err
    assert took < 2.5, "with half a second for the process and its checks"
    if role == "owner":
        execute(tcp_url, "REASSIGN OWNED BY guest TO postgres", "DROP OWNED BY guest")


def test_autovacuum_against_wraparound_is_named_and_not_cancelled(
    vacuumed: Project, tcp_url: str
) -> None:
    early = "autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay"
    vacuums(tcp_url, OLD_ROWS, SLOW_VACUUM.replace("autovacuum_vacuum_cost_delay", early))
    message = vacuumed.refused("migrate", "--deadline-s", "1", code=3)
    assert "error[lock-timeout]" in message
    assert "(autovacuum, to prevent wraparound: PostgreSQL does not cancel it)" in message
    assert execute(tcp_url, RUNS) == [(True,)]


def execute(url: str, *statements: str) -> list[Any]:
    """Execute statements, each in a transaction of its own; return the rows of the last."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


# --- waits without an end -------------------------------------------------------------------------

ALONE = "with op.get_context().autocommit_block():\n    op.execute({!r})"
INDEX = ALONE.format("CREATE INDEX CONCURRENTLY ix_cities ON cities (name)")


@contextmanager
def other_session(project: Project, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(project.environment["DATABASE_URL"], application_name="reader") as other:
        for statement in statements:
            other.execute(statement.encode())
        yield other


WAITS = {
    "old-snapshot": ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1"),
    "writer": ("INSERT INTO cities VALUES ('Rome')",),
    "lock": ("LOCK TABLE cities IN SHARE UPDATE EXCLUSIVE MODE",),
}
"""What an index that is built concurrently waits for, in each of its phases."""


@pytest.mark.parametrize("statements", WAITS.values(), ids=WAITS)
def test_who_blocks_a_concurrent_index_is_named(
    statements: tuple[str, ...], project: Project
) -> None:
    project.lay_out(ONE, Revision(TWO.id, ONE.id, INDEX)).write_sql()
    project.done("migrate", ONE.id)
    is_lock = statements == WAITS["lock"]
    what = " has SHARE UPDATE EXCLUSIVE on cities" if is_lock else " has a transaction open"
    with other_session(project, *statements) as other:
        who = f"pid {other.info.backend_pid} (user postgres, reader, idle in transaction)"
        command = project.start("migrate")
        wait_until(lambda: f"{who}{what}, for" in command.err)
        other.rollback()
        result = project.ended(command)
    assert result.out.endswith("1 applied.\n"), result.text
    assert result.err.count("Waiting for") == 1


def test_prepared_transaction_in_the_way_is_named(project: Project, tcp_url: str) -> None:
    """It has no process that could be ended."""
    project.environment["DATABASE_URL"] = tcp_url
    project.lay_out(*LINE).write_sql()
    project.done("migrate", TWO.id)
    prepare = "BEGIN; LOCK TABLE cities IN SHARE MODE; PREPARE TRANSACTION 'held'"
    execute(tcp_url, prepare)
    try:
        message = project.refused("migrate", "--deadline-s", "1", code=3)
    finally:
        execute(tcp_url, "ROLLBACK PREPARED 'held'")
    assert "(ROLLBACK PREPARED ends it, see pg_prepared_xacts) has SHARE on cities" in message
