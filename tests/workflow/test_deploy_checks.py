"""Checks before the first statement: each with its severities, and all errors in one message."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from projects import FORK, LINE, ONE, ROOT, THREE, TWO, Project, Revision
from waiting import wait_until

from pybase.core import settings
from pybase.core.errors import CheckFailedError, DatabaseError
from pybase.migrate import deploy, record
from pybase.migrate.database import Backend, Database, MigrationLock
from pybase.migrate.deploy import CheckResult, Plan, Severity, Step
from pybase.migrate.deploy import _check as checks
from pybase.migrate.record import (
    Direction,
    Directions,
    Effects,
    Finding,
    Record,
    RevisionReport,
    Script,
    Statement,
    TableEffect,
    VersionTable,
)
from pybase.migrate.sql import QualifiedName
from pybase.postgres import scratch_database

CITIES = QualifiedName("public", "cities")
EXCLUSIVE = TableEffect(CITIES, "ACCESS EXCLUSIVE")
LINKED = TableEffect(CITIES, "SHARE ROW EXCLUSIVE")
FILLED = TableEffect(CITIES, "ROW EXCLUSIVE", is_changed=True)
NOT_NULL = Finding(0, "sets-not-null", CITIES)
SETTINGS = settings.load(ROOT / "alembic.ini")
ALEMBIC_VERSION = VersionTable()


def step(
    *tables: TableEffect,
    sql: str = "SELECT 1",
    findings: tuple[Finding, ...] = (),
    accepted: dict[str, str] | None = None,
    is_fresh: bool = True,
    transaction: int | None = 0,
    version_table: VersionTable = ALEMBIC_VERSION,
) -> Step:
    """The upgrade of a revision that consists of one statement."""
    revision = record.Revision(
        "aaaaaaaaaaaa", (), "Change cities", "change.py", accepted=accepted or {}
    )
    script = Script((Statement(sql, transaction),))
    effects = Effects(tables, findings=findings, is_rehearsed=True)
    both = Record(
        revision, version_table, Directions(script, script),
        RevisionReport(Directions(effects, effects)),
    )  # fmt: skip
    return Step(both, Direction.UPGRADE, is_fresh)


def results(
    connection: psycopg.Connection[Any],
    *steps: Step,
    is_embedded: bool = False,
    forced: tuple[str, ...] = (),
) -> list[CheckResult]:
    """The results of all checks of a plan of these steps."""
    database = Database(connection.info.dsn, is_embedded=is_embedded)
    version_table = steps[0].record.version_table if steps else VersionTable()
    source = deploy.Source(
        SETTINGS, database, {}, version_table, lambda *_: steps[0].record, lambda *_: None
    )
    plan = Plan(source, (), "head", Direction.UPGRADE, steps)
    backend = Backend(connection.info.backend_pid, 0)
    lock = MigrationLock(connection, 1)  # which no check needs
    locked = deploy.Locked(source, lock, lambda _error: source, ExitStack())
    vars(locked)["_connected"] = (connection, backend)
    return deploy.check(locked, plan, forced)


def severities(
    connection: psycopg.Connection[Any], *steps: Step, is_embedded: bool = False
) -> list[tuple[str, str]]:
    """The check and the severity of each result."""
    return [
        (result.check, result.severity.value)
        for result in results(connection, *steps, is_embedded=is_embedded)
    ]


@pytest.fixture
def cities(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with one table."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE cities (name text)")
        yield connection


def other(connection: psycopg.Connection[Any], **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(connection.info.dsn, **options)


def test_no_check_objects(cities: psycopg.Connection[Any]) -> None:
    assert severities(cities, step(EXCLUSIVE, sql="CREATE TABLE t (n int)")) == []


# --- the server -----------------------------------------------------------------------------------


def test_standby_is_red(standby_url: str) -> None:
    with psycopg.connect(standby_url, autocommit=True) as connection:
        assert severities(connection, step())[0] == ("writable", "error")


def test_read_only_role_is_red(cities: psycopg.Connection[Any]) -> None:
    cities.execute("SET default_transaction_read_only = on")
    (result,) = results(cities, step())
    assert (result.check, result.is_about_server) == ("writable", True)
    with pytest.raises(DatabaseError, match="default_transaction_read_only is on"):
        deploy.require_clear([result], print)


@pytest.mark.parametrize(
    ("number", "expected"),
    [(13_0000, ["error"]), (14_0009, ["warning"]), (15_0000, ["warning"]), (16_0001, []),
     (18_0004, []), (19_0000, ["warning"])],
)  # fmt: skip
def test_version_has_its_severity(number: int, expected: list[str]) -> None:
    assert [result.severity.value for result in checks.version_results(number)] == expected


# --- the history ----------------------------------------------------------------------------------


def test_two_heads_and_an_unknown_revision_are_refused(project: Project) -> None:
    project.lay_out(*LINE, FORK)
    python = "--python-revisions"
    message = project.refused("migrate", python, code=1)
    assert "error[two-heads]: The history has 2 heads" in message
    project.done("migrate", THREE.id, python)
    (project.versions / f"{FORK.name}.py").unlink()
    (project.versions / f"{THREE.name}.py").unlink()
    message = project.refused("migrate", python, code=1)
    assert f"error[database-ahead]: The database is at revision {THREE.id}, which" in message


def test_stale_sql_stops_a_run_before_any_change(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    project.add(Revision(TWO.id, ONE.id, "pass", title="Found nothing."))
    message = project.refused("migrate", code=1)
    assert f"sql/ is stale: revision {TWO.id} has changed" in message
    assert "nox -s sql" in message
    assert project.done("current") == "base (nothing is applied)\n"
    assert "3 applied." in project.done("migrate", "--python-revisions")


def test_hazard_that_is_not_accepted_is_an_error_and_on_the_embedded_server_a_warning(
    cities: psycopg.Connection[Any],
) -> None:
    hazardous = step(EXCLUSIVE, findings=(NOT_NULL,))
    assert severities(cities, hazardous) == [("hazards", "error")]
    assert severities(cities, hazardous, is_embedded=True) == [("hazards", "warning")]
    warning = Finding(0, "small-key", CITIES, "n")
    accepted = {"sets-not-null on cities": "it is small"}
    assert (
        severities(cities, step(EXCLUSIVE, findings=(NOT_NULL, warning), accepted=accepted)) == []
    )


def test_hazard_for_those_who_use_tables_is_none_in_a_database_without_tables(
    cities: psycopg.Connection[Any],
) -> None:
    findings = (NOT_NULL, Finding(-1, "many-blocking-locks"), Finding(-1, "cannot-render"))
    hazardous = step(findings=findings)
    cities.execute("DROP TABLE cities")
    (result,) = results(cities, hazardous)
    assert result.problem.endswith(" has cannot-render.")
    cities.execute("CREATE TABLE cities (name text)")
    (result,) = results(cities, hazardous)
    assert "many-blocking-locks" in result.problem


# --- privileges -----------------------------------------------------------------------------------


@pytest.fixture
def guest(cities: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """A session of a role that owns nothing."""
    cities.execute("DROP ROLE IF EXISTS visitor")
    cities.execute("CREATE ROLE visitor")
    with other(cities, autocommit=True) as connection:
        connection.execute("SET ROLE visitor")
        yield connection
    cities.execute("DROP OWNED BY visitor")
    cities.execute("DROP ROLE visitor")


def test_table_of_another_role_is_an_error(guest: psycopg.Connection[Any]) -> None:
    (result,) = results(guest, step(EXCLUSIVE))
    assert (result.check, result.severity) == ("privileges", Severity.ERROR)
    assert result.problem == "The role visitor may not change cities, which belongs to postgres."
    assert "GRANT postgres TO visitor" in result.hint


def test_schema_without_create_is_an_error_where_something_is_created(
    guest: psycopg.Connection[Any],
) -> None:
    (result,) = results(guest, step(sql="CREATE TABLE t (n int)"))
    assert "GRANT CREATE ON SCHEMA public TO visitor" in result.hint
    assert severities(guest, step(sql="SELECT 1")) == []


@pytest.mark.parametrize(
    ("table", "grants"),
    [(FILLED, "INSERT, UPDATE, DELETE"), (LINKED, "REFERENCES, TRIGGER")],
)
def test_sufficient_privileges_are_no_error(
    table: TableEffect, grants: str, cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    assert severities(guest, step(table)) == [("privileges", "error")]
    cities.execute(f"GRANT {grants} ON cities TO visitor".encode())
    assert severities(guest, step(table)) == []


@pytest.mark.parametrize(
    "table", [VersionTable(), VersionTable("Versions", "app")], ids=["default", "configured"]
)
def test_version_table_that_may_not_be_written_is_an_error_in_any_schema(
    table: VersionTable, cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    cities.execute("CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO visitor")
    cities.execute(f"CREATE TABLE {table.quoted} (version_num text)".encode())
    move = step(version_table=table)
    (result,) = results(guest, move)
    name = f"{table.schema}.{table.name}" if table.schema else table.name
    assert f"may not change {name}," in result.problem
    cities.execute(f"GRANT INSERT, UPDATE, DELETE ON {table.quoted} TO visitor".encode())
    assert severities(guest, move) == []


def test_member_of_the_owner_has_its_privileges(
    cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    cities.execute("DROP ROLE IF EXISTS keeper")
    cities.execute("CREATE ROLE keeper")
    cities.execute("ALTER TABLE cities OWNER TO keeper")
    cities.execute("GRANT keeper TO visitor")
    assert severities(guest, step(EXCLUSIVE)) == []
    cities.execute("DROP OWNED BY keeper")
    cities.execute("DROP ROLE keeper")


def test_table_that_the_search_path_finds_is_the_one_that_is_checked(
    cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    """A record's `public` is what an unqualified name resolved to at the rehearsal."""
    cities.execute("CREATE SCHEMA visitor AUTHORIZATION visitor")
    assert severities(guest, step(EXCLUSIVE)) == [("privileges", "error")]
    guest.execute("CREATE TABLE visitor.cities (name text)")
    assert severities(guest, step(EXCLUSIVE)) == []


# --- blocking sessions ----------------------------------------------------------------------------


def await_age(
    watcher: psycopg.Connection[Any], holder: psycopg.Connection[Any], seconds: float
) -> None:
    """Wait until the transaction of a session is older than that."""
    age = "SELECT clock_timestamp() - xact_start > %s * interval '1 s' FROM pg_stat_activity"
    query = f"SELECT pg_stat_clear_snapshot(), ({age} WHERE pid = %s)"
    parameters = (seconds, holder.info.backend_pid)
    wait_until(lambda: watcher.execute(query.encode(), parameters).fetchone()[1])


def test_lock_on_a_touched_table_is_a_warning_that_names_its_holder(
    cities: psycopg.Connection[Any],
) -> None:
    with other(cities, application_name="report") as holder:
        holder.execute("SELECT FROM cities")
        assert severities(cities, step(EXCLUSIVE)) == []  # no longer than traffic does
        await_age(cities, holder, 1)
        (result,) = results(cities, step(EXCLUSIVE))
        pid = holder.info.backend_pid
    assert (result.check, result.severity) == ("locks", Severity.WARNING)
    assert result.problem.startswith(
        f"The session with pid {pid}, report (idle in transaction, for 1 s) holds AccessShareLock"
        " on cities."
    )


def test_lock_that_does_not_conflict_is_no_warning(cities: psycopg.Connection[Any]) -> None:
    with other(cities) as holder:
        holder.execute("SELECT FROM cities")
        await_age(cities, holder, 1)
        assert severities(cities, step(TableEffect(CITIES, "SHARE UPDATE EXCLUSIVE"))) == []
        holder.execute("INSERT INTO cities VALUES ('Rome')")
        assert severities(cities, step(TableEffect(CITIES, "SHARE"))) == [("locks", "warning")]


def test_long_transaction_is_a_warning_where_a_statement_waits_for_it(
    cities: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybase.migrate.deploy._blocking_sessions.LONG_TRANSACTION_S", 0.1)
    with other(cities) as holder:
        holder.execute("SELECT pg_current_xact_id()")
        await_age(cities, holder, 0.1)
        assert severities(cities, step()) == []
        outside = step(transaction=None)
        assert severities(cities, outside) == [("long-transactions", "warning")]


def test_warning_is_printed_and_the_run_goes_on(project: Project, database_url: str) -> None:
    project.lay_out(*LINE).write_sql()
    project.done("migrate", TWO.id)
    with (
        psycopg.connect(database_url) as holder,
        psycopg.connect(database_url, autocommit=True) as watcher,
    ):
        holder.execute("SELECT FROM cities")
        await_age(watcher, holder, 1)
        command = project.start("migrate")
        wait_until(lambda: "warning: The session with pid" in command.err)
        holder.rollback()
        result = project.ended(command)
    assert result.code == 0
    assert "holds AccessShareLock on cities." in result.err


# --- all at once ----------------------------------------------------------------------------------


def test_all_errors_are_in_one_message_and_can_be_left_out_by_name(
    cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    path = step(EXCLUSIVE, findings=(NOT_NULL,))
    with pytest.raises(CheckFailedError) as raised:
        deploy.require_clear(results(guest, path), print)
    assert raised.value.code == "checks-failed"
    message = str(raised.value)
    names = ("hazards", "privileges")
    assert [f"\n  {name}: " in message for name in names] == [True] * 2
    assert "--force hazards --force privileges" in message
    rest = results(guest, path, forced=("privileges",))
    assert [result.check for result in rest] == ["hazards"]


def test_unknown_check_is_a_usage_error(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    message = project.refused("migrate", "--force", "everything", code=2)
    assert "choose from 'writable', 'version', 'hazards', 'privileges'" in message


# --- rows in the way ------------------------------------------------------------------------------

IN_THE_WAY = "SELECT * FROM cities WHERE note IS NULL"
RULE = (
    Revision(
        "dddddddddddd", THREE.id,
        "op.execute('ALTER TABLE cities ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID')",
        "op.execute('ALTER TABLE cities DROP CONSTRAINT c')", "Refuse missing notes.",
    ),
    Revision(
        "eeeeeeeeeeee", "dddddddddddd",
        "op.execute('ALTER TABLE cities VALIDATE CONSTRAINT c')", "pass  # it may stay valid",
        f"Validate c.\n\nRows in the way: {IN_THE_WAY}",
    ),
)  # fmt: skip
FILL = "op.execute(\"UPDATE cities SET note = 'old' WHERE name = '{}'\")"


def filled(name: str) -> tuple[Revision, ...]:
    """The same two, after a revision that gives one row a note."""
    fill = Revision(
        "ffffffffffff", THREE.id, FILL.format(name), "pass  # rows may keep it", "Fill."
    )
    return fill, replace(RULE[0], parents=fill.id), RULE[1]


@pytest.mark.parametrize(
    ("revisions", "code", "applied", "has_rule"),
    [
        (RULE, "checks-failed", THREE.id, False),
        (filled("Rome"), "rows-in-the-way", "ffffffffffff", False),
        (filled("Troy"), "", RULE[1].id, True),
    ],
    ids=["before the first revision", "after a fill that leaves some", "a fill that corrects all"],
)
def test_rows_in_the_way_stop_a_run_before_what_they_would_stop_half_way(
    project: Project, database_url: str, revisions: tuple[Revision, ...], code: str, applied: str,
    has_rule: bool,
) -> None:  # fmt: skip
    project.lay_out(*LINE, *revisions).write_sql()
    options = settings.load(project.root / "alembic.ini")
    database = Database(database_url, is_embedded=False)
    forced = ("hazards",)
    with deploy.locked(options, database, Silent()) as locked:
        deploy.apply(locked, locked.plan(THREE.id, Direction.UPGRADE), Silent())
        plan = locked.plan("head", Direction.UPGRADE)
        try:
            deploy.require_clear(deploy.check(locked, plan, forced), Silent.note)
            deploy.apply(locked, plan, Silent(), deploy.Consent(to_all=True))
        except CheckFailedError as error:
            assert error.code == code
            assert IN_THE_WAY in str(error)
        else:
            assert not code
        version = locked.connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert version == (applied,)
        rules = locked.connection.execute(
            "SELECT convalidated FROM pg_constraint WHERE conname = 'c'"
        )
        assert (rules.fetchone() == (True,)) == has_rule


# --- drift ----------------------------------------------------------------------------------------


def test_drift_is_an_error_when_requested(project: Project, database_url: str) -> None:
    project.lay_out(*LINE).write_sql()
    project.done("migrate", TWO.id)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE INDEX by_hand ON cities (name)")
    message = project.refused("migrate", "--check-drift", code=1)
    assert f"drift: The database is not what revision {TWO.id} makes" in message
    assert "only in database: index public.by_hand" in message
    assert TWO.id in project.done("current")
    assert "1 applied." in project.done("migrate", "--check-drift", "--force", "drift")


def test_database_as_its_revision_makes_it_has_not_drifted(
    project: Project, server18_url: str
) -> None:
    project.lay_out(*LINE).write_sql()
    with scratch_database(server18_url, prefix="clean") as url:
        project.done("migrate", TWO.id, DATABASE_URL=url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT SELECT ON cities TO PUBLIC")
        assert "1 applied." in project.done("migrate", "--check-drift", DATABASE_URL=url)
        assert "Nothing to do" in project.done("migrate", "--check-drift", DATABASE_URL=url)


def test_every_check_is_in_the_handbook() -> None:
    page = (ROOT / "docs/live.md").read_text("utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert documented == [*deploy.CHECKS, deploy.DRIFT]


# --- the session of the checks --------------------------------------------------------------------


class Silent:
    """Reporter that shows nothing."""

    result = note = echo = staticmethod(lambda _text: None)


def test_checks_and_confirmation_leave_the_session_as_it_was(
    project: Project, database_url: str
) -> None:
    """It is the session that migrates."""
    project.lay_out(*LINE).write_sql()
    project.done("migrate")
    options = settings.load(project.root / "alembic.ini")
    database = Database(database_url, is_embedded=False)
    with deploy.locked(options, database, Silent()) as locked:
        locked.connection.execute("INSERT INTO cities VALUES ('Rome', 'eternal')")
        plan = locked.plan(ONE.id, Direction.DOWNGRADE)
        assert [step.revision.id for step in plan.steps] == [THREE.id, TWO.id]
        assert deploy.check(locked, plan) == []
        with pytest.raises(CheckFailedError, match=r"cities\.note +1 row\n") as raised:
            deploy.confirm(locked, plan, deploy.Confirmation())
        assert raised.value.code == "data-loss"
        deploy.confirm(locked, plan, deploy.Confirmation(data_loss=True))
        timeouts = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
        assert locked.connection.execute(timeouts).fetchone() == ("0", "0")
