"""Before the first statement: every check in every colour, and all that is red told at once."""

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from projects import FORK, LINE, ONE, ROOT, THREE, TWO, Project, Revision
from pybase.migrate.deploy._check_result import Colour, Concern, Situation
from pybase.migrate.deploy._guards import Guard
from pybase.migrate.sqlfiles._headers import Header, Table
from waiting import wait_until

from pybase.migrate.database._connect import Database
from pybase.migrate.deploy import _preflight as preflight
from pybase.migrate.deploy._data_loss import Consent
from pybase.postgres import scratch_database

CITIES = Table("cities", 7, "")
LINKED = Table("cities", 5, "")
FILLED = Table("cities", 2, "", is_changed=True)


def header(*tables: Table, shape: str = "one transaction", **other: Any) -> Header:
    return Header("aaaaaaaaaaaa", "Change cities", "the first", shape, tables, **other)


@pytest.fixture
def cities(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with one table and, for who asks, a role without rights called `guest`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE cities (name text)")
        yield connection


def concerns(
    connection: psycopg.Connection[Any], *path: Header, embedded: bool = False, **other: Any
) -> list[tuple[str, str]]:
    """(check, colour) of everything that is found."""
    return [(each.check, each.colour.value) for each in found(connection, *path, embedded=embedded)]


def found(
    connection: psycopg.Connection[Any], *path: Header, embedded: bool = False
) -> list[Concern]:
    database = Database(connection.info.dsn, is_embedded=embedded)
    return preflight.run(Situation(connection, database, path))


def other(connection: psycopg.Connection[Any], **options: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(connection.info.dsn, **options)


def test_nothing_is_wrong(cities: psycopg.Connection[Any]) -> None:
    assert concerns(cities, header(CITIES, sql="CREATE TABLE t (n int)\n")) == []


# --- the server -----------------------------------------------------------------------------------


def test_standby_is_red(standby_url: str) -> None:
    with psycopg.connect(standby_url, autocommit=True) as connection:
        assert concerns(connection, header())[0] == ("writable", "red")


def test_read_only_role_is_red(cities: psycopg.Connection[Any]) -> None:
    cities.execute("SET default_transaction_read_only = on")
    (concern,) = found(cities, header())
    assert (concern.check, concern.is_about_server) == ("writable", True)
    with pytest.raises(preflight.DatabaseError, match="default_transaction_read_only is on"):
        preflight.require_clear([concern], print)


@pytest.mark.parametrize(
    ("number", "colours"),
    [(13_0000, ["red"]), (14_0009, ["yellow"]), (15_0000, ["yellow"]), (16_0001, []),
     (18_0004, []), (19_0000, ["yellow"])],
)  # fmt: skip
def test_version_has_its_colour(number: int, colours: list[str]) -> None:
    assert [each.colour.value for each in preflight.version_concerns(number)] == colours


# --- the history ----------------------------------------------------------------------------------


def test_two_heads_and_an_unknown_revision_are_red(project: Project) -> None:
    project.lay_out(*LINE, FORK)
    assert "  history: The history has 2 heads" in project.refused("migrate", code=1)
    project.done("migrate", THREE.id)
    (project.versions / f"{FORK.name}.py").unlink()
    (project.versions / f"{THREE.name}.py").unlink()
    said = project.refused("migrate", code=1)
    assert f"  history: The database is at revision {THREE.id}, which this checkout" in said


def test_stale_sql_is_red_and_on_the_embedded_server_yellow(
    cities: psycopg.Connection[Any],
) -> None:
    stale = header(is_fresh=False)
    assert concerns(cities, stale) == [("fresh", "red")]
    assert concerns(cities, stale, embedded=True) == [("fresh", "yellow")]


def test_stale_sql_stops_a_run_before_any_change(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    project.add(Revision(TWO.id, ONE.id, "pass", title="Found nothing."))
    said = project.refused("migrate", code=1)
    assert f"sql/ is stale: revision {TWO.id} has changed" in said
    assert "nox -s sql" in said
    assert project.done("current") == "base (nothing is applied)\n"
    assert "3 applied." in project.done("migrate", "--force", "fresh")


def test_hazard_that_nobody_accepted_is_red_and_on_the_embedded_server_yellow(
    cities: psycopg.Connection[Any],
) -> None:
    hurting = header(CITIES, hazards=("sets-not-null on cities",))
    assert concerns(cities, hurting) == [("hazards", "red")]
    assert concerns(cities, hurting, embedded=True) == [("hazards", "yellow")]
    accepted = "sets-not-null on cities (accepted: it is small)"
    assert concerns(cities, header(CITIES, hazards=(accepted, "small-key on cities.n"))) == []


# --- rights ---------------------------------------------------------------------------------------


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


def test_table_of_somebody_else_is_red(guest: psycopg.Connection[Any]) -> None:
    (concern,) = found(guest, header(CITIES))
    assert (concern.check, concern.colour) == ("rights", Colour.RED)
    assert concern.problem == "The role visitor may not change cities, which belongs to postgres."
    assert "GRANT postgres TO visitor" in concern.hint


def test_schema_without_create_is_red_where_something_is_made(
    guest: psycopg.Connection[Any],
) -> None:
    (concern,) = found(guest, header(sql="BEGIN;\n\nCREATE TABLE t (n int);\n"))
    assert "GRANT CREATE ON SCHEMA public TO visitor" in concern.hint
    assert concerns(guest, header(sql="SELECT 1;\n")) == []


@pytest.mark.parametrize(
    ("table", "grants"),
    [(FILLED, "INSERT, UPDATE, DELETE"), (LINKED, "REFERENCES, TRIGGER")],
)
def test_rights_that_are_enough_for_it_are_no_concern(
    table: Table, grants: str, cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    assert concerns(guest, header(table)) == [("rights", "red")]
    cities.execute(f"GRANT {grants} ON cities TO visitor".encode())
    assert concerns(guest, header(table)) == []


@pytest.mark.parametrize("table", ["alembic_version", 'app."Versions"'])
def test_version_table_that_may_not_be_written_is_red_wherever_it_is(
    table: str, cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    cities.execute("CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO visitor")
    cities.execute(f"CREATE TABLE {table} (version_num text)".encode())
    path = header(sql=f"UPDATE {table}\nSET version_num = 'a'\nWHERE version_num = 'b';\n")
    (concern,) = found(guest, path)
    assert f"may not change {table.replace(chr(34), '')}," in concern.problem
    cities.execute(f"GRANT INSERT, UPDATE, DELETE ON {table} TO visitor".encode())
    assert concerns(guest, path) == []


def test_member_of_the_owner_is_as_good(
    cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    cities.execute("DROP ROLE IF EXISTS keeper")
    cities.execute("CREATE ROLE keeper")
    cities.execute("ALTER TABLE cities OWNER TO keeper")
    cities.execute("GRANT keeper TO visitor")
    assert concerns(guest, header(CITIES)) == []
    cities.execute("DROP OWNED BY keeper")
    cities.execute("DROP ROLE keeper")


# --- who is in the way ----------------------------------------------------------------------------


def await_age(
    watcher: psycopg.Connection[Any], holder: psycopg.Connection[Any], seconds: float
) -> None:
    """Wait until the transaction of a session is older than that."""
    age = "SELECT clock_timestamp() - xact_start > %s * interval '1 s' FROM pg_stat_activity"
    query = f"SELECT pg_stat_clear_snapshot(), ({age} WHERE pid = %s)"
    parameters = (seconds, holder.info.backend_pid)
    wait_until(lambda: watcher.execute(query.encode(), parameters).fetchone()[1])


def test_lock_on_a_table_that_is_touched_is_yellow_with_its_culprit(
    cities: psycopg.Connection[Any],
) -> None:
    with other(cities, application_name="report") as holder:
        holder.execute("SELECT FROM cities")
        assert concerns(cities, header(CITIES)) == []  # no longer than traffic does
        await_age(cities, holder, 1)
        (concern,) = found(cities, header(CITIES))
        pid = holder.info.backend_pid
    assert (concern.check, concern.colour) == ("locks", Colour.YELLOW)
    assert concern.problem.startswith(
        f"The session with pid {pid}, report (idle in transaction, for 1 s) holds AccessShareLock"
        " on cities."
    )


def test_lock_that_does_not_conflict_is_no_concern(cities: psycopg.Connection[Any]) -> None:
    with other(cities) as holder:
        holder.execute("SELECT FROM cities")
        await_age(cities, holder, 1)
        assert concerns(cities, header(Table("cities", 3, ""))) == []
        holder.execute("INSERT INTO cities VALUES ('Rome')")
        assert concerns(cities, header(Table("cities", 4, ""))) == [("locks", "yellow")]


def test_long_transaction_is_yellow_where_something_waits_for_it(
    cities: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pybase.migrate.holders.LONG_TRANSACTION_S", 0.1)
    with other(cities) as holder:
        holder.execute("SELECT pg_current_xact_id()")
        await_age(cities, holder, 0.1)
        assert concerns(cities, header()) == []
        outside = header(shape="no transaction")
        assert concerns(cities, outside) == [("long-transactions", "yellow")]


def test_yellow_is_told_and_the_run_goes_on(project: Project, database_url: str) -> None:
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


def test_all_that_is_red_is_told_at_once_and_can_be_left_out_by_name(
    cities: psycopg.Connection[Any], guest: psycopg.Connection[Any]
) -> None:
    path = header(CITIES, is_fresh=False, hazards=("sets-not-null on cities",))
    red = found(guest, path)
    with pytest.raises(preflight.CheckFailedError) as raised:
        preflight.require_clear(red, print)
    said = str(raised.value)
    assert [f"\n  {name}: " in said for name in ("fresh", "hazards", "rights")] == [True] * 3
    assert "--force fresh --force hazards --force rights" in said
    situation = Situation(guest, Database(guest.info.dsn, is_embedded=False), [path])
    rest = preflight.run(situation, forced=["fresh", "rights"])
    assert [each.check for each in rest] == ["hazards"]


def test_force_of_what_is_no_check_is_misuse(project: Project) -> None:
    project.lay_out(*LINE)
    said = project.refused("migrate", "--force", "everything", code=2)
    assert "The checks are writable, version, history, fresh, hazards, rights" in said


# --- drift ----------------------------------------------------------------------------------------


def test_drift_is_red_when_it_is_asked_for(project: Project, database_url: str) -> None:
    project.lay_out(*LINE)
    project.done("migrate", TWO.id)
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE INDEX by_hand ON cities (name)")
    said = project.refused("migrate", "--check-drift", code=1)
    assert f"drift: The database is not what revision {TWO.id} makes" in said
    assert "only in database: index public.by_hand" in said
    assert TWO.id in project.done("current")
    assert "1 applied." in project.done("migrate", "--check-drift", "--force", "drift")


def test_database_as_its_revision_makes_it_has_not_drifted(
    project: Project, server18_url: str
) -> None:
    project.lay_out(*LINE)
    with scratch_database(server18_url, prefix="clean") as url:
        project.done("migrate", TWO.id, DATABASE_URL=url)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("GRANT SELECT ON cities TO PUBLIC")
        assert "1 applied." in project.done("migrate", "--check-drift", DATABASE_URL=url)
        assert "Nothing to do" in project.done("migrate", "--check-drift", DATABASE_URL=url)


def test_every_check_is_in_the_handbook() -> None:
    page = (ROOT / "docs/live.md").read_text("utf-8")
    documented = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert documented == [*preflight.CHECKS, preflight.DRIFT]


# --- as apply calls it ----------------------------------------------------------------------------


def test_guard_reads_the_files_that_are_to_run(project: Project, database_url: str) -> None:
    """And leaves the session, which is the one that migrates, as it was."""
    project.lay_out(*LINE).write_sql()
    project.done("migrate")
    files = [project.sql / "downgrade" / f"{each.name}.sql" for each in (THREE, TWO)]
    steps = [SimpleNamespace(text=path.read_text("utf-8")) for path in files]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO cities VALUES ('Rome', 'eternal')")
        database = Database(database_url, is_embedded=False)
        guard = Guard(database, TWO.id, print, consent=Consent())
        with pytest.raises(preflight.CheckFailedError, match=r"cities\.note  1 row\n"):
            guard(connection, steps, (THREE.id,))
        agreed = Guard(database, TWO.id, print, consent=Consent(data_loss=True))
        agreed(connection, steps, (THREE.id,))
        timeouts = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
        assert connection.execute(timeouts).fetchone() == ("0", "0")
