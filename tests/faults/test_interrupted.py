"""What PostgreSQL leaves half done outside a transaction, when its session ends in the middle.

Another session holds an old snapshot or a row, for which the statement waits at its worst moment.
The same command then completes what the first has begun.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from projects import ONE, Project, Revision
from waiting import IS_BLOCKED, wait_for_query

from pybase.migrate import catalog

SCHEMA = """
CREATE TABLE cities (name text PRIMARY KEY, note text);
CREATE INDEX ix_note ON cities (note);
CREATE TABLE parts (n int) PARTITION BY RANGE (n);
CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20);
CREATE INDEX ix_parts ON parts (n);
INSERT INTO cities SELECT 'city ' || n, 'x' FROM generate_series(1, 100) AS n;
INSERT INTO low VALUES (1)
"""
SNAPSHOT = ("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT 1")
READER = (*SNAPSHOT, "SELECT FROM parts")
WRITER = ("UPDATE cities SET note = 'y' WHERE name = 'city 1'",)
PENDING = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"


@dataclass(frozen=True)
class Interruption:
    """A statement, who blocks it, and what shows that it was begun."""

    statement: str
    blocker: tuple[str, ...]
    begun: str


INTERRUPTIONS = {
    "detach": Interruption("ALTER TABLE parts DETACH PARTITION low CONCURRENTLY", READER, PENDING),
    "reindex-table": Interruption("REINDEX TABLE CONCURRENTLY cities", WRITER, INVALID),
    "reindex-index": Interruption("REINDEX INDEX CONCURRENTLY ix_note", SNAPSHOT, INVALID),
    "reindex-schema": Interruption("REINDEX SCHEMA CONCURRENTLY public", WRITER, INVALID),
    "reindex-partitions": Interruption("REINDEX TABLE CONCURRENTLY parts", SNAPSHOT, INVALID),
    "index": Interruption("CREATE INDEX CONCURRENTLY i ON cities (name, note)", WRITER, INVALID),
    "index-without-a-name": Interruption(
        "CREATE INDEX CONCURRENTLY ON cities (name, note)", SNAPSHOT, INVALID
    ),
    "drop-index": Interruption("DROP INDEX CONCURRENTLY ix_note", WRITER, INVALID),
}
ALONE = "with op.get_context().autocommit_block():\n    op.execute({!r})"


@pytest.fixture
def half(project: Project, request: pytest.FixtureRequest) -> Project:
    """A database at the first of two revisions, the second of which is the case."""
    schema = "".join(f"op.execute({part!r})\n" for part in SCHEMA.split(";\n"))
    first = Revision(ONE.id, None, schema)
    second = Revision("bbbbbbbbbbbb", ONE.id, ALONE.format(request.param.statement))
    project.lay_out(first, second).write_sql()
    project.done("migrate", ONE.id, "--force", "hazards")
    return project


@contextmanager
def session(project: Project, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(project.environment["DATABASE_URL"], application_name="reader") as other:
        for statement in statements:
            other.execute(statement.encode())
        yield other


def execute(project: Project, *statements: str) -> list[Any]:
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def state(project: Project) -> Any:
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        return catalog.snapshot(connection), connection.execute(
            "SELECT version_num FROM alembic_version"
        ).fetchall()


OURS = "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
THERE = " AND datname = current_database()"


@pytest.mark.parametrize("half", INTERRUPTIONS.values(), ids=INTERRUPTIONS, indirect=True)
def test_statement_that_is_ended_in_the_middle_is_completed(
    half: Project, request: pytest.FixtureRequest
) -> None:
    case = request.node.callspec.params["half"]
    before = execute(half, case.begun)
    with session(half, *case.blocker) as other:
        command = half.start("migrate", "--force", "hazards")
        wait_for_query(half.environment["DATABASE_URL"], IS_BLOCKED)
        execute(half, OURS + THERE)
        result = half.ended(command)
        other.rollback()
    assert result.code == 3, result.text
    assert "error[connection-lost]" in result.err
    assert execute(half, case.begun) > before, "the case is not what it claims"
    again = half.run("migrate", "--force", "hazards")
    assert again.out.endswith("1 applied.\n"), again.text
    assert "an interrupted run" in again.err or "DROP" in case.statement
    assert execute(half, INVALID) == execute(half, PENDING) == [(0,)]
    by_migrate = state(half)
    execute(half, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    half.done("migrate", "--force", "hazards")
    assert by_migrate == state(half), "an undisturbed run has the same result"
