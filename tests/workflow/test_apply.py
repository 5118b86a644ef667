"""migrate and downgrade on a server with other sessions: what runs, one run at a time, locks."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from projects import LINE, ONE, OWN_TABLES, THREE, TWO, Project, Revision
from waiting import IS_BLOCKED, wait_for_query, wait_until

from pybase.core.files import write_file
from pybase.migrate import catalog
from pybase.migrate.verify._rows import rows_of
from pybase.postgres import scratch_database

INDEX = Revision(
    "dddddddddddd",
    THREE.id,
    "with op.get_context().autocommit_block():\n"
    "    op.execute('CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_note ON cities (note)')",
    "with op.get_context().autocommit_block():\n"
    "    op.execute('DROP INDEX CONCURRENTLY IF EXISTS ix_note')",
    "Index notes.",
)


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions with its SQL, and a database with none of them."""
    project.lay_out(*LINE).write_sql()
    return project


@pytest.fixture
def four(three: Project) -> Project:
    """The same, with an index that is built concurrently."""
    three.add(INDEX)
    three.write_sql()
    return three


def rows(project: Project, query: str) -> list[Any]:
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def ledger(project: Project) -> list[Any]:
    return rows(project, "SELECT revision, direction FROM migration_ledger ORDER BY applied_at")


def version(project: Project) -> list[Any]:
    return [name for (name,) in rows(project, "SELECT version_num FROM alembic_version")]


@contextmanager
def session(project: Project, *statements: str) -> Iterator[psycopg.Connection[Any]]:
    """Another session, in a transaction."""
    with psycopg.connect(project.environment["DATABASE_URL"], application_name="reader") as other:
        for statement in statements:
            other.execute(statement.encode())
        yield other


# --- what was reviewed is what runs ---------------------------------------------------------------


IDLE = {
    *("alembic", "sqlalchemy", "pglast", "rich"),
    *(f"pybase.migrate.deploy.{name}" for name in ("_apply", "_losses", "_check", "_session")),
    *("pybase.postgres._cluster", "pybase.postgres._launch"),
}


def test_committed_file_runs_and_alembic_is_not_even_loaded(three: Project) -> None:
    code = (
        "import sys; from pybase.cli import main; main(['migrate']);"
        " print({'alembic', 'sqlalchemy'} & sys.modules.keys())"
    )
    assert three.python("-c", code).out.endswith("3 applied.\nset()\n")
    assert version(three) == [THREE.id]
    # nor, with nothing to do, what runs a plan, or a server of ours
    result = three.python("-X", "importtime", "-m", "pybase", "migrate")
    imported = {line.rpartition("|")[2].strip() for line in result.err.splitlines()}
    assert result.out.endswith("up to date.\n")
    assert "pybase.migrate.deploy._plan" in imported
    assert not imported & IDLE


def test_file_that_was_edited_is_not_run(three: Project) -> None:
    path = three.sql / f"upgrade/{TWO.name}.sql"
    path.write_text(path.read_text().replace("Troy", "Rome"))
    message = three.refused("migrate", code=1)
    assert f"the SQL of revision {TWO.id} has changed" in message
    assert "nox -s sql" in message
    assert rows(three, "SELECT to_regclass('cities')") == [(None,)]


def test_revision_that_was_edited_is_not_run(three: Project) -> None:
    three.add(Revision(TWO.id, ONE.id, "pass"))
    assert f"revision {TWO.id} has changed" in three.refused("migrate", code=1)


def test_new_revision_without_sql_is_not_run(three: Project) -> None:
    three.add(INDEX)
    assert f"{INDEX.name}.py has no SQL yet" in three.refused("migrate", code=1)
    (three.versions / f"{INDEX.name}.py").unlink()
    assert three.done("migrate").endswith("3 applied.\n")


def test_stale_sql_is_written_again_on_the_embedded_server(three: Project) -> None:
    """The daily loop: its database is its developer's own."""
    del three.environment["DATABASE_URL"]
    three.add(INDEX)
    try:
        result = three.run("migrate")
        assert (result.code, result.out.splitlines()[-1]) == (0, "4 applied.")
        assert f"sql/ was stale ({INDEX.name}.py has no SQL yet) and is written again" in result.err
        assert (three.sql / f"upgrade/{INDEX.name}.sql").exists()
    finally:
        three.done("db", "reset", "--yes")


def test_database_ahead_of_the_checkout_is_refused(four: Project) -> None:
    four.done("migrate")
    (four.versions / f"{INDEX.name}.py").unlink()
    four.write_sql()
    for verb in (("migrate",), ("downgrade", "-1")):
        assert f"at revision {INDEX.id}, which this" in four.refused(*verb, code=1)


def test_revision_without_sql_is_run_by_alembic(project: Project) -> None:
    """One whose statements depend on the database."""
    code = "op.get_bind().execute(sa.text('SELECT now()')).scalar()"
    project.lay_out(ONE, Revision(TWO.id, ONE.id, code)).run("sql")
    assert "cannot-render" in project.refused("migrate", code=1)
    assert project.done("migrate", "--force", "hazards").endswith("2 applied.\n")
    assert ledger(project) == [(ONE.id, "upgrade"), (TWO.id, "upgrade")]


@pytest.mark.parametrize("destination", ["head", f"{ONE.id}+1", TWO.id[:5], "+3"])
def test_committed_sql_and_alembic_leave_the_same(
    destination: str, three: Project, server18_url: str
) -> None:
    """By catalog, rows and ledger, as far as time goes."""
    left = []
    for how in ((), ("--python-revisions",)):
        with scratch_database(server18_url, prefix="test") as url:
            three.done("migrate", destination, *how, DATABASE_URL=url)
            three.done("downgrade", "-1", "--allow-data-loss", *how, DATABASE_URL=url)
            with psycopg.connect(url, autocommit=True) as connection:
                content = rows_of(connection)
                for name in ("applied_at", "digest"):  # from Python there is no digest
                    content.pop((OWN_TABLES[1], name))
                left.append((catalog.snapshot(connection, ignore_tables=OWN_TABLES), content))
    assert left[0] == left[1]


def test_downgrade_runs_its_file_and_stops_at_an_irreversible_revision(three: Project) -> None:
    three.done("migrate")
    assert three.done("downgrade", "-2", "--allow-data-loss").endswith("2 undone.\n")
    assert version(three) == [ONE.id]
    three.add(Revision(TWO.id, ONE.id, TWO.upgrade, "raise NotImplementedError('Troy is gone')"))
    three.write_sql()
    three.done("migrate")
    message = three.refused("downgrade", ONE.id, code=1)
    assert "error[irreversible]" in message
    assert "Troy is gone" in message
    assert "1 before it stay undone." in message
    assert version(three) == [TWO.id]


def test_failing_statement_is_named_and_its_revision_undone(three: Project) -> None:
    three.done("migrate", ONE.id)
    rows(three, "INSERT INTO cities VALUES ('Troy')")
    message = three.refused("migrate", code=1)
    assert f"in revision {TWO.id} (Found Troy)" in message
    assert "INSERT INTO cities" in message
    assert "Nothing was applied." in message
    assert version(three) == [ONE.id]


def test_title_without_a_blank_line_behind_it_is_a_title(project: Project) -> None:
    revision = project.lay_out(ONE).versions / f"{ONE.name}.py"
    text = revision.read_text("utf-8").replace("\n\nRevision ID", "\nRevision ID")
    write_file(revision, text)
    project.write_sql()
    assert (
        (project.sql / f"upgrade/{ONE.name}.sql")
        .read_text("utf-8")
        .startswith("-- Create cities\n--\n")
    )
    assert project.done("history").startswith(f"{ONE.id}  Create cities  (head)")


def test_settings_of_one_file_do_not_reach_the_next(project: Project) -> None:
    """As with psql, where each file has a session of its own."""
    path = "op.execute('CREATE SCHEMA other')\nop.execute('SET search_path TO other, public')"
    project.lay_out(Revision(ONE.id, None, path), Revision(TWO.id, ONE.id, ONE.upgrade))
    project.write_sql()
    project.done("migrate")
    assert rows(project, "SELECT 'public.cities'::regclass::text") == [("cities",)]


def in_a_row(project: Project, *upgrades: str) -> list[str]:
    """Lay out a revision for each upgrade, with its SQL; returns their names."""
    names = [f"{number:012x}" for number in range(1, len(upgrades) + 1)]
    parents = [None, *names[:-1]]
    project.lay_out(*map(Revision, names, parents, upgrades)).write_sql()
    return names


def table(name: str) -> str:
    return f"op.create_table('{name}', sa.Column('id', sa.Integer()))"


def test_revision_amid_others_finds_the_session_and_the_ledger_as_if_alone(
    project: Project,
) -> None:
    names = in_a_row(
        project,
        *map(table, "ab"),
        "op.execute('CREATE SCHEMA other')\nop.execute('SET search_path TO other, public')",
        *map(table, "cd"),
        "op.execute('DROP TABLE migration_ledger')",
        *map(table, "ef"),
    )
    project.done("migrate", "--force", "hazards")
    tables = rows(project, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {name for (name,) in tables} == {*"abcdef", "alembic_version", "migration_ledger"}
    assert ledger(project) == [(name, "upgrade") for name in names[-3:]]


SETS_PATH = """op.execute(
    "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS"
    " $$ BEGIN SET search_path TO other, public; RETURN 1; END $$")
op.execute('CREATE SCHEMA other')"""


@pytest.mark.parametrize(
    "hidden",
    [
        "INSERT INTO a SELECT f()",
        "ALTER TABLE a ADD COLUMN n int DEFAULT f()",
        "SELECT SET_CONFIG('search_path', 'other,public', false)",
        "CREATE TABLE pg_temp.b (id int)",
    ],
)
def test_what_a_revision_does_to_its_session_ends_with_it(hidden: str, project: Project) -> None:
    in_a_row(project, table("a"), SETS_PATH, f"op.execute({hidden!r})", table("b"))
    project.done("migrate", "--force", "hazards")
    assert rows(project, "SELECT 'public.b'::regclass::text") == [("b",)]


def test_statement_that_fails_amid_others_is_named(project: Project) -> None:
    names = in_a_row(project, *map(table, "abc"))
    wrong = f"{table('d')}\nop.execute('ALTER TABLE a ADD CHECK (id > nothing)')"
    project.add(Revision("ffffffffffff", names[-1], wrong))
    project.run("sql")
    message = project.refused("migrate", "--force", "hazards", code=1)
    assert "in revision ffffffffffff" in message
    assert "3 before it stay applied." in message
    assert " ALTER TABLE a ADD CHECK (id > nothing)\nhint: Correct" in message
    assert version(project) == [names[-1]]


CALLBACK = """
from alembic import context
from sqlalchemy import text

from models import metadata
from pybase.migrate import environment


def audit(ctx, step, heads, run_args):
    ctx.connection.execute(text("SELECT length('audited')"))


_configure = context.configure
context.configure = lambda **options: _configure(**options, on_version_apply=audit)
environment.run(metadata)
"""


@pytest.mark.parametrize("has_callback", [False, True])
def test_version_moved_by_another_program_is_noticed(has_callback: bool, three: Project) -> None:
    if has_callback:  # its statement is between the version and the ledger
        three.write("migrations/env.py", CALLBACK)
        three.write_sql()
        assert "audited" in (three.sql / "upgrade" / f"{TWO.name}.sql").read_text("utf-8")
    three.done("migrate", ONE.id)
    with session(three, "DELETE FROM alembic_version") as other:
        command = three.start("migrate")
        wait_for_query(three.environment["DATABASE_URL"], IS_BLOCKED)
        other.commit()
        result = three.ended(command)
    assert result.code == 1
    assert f"before revision {TWO.id} could move it" in result.err
    assert rows(three, "SELECT * FROM cities") == []


# --- the ledger -----------------------------------------------------------------------------------


def test_ledger_has_revision_direction_role_duration_and_digest(three: Project) -> None:
    three.done("migrate", TWO.id)
    three.done("downgrade", "-1", "--allow-data-loss")
    assert ledger(three) == [(ONE.id, "upgrade"), (TWO.id, "upgrade"), (TWO.id, "downgrade")]
    query = (
        "SELECT DISTINCT role, duration BETWEEN '0' AND '9 s', length(digest),"
        " applied_at > now() - interval '1 minute' FROM migration_ledger"
    )
    assert rows(three, query) == [("postgres", True, 16, True)]


def test_database_without_a_ledger_is_adopted(three: Project) -> None:
    three.done("migrate", TWO.id)
    rows(three, "DROP TABLE migration_ledger")
    three.done("migrate")
    assert ledger(three) == [(THREE.id, "upgrade")]


def test_file_run_by_psql_needs_no_ledger(three: Project) -> None:
    three.done("migrate", TWO.id)
    rows(three, "DROP TABLE migration_ledger")
    rows(three, (three.sql / f"upgrade/{THREE.name}.sql").read_text())
    assert version(three) == [THREE.id]


def test_plain_alembic_writes_the_ledger_too(three: Project) -> None:
    assert three.alembic("upgrade", "head").code == 0
    assert three.alembic("downgrade", "-1").code == 0
    assert three.alembic("stamp", "head").code == 0
    assert ledger(three)[2:] == [(THREE.id, way) for way in ("upgrade", "downgrade", "stamp")]
    assert rows(three, "SELECT count(digest) FROM migration_ledger") == [(4,)]


def test_check_names_what_was_changed_after_it_was_applied(three: Project) -> None:
    three.done("migrate")
    upgrade = str(TWO.upgrade).replace("Troy", "Rome")
    downgrade = str(TWO.downgrade).replace("Troy", "Rome")
    three.add(Revision(TWO.id, ONE.id, upgrade, downgrade))
    three.write_sql()
    message = three.refused("check", code=1)
    assert f"  {TWO.id}, applied 20" in message
    assert THREE.id not in message
    three.add(INDEX)
    three.write_sql()
    result = three.run("migrate")
    assert f"Revision {TWO.id} was applied from other SQL" in result.err
    assert result.out.endswith("1 applied.\n")


# --- one at a time --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 8])
def test_many_at_once_apply_each_revision_once(count: int, four: Project) -> None:
    with ThreadPoolExecutor(count) as pool:
        results = [run.result() for run in [pool.submit(four.run, "migrate") for _ in range(count)]]
    assert [result.code for result in results] == [0] * count
    last = sorted(result.out.splitlines()[-1] for result in results)
    assert last == ["4 applied.", *["Nothing to do: the database is up to date."] * (count - 1)]
    assert len(ledger(four)) == 4


def test_waiting_migration_names_the_holder_and_gives_up_at_the_deadline(three: Project) -> None:
    with session(three, "SELECT pg_advisory_lock(4851520931)") as other:
        message = three.refused("migrate", "--deadline-s", "1", code=3)
        assert f"pid {other.info.backend_pid}, user postgres, from this host, since 20" in message
        assert "Another migration has run for 1 s" in message


def test_plain_alembic_waits_for_another_migration_too(three: Project) -> None:
    with session(three, "SELECT pg_advisory_lock(4851520931)") as other:
        command = three.start("upgrade", "head", module="alembic")
        wait_until(lambda: "Waiting for another migration: pid" in command.err)
        assert command.is_running
        other.rollback()
        other.execute("SELECT pg_advisory_unlock_all()")
        result = three.ended(command)
    assert result.code == 0, result.text
    assert version(three) == [THREE.id]


def test_holder_that_is_killed_is_followed_by_the_next(four: Project) -> None:
    with session(four, "CREATE TABLE alembic_version (version_num text)"):
        holder = four.start("migrate")
        wait_for_query(four.environment["DATABASE_URL"], IS_BLOCKED)
        os.kill(holder.pid, signal.SIGKILL)
        assert four.ended(holder).code == -signal.SIGKILL
    rows(four, "DROP TABLE alembic_version")
    assert four.done("migrate").endswith("4 applied.\n")


# --- short locks, many tries ----------------------------------------------------------------------

READS = "SELECT * FROM cities"


def test_transaction_that_a_deadlock_has_undone_is_tried_again(three: Project) -> None:
    three.add(Revision("dddddddddddd", THREE.id, "op.execute('CREATE TABLE towns (n integer)')"))
    both = "op.add_column('cities', sa.Column('a', sa.Text()))\nop.execute('LOCK TABLE towns')"
    three.add(Revision("eeeeeeeeeeee", "dddddddddddd", both))
    three.write_sql()
    three.done("migrate", "dddddddddddd")
    patient = ("--lock-timeout-ms", "600", "--lock-timeout-most-ms", "600")
    hasty = three.environment["DATABASE_URL"] + "&options=-c%20deadlock_timeout%3D200"
    with session(three, "LOCK TABLE towns") as other:
        command = three.start("migrate", "--force", "hazards", *patient, DATABASE_URL=hasty)
        waits = (
            "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'towns'::regclass"
        )
        wait_for_query(three.environment["DATABASE_URL"], waits)
        other.execute(READS)  # waits for the migration, which waits for us longer already
        other.commit()
        result = three.ended(command)
    assert result.out.endswith("1 applied.\n"), result.text
    assert "2 tries" in result.out


def test_lock_that_is_held_for_a_while_is_waited_for_in_short_tries(three: Project) -> None:
    three.done("migrate", TWO.id)
    with session(three, READS) as other:
        who = (
            f"Waiting for a lock: pid {other.info.backend_pid} (user postgres, reader, idle in "
            "transaction) has ACCESS SHARE on cities, for"
        )
        command = three.start("migrate")
        wait_until(lambda: who in command.err)
        other.rollback()
        result = three.ended(command)
    assert result.code == 0
    assert " tries)" in result.out
    assert READS not in result.err


def test_blocker_that_never_leaves_is_named_with_what_is_not_applied(three: Project) -> None:
    three.done("migrate", ONE.id)
    with session(three, READS, "SELECT 'the password is secret'") as other:
        message, pid = three.refused("migrate", "--deadline-s", "2", code=3), other.info.backend_pid
    assert f"Revision {THREE.id} (Add note to cities) did not get its locks within 2 s" in message
    assert f"1 before it stay applied. Not applied: {THREE.id}." in message
    assert f"pid {pid} (user postgres, reader, idle in transaction)" in message
    assert "pg_terminate_backend" in message
    assert "secret" not in message
    assert version(three) == [TWO.id]


def test_other_sessions_wait_no_longer_than_the_first_timeout(three: Project) -> None:
    """Behind a reader that holds the lock for two seconds."""
    three.done("migrate", TWO.id)
    longest = 0.0
    with session(three, READS), session(three) as other, ThreadPoolExecutor(1) as pool:
        run = pool.submit(three.run, "migrate", "--deadline-s", "3")
        while not run.done():
            began = time.monotonic()
            other.execute(READS.encode())
            other.rollback()
            longest = max(longest, time.monotonic() - began)
            time.sleep(0.005)
    assert run.result().code == 3
    assert longest < 0.5


def test_role_with_a_timeout_of_its_own_can_still_migrate(project: Project) -> None:
    project.lay_out(Revision(ONE.id, None, "op.execute('SELECT pg_sleep(0.5)')")).write_sql()
    url = project.environment["DATABASE_URL"] + "&options=-c%20statement_timeout%3D200"
    assert project.done("migrate", DATABASE_URL=url).endswith("1 applied.\n")


# --- outside a transaction ------------------------------------------------------------------------


def test_invalid_index_is_dropped_and_built_again(four: Project) -> None:
    four.done("migrate", THREE.id)
    rows(four, "CREATE INDEX ix_note ON cities (note)")
    rows(
        four,
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_note'::regclass",
    )
    assert "dropping ix_note" in four.run("migrate").err
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_note'::regclass"
    assert rows(four, query) == [(True,)]


def test_valid_index_of_an_interrupted_run_is_kept(four: Project) -> None:
    plain = str(INDEX.upgrade).replace("IF NOT EXISTS ", "")
    four.add(replace(INDEX, upgrade=plain))
    four.write_sql()
    four.done("migrate", THREE.id)
    rows(four, "CREATE INDEX ix_note ON cities (note)")
    result = four.run("migrate")
    assert "ix_note is there, and valid" in result.err
    assert result.out.endswith("1 applied.\n")


def test_other_index_of_the_same_name_is_an_error(four: Project) -> None:
    plain = str(INDEX.upgrade).replace("IF NOT EXISTS ", "")
    four.add(replace(INDEX, upgrade=plain))
    four.write_sql()
    four.done("migrate", THREE.id)
    rows(four, "CREATE INDEX ix_note ON cities (note, name)")
    assert 'relation "ix_note" already exists' in four.refused("migrate", code=1)


@pytest.mark.parametrize(
    ("made", "statement", "done"),
    [
        ("CREATE INDEX i ON cities (note)", "DROP INDEX CONCURRENTLY i", "DROP INDEX i"),
        (
            "CREATE TYPE mood AS ENUM ('sad')",
            "ALTER TYPE mood ADD VALUE 'ok'",
            "ALTER TYPE mood ADD VALUE 'ok'",
        ),
    ],
)
def test_what_an_interrupted_run_has_done_is_not_done_again(
    made: str, statement: str, done: str, three: Project
) -> None:
    alone = f"with op.get_context().autocommit_block():\n    op.execute({statement!r})"
    three.add(Revision("dddddddddddd", THREE.id, f"op.execute({made!r})"))
    three.add(Revision("eeeeeeeeeeee", "dddddddddddd", alone))
    three.write_sql()
    three.done("migrate", "dddddddddddd", "--force", "hazards")
    rows(three, done)
    result = three.run("migrate")
    assert "an interrupted run has done that" in result.err
    assert result.out.endswith("1 applied.\n")


def test_index_waits_for_a_long_transaction_without_a_timeout(four: Project) -> None:
    four.done("migrate", THREE.id)
    has_outwaited_the_deadline = (
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database()"
        " AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > '1.5 s'"
    )
    with session(four, "LOCK TABLE cities IN ROW EXCLUSIVE MODE") as other:
        command = four.start("migrate", "--deadline-s", "1")
        wait_for_query(four.environment["DATABASE_URL"], has_outwaited_the_deadline)
        other.rollback()
        result = four.ended(command)
    assert result.code == 0, result.text
