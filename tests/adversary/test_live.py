"""A live server that is attacked: limits, lost answers, a lost lock, backfills, secrets."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from faults.proxy import Proxy
from msgspec import structs
from projects import LINE, ONE, THREE, TWO, Project, Result, Revision
from tcp_servers import ENCODED, PASSWORD, TcpServer
from waiting import IS_BLOCKED, wait_for_query, wait_until

from pybase.cli import TerminalReporter, main
from pybase.core import settings
from pybase.core.errors import DatabaseError, PybaseError
from pybase.migrate import deploy
from pybase.migrate.database import Database, connect, server_error
from pybase.migrate.deploy._backfill_runner import DeclaredBackfill
from pybase.migrate.record import Direction
from pybase.migrate.sql import Backfill, masked, render_backfill
from pybase.postgres import database_name

pytestmark = pytest.mark.adversary("live")


@pytest.fixture
def three(project: Project) -> Project:
    """A history of three revisions with its SQL, and a database with none of them."""
    return project.lay_out(*LINE).write_sql()


def rows(url: str, query: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def version(project: Project) -> list[Any]:
    url = project.environment["DATABASE_URL"]
    if rows(url, "SELECT to_regclass('alembic_version')") == [(None,)]:
        return []
    return [name for (name,) in rows(url, "SELECT version_num FROM alembic_version")]


# --- limits ---------------------------------------------------------------------------------------

OPTIONS = ("lock-timeout-ms", "lock-timeout-most-ms", "deadline-s")
NUMBERS = ("0", "-1", "-0", "99999999999", "9" * 400, "nan", "inf", "1e3", "0.5", "0x10", "", " ")
IN_FILE = ("0", "-1", "99999999999", "nan", "inf", "-inf", "0.5", "true", '"50"', "[]", "{}")
LIMITS = [
    *(((f"--{option}={number}",), "") for option in OPTIONS for number in NUMBERS),
    (("--lock-timeout-ms=501",), ""),
    (("--lock-timeout-most-ms=49",), ""),
    *(((), f"{option.replace('-', '_')} = {number}") for option in OPTIONS for number in IN_FILE),
    ((), "lock_timeout_ms = 501"),
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose server is never reached."""
    nowhere = {"DATABASE_URL": "postgresql://user@127.0.0.1:1/nothing"}
    return Project(tmp_path_factory.mktemp("bare"), nowhere).lay_out(ONE)


@pytest.mark.parametrize(("arguments", "line"), LIMITS)
def test_number_out_of_range_is_refused(
    arguments: tuple[str, ...],
    line: str,
    bare: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", bare.environment["DATABASE_URL"])
    bare.write("pyproject.toml", f"[tool.pybase.migrate]\n{line}\n")
    monkeypatch.chdir(bare.root)
    try:
        code = main(["migrate", *arguments])
    except SystemExit as end:  # argparse refuses what is no number
        code = int(end.code or 0)
    message = capsys.readouterr().err
    assert code == 2, message
    assert "error" in message
    assert "Traceback" not in message


# --- lost answers ---------------------------------------------------------------------------------


def break_the_work(proxy: Proxy) -> None:
    """Break the connection of the work, which is the second, and leave that of the lock."""
    for connection in proxy._sockets[2:4]:
        connection.close() if connection.fileno() < 0 else connection.shutdown(2)


def break_both(proxy: Proxy) -> None:
    """Break both connections; new ones are accepted."""
    for connection in proxy._sockets[:4]:
        connection.shutdown(2)


def swallow(_proxy: Proxy) -> None:
    """Keep the connection, and never forward the answer."""


LOST = {
    "setting, swallowed": (swallow, 1, "connection-lost", 0),
    "first commit, swallowed": (swallow, 2, "", 3),
    "second commit, swallowed": (swallow, 3, "", 3),
    "last commit, swallowed": (swallow, 4, "", 3),
    "first commit, broken": (break_the_work, 2, "", 3),
    "last commit, broken": (break_the_work, 4, "", 3),
    "first commit and lock, broken": (break_both, 2, "migration-lock-lost", 1),
    "last commit and lock, broken": (break_both, 4, "", 3),
    "first commit, unreachable": (Proxy.cut, 2, "outcome-unknown", 1),
    "last commit, unreachable": (Proxy.cut, 4, "outcome-unknown", 3),
}
"""How, at which answer; the error, and how many revisions are in the version table."""


@pytest.mark.parametrize(("strike", "answer", "code", "applied"), LOST.values(), ids=LOST)
def test_lost_answer_is_resolved_by_looking(
    strike: Callable[[Proxy], None],
    answer: int,
    code: str,
    applied: int,
    three: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pybase.migrate.deploy._recovery._outcome.RECONNECT_S", 0)
    monkeypatch.setattr("pybase.migrate.database._limited.ANSWER_S", 0.5)
    proxy = Proxy(three.environment["DATABASE_URL"], strike, answer)
    reported, raised = "", ""
    try:
        assert run(three, proxy.url) == 3
    except PybaseError as error:
        raised, reported = error.code, error.problem
    proxy.cut()
    assert proxy.has_struck.wait(1)
    assert raised == code, reported
    assert version(three) == [revision.id for revision in LINE[:applied][-1:]]
    assert ("Nothing was applied" in reported) == (code == "connection-lost")
    assert ("unknown" in reported) == (code == "outcome-unknown")


def test_what_the_run_has_created_is_dropped_after_a_new_connection_too(
    project: Project,
) -> None:
    """Nothing of the user's is lost, so no consent is needed."""
    drop = Revision(THREE.id, TWO.id, "op.drop_table('cities')", ONE.upgrade or "")
    project.lay_out(ONE, TWO, drop).run("sql")
    proxy = Proxy(project.environment["DATABASE_URL"], break_the_work, 2)
    assert run(project, proxy.url) == 3
    proxy.cut()
    assert proxy.has_struck.is_set()
    assert version(project) == [THREE.id]


def test_interruption_amid_relative_steps_names_their_end(three: Project) -> None:
    with psycopg.connect(three.environment["DATABASE_URL"]) as other:
        three.done("migrate", ONE.id)
        other.execute("LOCK TABLE cities IN EXCLUSIVE MODE")
        command = three.start("migrate", "+2")
        wait_for_query(three.environment["DATABASE_URL"], IS_BLOCKED)
        os.kill(command.pid, signal.SIGINT)
        result = three.ended(command)
    assert result.code == 130
    assert f"run nox -s migrate -- {THREE.id}, with the same options to resume" in result.err


def run(project: Project, url: str) -> int:
    """Run `migrate` in this process."""
    options = settings.load(project.root / "alembic.ini")
    reporter = TerminalReporter()
    with deploy.locked(options, Database(url, is_embedded=False), reporter) as locked:
        return deploy.apply(locked, locked.plan("head", Direction.UPGRADE), reporter)


def test_session_that_is_ended_before_its_commit_is_reported_as_not_applied(
    three: Project,
) -> None:
    result = disturbed(three, "wait_event_type = 'Lock'")
    assert (result.code, version(three)) == (3, []), result.text
    assert "error[connection-lost]" in result.err
    assert "it was not applied. Nothing was applied." in result.err


# --- the lock -------------------------------------------------------------------------------------

LOCK_SESSION = """pid IN (
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 556553635 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)"""


def disturbed(
    project: Project, which: str, *, module: str = "pybase", command: str = "migrate"
) -> Result:
    """Run `migrate`, and end a session of it while it waits for another session's lock."""
    url = project.environment["DATABASE_URL"]
    arguments = command.split()
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE alembic_version (version_num text)")
        running = project.start(*arguments, module=module)
        wait_for_query(url, IS_BLOCKED)
        ended = rows(
            url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname ="
            f" current_database() AND pid <> pg_backend_pid() AND {which}",
        )
        assert ended == [(True,)]
        other.rollback()
        return project.ended(running)


def test_migrate_stops_when_its_lock_is_lost(three: Project) -> None:
    result = disturbed(three, LOCK_SESSION)
    assert (result.code, version(three)) == (3, [])
    assert "error[migration-lock-lost]: The migration lock was lost" in result.err
    assert "Nothing was applied." in result.err


def test_plain_alembic_stops_when_its_lock_is_lost(three: Project) -> None:
    result = disturbed(three, LOCK_SESSION, module="alembic", command="upgrade head")
    assert (result.code != 0, version(three)) == (True, [])
    assert "The migration lock was lost" in result.text


PYTHON = replace(
    TWO, upgrade="op.get_bind().execute(sa.text('SELECT now()')).scalar()\n" + str(TWO.upgrade)
)
ALONE = replace(
    TWO, upgrade="with op.get_context().autocommit_block():\n    op.execute('VACUUM cities')"
)


@pytest.mark.parametrize("second", [TWO, PYTHON, ALONE], ids=["sql", "python", "alone"])
def test_lock_is_verified_before_each_kind_of_step(second: Revision, project: Project) -> None:
    project.lay_out(ONE, second).run("sql")
    url = project.environment["DATABASE_URL"]

    class Breaking(TerminalReporter):
        """Loses the lock when the first step is done."""

        def result(self, text: str) -> None:  # type: ignore[override]
            assert rows(
                url, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE {LOCK_SESSION}"
            )

    options = settings.load(project.root / "alembic.ini")
    reporter = Breaking()
    with pytest.raises(DatabaseError, match="1 before it stay applied") as caught:
        with deploy.locked(options, Database(url, is_embedded=False), reporter) as locked:
            deploy.apply(locked, locked.plan("head", Direction.UPGRADE), reporter)
    assert caught.value.code == "migration-lock-lost"
    assert version(project) == [ONE.id]


TIMEOUTS = (
    "idle_session_timeout=300",
    "idle_in_transaction_session_timeout=300",
    "statement_timeout=300",
    "transaction_timeout=300",
    "lock_timeout=300",
    "default_transaction_isolation=serializable",
    "default_transaction_deferrable=on",
)


@pytest.mark.parametrize("timeout", TIMEOUTS)
def test_timeouts_of_the_role_end_neither_lock_nor_work(timeout: str, project: Project) -> None:
    slow = Revision(TWO.id, ONE.id, "op.execute('SELECT pg_sleep(0.5)')")
    project.lay_out(ONE, slow).write_sql()
    url = f"{project.environment['DATABASE_URL']}&options={quote('-c ' + timeout)}"
    assert project.done("migrate", DATABASE_URL=url).endswith("2 applied.\n")


def test_timeout_of_the_role_ends_no_lock_of_plain_alembic(project: Project) -> None:
    project.lay_out(ONE, Revision(TWO.id, ONE.id, "op.execute('SELECT pg_sleep(0.5)')"))
    option = quote("-c idle_session_timeout=300")
    url = f"{project.environment['DATABASE_URL']}&options={option}"
    result = project.alembic("upgrade", "head", DATABASE_URL=url)
    assert result.code == 0, result.text
    assert version(project) == [TWO.id]


PARAMETERS = {
    "": ("10", "15", "5", "3", "30000", "UTF8"),
    "&connect_timeout=3&client_encoding=LATIN1": ("3", "15", "5", "3", "30000", "UTF8"),
    "&keepalives_idle=7&tcp_user_timeout=0": ("10", "7", "5", "3", "0", "UTF8"),
}


@pytest.mark.parametrize("query", PARAMETERS)
def test_connections_have_limits_and_the_url_has_the_last_word(
    query: str, database_url: str
) -> None:
    names = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count")
    names += ("tcp_user_timeout", "client_encoding")
    with connect(Database(database_url + query, is_embedded=False)) as connection:
        given = connection.info.get_parameters()
        assert connection.info.encoding == "utf-8"
    assert tuple(given[name] for name in names) == PARAMETERS[query]


# --- backfills ------------------------------------------------------------------------------------

FILL = Backfill("towns", r"city = 'Zürich \ ' || n", "city IS NULL", ("n",))
TOWNS = """
CREATE TABLE towns (n integer PRIMARY KEY, city text);
INSERT INTO towns (n) SELECT generate_series(1, 30)
"""
FILLED = r"SELECT count(*) FROM towns WHERE city = E'Z\u00FCrich \\ ' || n"


def fill(url: str, backfill: Backfill = FILL) -> int:
    """Run the loop as `nox -s backfill` does."""
    declared = DeclaredBackfill("b" * 12, "Fill.", backfill.table, render_backfill(backfill))
    return deploy.run_backfill(Database(url, is_embedded=False), declared, TerminalReporter())


def towns(url: str, *statements: str) -> None:
    for statement in (*TOWNS.split(";"), *statements):
        rows(url, statement)


SETTINGS = (
    "client_encoding=LATIN1",
    "client_encoding=SQL_ASCII",
    "standard_conforming_strings=off",
    "default_transaction_isolation=serializable",
    "default_transaction_isolation=repeatable\\ read",
    "default_transaction_deferrable=on",
    "statement_timeout=1",
    "idle_in_transaction_session_timeout=1",
    "client_min_messages=error",
    "row_security=off",
    "lock_timeout=1",
    "plan_cache_mode=force_generic_plan",
    "transform_null_equals=on",
    "DateStyle=German",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_backfill_is_right_under_any_setting(setting: str, database_url: str) -> None:
    towns(database_url)
    assert fill(f"{database_url}&options={quote('-c ' + setting)}") == 30
    assert rows(database_url, FILLED) == [(30,)]


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
def test_backfill_meets_writers_at_any_isolation_level(isolation: str, database_url: str) -> None:
    """Run by psql too, a batch does not fail on a row that was changed since it began."""
    towns(database_url)
    slow = render_backfill(FILL).replace("bigint := 1;", "bigint := 5;")
    slow = slow.replace("pg_sleep(took_ms / 10000)", "pg_sleep(0.05)")
    with psycopg.connect(database_url, autocommit=True) as runner:
        runner.execute(f"SET default_transaction_isolation = '{isolation}'".encode())
        with psycopg.connect(database_url) as writer:
            writer.execute("UPDATE towns SET city = city WHERE n > 5")
            runner.pgconn.send_query(slow.encode())
            time.sleep(0.3)
            writer.commit()
        wait_until(lambda: runner.pgconn.consume_input() or not runner.pgconn.is_busy())
        results = list(iter(runner.pgconn.get_result, None))
        assert results[0].error_message == b""
    assert rows(database_url, FILLED) == [(30,)]


WORDS = [
    "total",
    "done",
    "batch",
    "began",
    "here",
    "there",
    "key",
    "n",
    "first_pass",
    "is_new_pass",
    "is_idle",
    "is_last",
    "is_held_up",
    "last_success",
    "took_ms",
    "updated",
    "changed",
    "remaining",
    "is_left",
    "passed",
    "pass",
    "key_1",
    "key_2",
    "key_3",
    "rows",
    "waiting",
    "found",
    "new",
    "old",
    "backfill",
]
NAMES = ("here", "there", "done", "updated", "waiting", "total", "a b", 'q"q', "per%cent", "it's")


def test_columns_may_have_any_name_of_the_loop(database_url: str) -> None:
    columns = ", ".join(f'"{word}" integer NOT NULL DEFAULT 1' for word in WORDS)
    key = ("key_2", "pass", "n", "here", "key_1")
    rows(database_url, f"CREATE TABLE towns ({columns}, city text)")
    quoted = ", ".join(f'"{name}"' for name in key)
    rows(database_url, f"ALTER TABLE towns ADD PRIMARY KEY ({quoted})")
    rows(database_url, "INSERT INTO towns (n, key_1) SELECT i, -i FROM generate_series(1, 3000) i")
    everything = " + ".join(f'"{word}"' for word in WORDS)
    loop = Backfill("towns", f"city = {everything}, total = batch + done", "city IS NULL", key)
    assert fill(database_url, loop) == 3000
    total = len(WORDS) - 2
    assert rows(database_url, "SELECT DISTINCT city, total FROM towns") == [(str(total), 2)]


@pytest.mark.parametrize("name", NAMES)
def test_tables_may_have_any_name_of_the_loop(name: str, database_url: str) -> None:
    towns(database_url, f"""ALTER TABLE towns RENAME TO "{name.replace('"', '""')}" """)
    assert fill(database_url, structs.replace(FILL, table=name)) == 30
    assert rows(database_url, "SELECT relname FROM pg_class WHERE relname LIKE 'backfill%'") == []


WRITES_BEHIND = """
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO towns (n) VALUES (NEW.n - 1000); RETURN NEW;
END $$;
CREATE TRIGGER again BEFORE UPDATE ON towns FOR EACH ROW EXECUTE FUNCTION again()
"""
CHANGES_NONE = """
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER never BEFORE UPDATE ON towns FOR EACH ROW EXECUTE FUNCTION never()
"""
STUCK = {
    "rows are written behind it": (WRITES_BEHIND, "as fast as it goes", "TRIGGER again ON towns"),
    "a trigger prevents it": (CHANGES_NONE, "a complete pass has changed none", "TRIGGER never"),
}


@pytest.mark.parametrize(("attack", "message", "cure"), STUCK.values(), ids=STUCK)
def test_backfill_ends_with_a_sentence_and_is_not_stuck_afterwards(
    attack: str, message: str, cure: str, database_url: str
) -> None:
    towns(database_url, attack)
    for _ in range(2):
        with pytest.raises(PybaseError, match=message) as caught:
            fill(database_url)
        assert caught.value.code == "backfill-failed"
    rows(database_url, f"DROP {cure}{'' if ' ON ' in cure else ' ON towns'}")
    assert fill(database_url) > 0
    assert rows(database_url, "SELECT count(*) FROM towns WHERE city IS NULL") == [(0,)]


def test_backfill_through_a_null_in_its_key_ends_with_a_sentence(database_url: str) -> None:
    towns(
        database_url,
        "ALTER TABLE towns ADD COLUMN k integer UNIQUE",
        "INSERT INTO towns (n, k) SELECT i, CASE WHEN i < 500 THEN i END"
        " FROM generate_series(31, 2500) i",
    )
    with pytest.raises(PybaseError, match="the key of towns has a null"):
        fill(database_url, structs.replace(FILL, key=("k",)))


def test_backfill_reports_rows_that_its_role_does_not_see(database_url: str) -> None:
    role = f"owner_{database_name(database_url)}"
    towns(
        database_url,
        f'CREATE ROLE "{role}" LOGIN',
        f'ALTER TABLE towns OWNER TO "{role}"',
        f'GRANT ALL ON SCHEMA public TO "{role}"',
        "ALTER TABLE towns ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
        "CREATE POLICY few ON towns USING (n < 10)",
    )
    try:
        with pytest.raises(DatabaseError, match="row-level security") as caught:
            fill(database_url.replace("postgres@", f"{role}@"))
        assert caught.value.code == "backfill-stopped"
        assert "BYPASSRLS" in caught.value.hint
        assert rows(database_url, "SELECT count(city) FROM towns") == [(0,)]
    finally:
        rows(database_url, f'DROP OWNED BY "{role}" CASCADE')
        rows(database_url, f'DROP ROLE "{role}"')


def test_backfill_ends_with_its_client(project: Project) -> None:
    """The server notices within seconds, in the middle of a statement."""
    url = project.environment["DATABASE_URL"]
    table = "op.execute('CREATE TABLE towns (n integer PRIMARY KEY, city text)')"
    slow = "city = (SELECT n::text FROM pg_sleep(30 + 0 * n))"
    loop = f"op.backfill('towns', set={slow!r}, where='city IS NULL', key=['n'])"
    project.lay_out(Revision(ONE.id, None, table), Revision(TWO.id, ONE.id, loop)).write_sql()
    project.done("migrate", "+1")
    rows(url, "INSERT INTO towns SELECT generate_series(1, 60)")
    command = project.start("backfill", "towns")
    works = (
        "SELECT count(*) {} FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        " AND datname = current_database()"
    )
    wait_for_query(url, works.format("> 0"))
    os.kill(command.pid, signal.SIGKILL)
    began = time.monotonic()
    wait_for_query(url, works.format("= 0"))
    assert time.monotonic() - began < 10
    assert project.ended(command).code == -signal.SIGKILL
    assert rows(url, "SELECT count(city) FROM towns") == [(0,)]


# --- secrets --------------------------------------------------------------------------------------

SECRET = "hush-4711"
TABLES = (
    "CREATE TABLE people (email text PRIMARY KEY, age integer CHECK (age > 0), town text NOT NULL)",
    f"INSERT INTO people VALUES ('{SECRET}', 1, '{SECRET}')",
    "CREATE TABLE pets (owner text REFERENCES people)",
)
VALUES = {
    "duplicate key": f"INSERT INTO people VALUES ('{SECRET}', 1, 'x')",
    "null": f"INSERT INTO people VALUES ('b', 1, NULL), ('{SECRET}2', 1, 'x')",
    "check": f"UPDATE people SET age = 0 WHERE email = '{SECRET}'",
    "foreign key": f"INSERT INTO pets VALUES ('{SECRET}3')",
    "cast of a column": "ALTER TABLE people ALTER town TYPE integer USING town::integer",
    "cast to a date": "SELECT town::date FROM people",
    "json": "SELECT town::json FROM people",
    "array": "SELECT town::integer[] FROM people",
    "uuid": "SELECT town::uuid FROM people",
    "quotes in a value": f"""SELECT ('a"{SECRET}"b')::integer""",
    "lines in a value": f"SELECT (E'a\\n{SECRET}')::integer",
    "out of range": f"SELECT ('99999999999{SECRET[-4:]}')::integer",
    "new unique index": "INSERT INTO people SELECT 'z', 1, town FROM people;"
    " CREATE UNIQUE INDEX u ON people (town)",
    "CREATE ROLE": f"CREATE ROLE postgres PASSWORD '{SECRET}'",
    "CREATE ROLE, encrypted": f"CREATE ROLE postgres ENCRYPTED PASSWORD E'{SECRET}'",
    "CREATE ROLE, dollars": f"CREATE ROLE postgres PASSWORD $x${SECRET}$x$",
    "CREATE ROLE, unicode": f"CREATE ROLE postgres PASSWORD U&'{SECRET}'",
    "ALTER USER": f"ALTER USER nobody_here PASSWORD '{SECRET}'",
    "after a comment": f"/* it's */ ALTER USER nobody_here PASSWORD '{SECRET}'",
    "after a line comment": f"-- it's\nALTER USER nobody_here PASSWORD '{SECRET}'",
    "after a backslash": f"SELECT '\\', '{SECRET}', nothing",
    "in a DO block": f"DO $$ BEGIN EXECUTE 'ALTER USER nobody_here PASSWORD ''{SECRET}'''; END $$",
    "user mapping": f"CREATE USER MAPPING FOR u SERVER s OPTIONS (password '{SECRET}')",
    "subscription": f"CREATE SUBSCRIPTION s CONNECTION 'password={SECRET}' PUBLICATION",
}


@pytest.mark.parametrize("statement", VALUES.values(), ids=VALUES)
def test_values_are_not_repeated_in_errors(statement: str, database_url: str) -> None:
    database = Database(database_url, is_embedded=False)
    with psycopg.connect(database_url) as connection:
        for table in TABLES:
            connection.execute(table.encode())
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(statement.encode())
    error = server_error(database, caught.value, statement=statement)
    assert SECRET not in str(error)
    if error.code != "server-refuses":  # that shows no statement
        assert error.code == "revision-failed"
        assert statement.split()[-1][:3] in str(error) or "'...'" in str(error)


MASKED = {
    "SELECT 'a''b', E'a\\'b', $$x$$, $t$y$t$": "SELECT '...', '...', '...', '...'",
    "SELECT \"it's\", 'x'": "SELECT \"it's\", '...'",
    "CREATE FUNCTION f() AS $$ SELECT 'x' $$": "CREATE FUNCTION f() AS $$ SELECT '...' $$",
    "SELECT a - b / c, 'open": "SELECT a - b / c, '...'",
    "SELECT $1, a$b": "SELECT $1, a$b",
}


@pytest.mark.parametrize("statement", MASKED)
def test_only_literals_are_masked(statement: str) -> None:
    assert masked(statement) == MASKED[statement]


def test_columns_are_named_and_values_shown_on_request(three: Project) -> None:
    three.done("migrate", ONE.id)
    rows(three.environment["DATABASE_URL"], "INSERT INTO cities VALUES ('Troy')")
    message = three.refused("migrate", code=1)
    assert 'unique constraint "pk_cities" (table cities, columns name).' in message
    assert "INSERT INTO cities (name) VALUES ('...')" in message
    assert "--show-data" in message
    assert "Troy)=" not in message and "=(Troy)" not in message
    assert "Key (name)=(Troy) already exists." in three.refused("migrate", "--show-data", code=1)


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_queries_of_other_sessions_are_shown_on_request(is_asked_for: bool, three: Project) -> None:
    three.done("migrate", TWO.id)
    query = f"SELECT name AS {SECRET.replace('-', '_')} FROM cities"
    with psycopg.connect(three.environment["DATABASE_URL"], application_name="reader") as other:
        other.execute(query.encode())
        asked = ("--show-data",) if is_asked_for else ()
        message = three.refused("migrate", "--deadline-s", "1", *asked, code=3)
        who = f"pid {other.info.backend_pid} (user postgres, reader, idle in transaction)"
    assert f"{who} has ACCESS SHARE on cities, for" in message
    assert (SECRET.replace("-", "_") in message) == is_asked_for


PLACES = {
    "user": "postgres:{}@127.0.0.1:{}/postgres",
    "query": "postgres@127.0.0.1:{1}/postgres?password={0}",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_password_of_the_rehearsal_is_nowhere(
    place: str, project: Project, tcp_server: TcpServer
) -> None:
    url = f"postgresql://{place.format(ENCODED, tcp_server.port)}"
    project.environment["PYBASE_REHEARSAL_URL"] = url
    project.secrets = (ENCODED, PASSWORD)
    reveal = "import os\nraise ValueError(os.environ['PYBASE_REHEARSAL_URL'])"
    project.lay_out(ONE, Revision(TWO.id, ONE.id, reveal))
    assert "KeyError: 'PYBASE_REHEARSAL_URL'" in project.refused("sql", code=1)
    project.run("sql-lint")
    kept = [path for path in project.root.rglob("*") if path.is_file()]
    assert not [path for path in kept for text in project.secrets if text in _text(path)]
    cache = [path for path in kept if path.parent.name == "cache"]
    assert cache
    assert {path.stat().st_mode & 0o777 for path in cache} == {0o600}


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace")


VARIABLES = ("DATABASE_URL", "PYBASE_REHEARSAL_URL")
BLANKS = (
    "u:{} x@h/d",
    "u:x {}@h/d",
    "u@h/d?password={} x",
    "u@h/d?sslpassword=x\t{}",
    "u:{}\n@h/d",
)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("rest", BLANKS)
def test_password_with_a_blank_is_refused_without_being_shown(
    rest: str, variable: str, bare: Project
) -> None:
    bare.write("pyproject.toml", "")
    result = bare.run(
        "migrate" if variable == "DATABASE_URL" else "sql",
        **{variable: f"postgresql://{rest.format(SECRET)}"},
    )
    assert result.code == 2, result.text
    assert "error[malformed-url]" in result.err
    assert "Traceback" not in result.text
    assert SECRET not in result.text
