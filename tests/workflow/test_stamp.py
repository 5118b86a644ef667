"""stamp: the revision of a database that has its schema already; nothing is run."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg
import pytest
from projects import FORK, LINE, ONE, THREE, TWO, Project, Revision

CITIES = "CREATE TABLE cities (name text NOT NULL CONSTRAINT pk_cities PRIMARY KEY)"
HEAD = f"{CITIES}; ALTER TABLE cities ADD note text"
VERSION = "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY)"
UNKNOWN = "ffffffffffff"
NAMED = ("--database", "{name}")


def at(*revisions: str) -> str:
    """The SQL of a version table that has these revisions."""
    rows = "".join(f"; INSERT INTO alembic_version VALUES ('{each}')" for each in revisions)
    return f"; {VERSION}{rows}"


@dataclass(frozen=True)
class Case:
    """A database, a command, and the rows of the version table and the ledger after it.

    For a refusal, its exit code and the code of its error; then the database is as it was.
    """

    before: str
    arguments: tuple[str, ...]
    versions: tuple[str, ...] = ()
    refusal: tuple[int, str] | None = None
    revisions: tuple[Revision, ...] = LINE
    lines: tuple[str, ...] | None = None
    """The revisions of the ledger; None for those of the version table."""


CASES = {
    "schema-of-head": Case(HEAD, ("head",), (THREE.id,)),
    "schema-of-another-revision": Case(CITIES, (TWO.id,), (TWO.id,)),
    "part-of-an-id": Case(CITIES, (ONE.id[:6],), (ONE.id,)),
    "after-plain-alembic": Case(CITIES + at(ONE.id), (TWO.id,), (TWO.id,)),
    "back-to-an-earlier-one": Case(CITIES + at(THREE.id), (ONE.id,), (ONE.id,)),
    "squashed": Case(HEAD + at(UNKNOWN), ("head",), (THREE.id,)),
    "already-there": Case(HEAD + at(THREE.id), ("head",), (THREE.id,), lines=()),
    "base": Case("SELECT 1" + at(ONE.id), ("base", *NAMED), lines=("base",)),
    "without-a-check": Case("SELECT 1", ("head", "--without-check", *NAMED), (THREE.id,)),
    "all-heads": Case(
        HEAD, ("heads",), (THREE.id, FORK.id), revisions=(*LINE, FORK)
    ),
    "one-of-two-heads": Case(
        CITIES + at(TWO.id), (FORK.id,), (FORK.id,), revisions=(*LINE, FORK)
    ),
    "head-of-two": Case(HEAD, ("head",), refusal=(1, "two-heads"), revisions=(*LINE, FORK)),
    "too-little": Case(CITIES, ("head",), refusal=(1, "stamp-differs")),
    "too-much": Case(f"{HEAD}; CREATE INDEX i ON cities (note)", ("head",),
                     refusal=(1, "stamp-differs")),
    "empty": Case("SELECT 1", ("head",), refusal=(1, "stamp-differs")),
    "base-with-tables": Case(CITIES + at(ONE.id), ("base", *NAMED), refusal=(1, "stamp-differs")),
    "base-without-a-name": Case("SELECT 1" + at(ONE.id), ("base",),
                                refusal=(2, "unconfirmed-database")),
    "unconfirmed": Case(HEAD, ("head", "--without-check"), refusal=(2, "unconfirmed-database")),
    "other-name": Case(HEAD, ("head", "--without-check", "--database", "other"),
                       refusal=(2, "wrong-database")),
    "unknown-revision": Case(HEAD, ("nothing",), refusal=(2, "alembic")),
    "number-of-steps": Case(HEAD, ("+1",), refusal=(2, "alembic")),
    "ahead-without-a-check": Case(HEAD + at(UNKNOWN), ("head", "--without-check", *NAMED),
                                  refusal=(1, "database-ahead")),
}  # fmt: skip


@pytest.fixture
def ask(database_url: str) -> Callable[[str], list[tuple[object, ...]]]:
    def run(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(database_url) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    return run


TABLES = "SELECT relname, relnatts FROM pg_class WHERE relnamespace = 'public'::regnamespace"


@pytest.mark.parametrize("name", CASES)
def test_stamp(name: str, project: Project, ask: Callable[[str], list[tuple[object, ...]]]) -> None:
    case = CASES[name]
    project.lay_out(*case.revisions).write_sql()
    ask(case.before)
    before = sorted(ask(TABLES))
    database = str(ask("SELECT current_database()")[0][0])
    arguments = [word.format(name=database) for word in case.arguments]
    result = project.run("stamp", *arguments)
    if case.refusal:
        code, error = case.refusal
        assert (result.code, f"error[{error}]" in result.err) == (code, True), result.text
        assert sorted(ask(TABLES)) == before
        return
    assert result.code == 0, result.text
    assert {row[0] for row in ask("SELECT version_num FROM alembic_version")} == {*case.versions}
    lines = case.versions if case.lines is None else case.lines
    if lines:
        ledger = ask("SELECT revision, direction, digest FROM migration_ledger")
        assert sorted(ledger) == sorted((line, "stamp", None) for line in lines)
    else:
        assert sorted(ask(TABLES)) == before
    assert ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
               " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
               ) == [(0,)]  # fmt: skip


def test_migrate_continues_after_a_stamp(
    project: Project, ask: Callable[[str], list[tuple[object, ...]]]
) -> None:
    project.lay_out(*LINE).write_sql()
    ask(CITIES)
    project.done("stamp", ONE.id)
    assert "stamped 20" in project.done("history")
    assert project.done("migrate").count("applied") == 3
    assert ask("SELECT name FROM cities") == [("Troy",)]


_OWN_CONNECTION = """\
from alembic import context
from sqlalchemy import create_engine, pool

def run(connection):
    context.configure(connection=connection, target_metadata=None, version_table="versions")
    with context.begin_transaction():
        context.run_migrations()

if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, version_table="versions")
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine("postgresql+psycopg://", poolclass=pool.NullPool).connect() as connection:
        run(connection)
"""


def test_env_py_that_connects_by_itself_is_stamped(
    project: Project, ask: Callable[[str], list[tuple[object, ...]]]
) -> None:
    project.lay_out(*LINE)
    project.write("migrations/env.py", _OWN_CONNECTION)
    project.write_sql()
    ask(HEAD)
    project.done("stamp", "head")
    assert ask("SELECT version_num FROM versions") == [(THREE.id,)]
    assert ask("SELECT revision, direction FROM migration_ledger") == [(THREE.id, "stamp")]


def test_plain_alembic_stamp_is_in_the_ledger(
    project: Project, ask: Callable[[str], list[tuple[object, ...]]]
) -> None:
    project.lay_out(*LINE)
    assert project.alembic("stamp", ONE.id).code == 0
    assert project.alembic("stamp", "base").code == 0
    assert ask("SELECT revision, direction FROM migration_ledger ORDER BY applied_at") == [
        (ONE.id, "stamp"),
        ("base", "stamp"),
    ]
