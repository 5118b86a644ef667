"""Errors of the server amid a run: SQLSTATE decides whose they are, and all that helps is shown."""

from dataclasses import dataclass

import psycopg
import pytest
from projects import ONE, Project, Revision

from pybase.migrate.database import Database, server_error

SECRET = "hunter2"


@dataclass(frozen=True)
class Case:
    """Statements, the last of which fails; what is reported of it, and what is not."""

    statements: tuple[str, ...]
    sqlstate: str
    code: str
    shown: tuple[str, ...]
    hidden: tuple[str, ...] = (SECRET,)
    shows_data: bool = False


def raised(sqlstate: str, what: str = "") -> tuple[str]:
    return (f"DO $$ BEGIN RAISE 'it fails' USING ERRCODE = '{sqlstate}'{what}; END $$",)


COLUMNS = ", ".join(f"c{number} int" for number in range(1601))
USED = (
    "CREATE TABLE p (n int PRIMARY KEY)",
    "CREATE TABLE t (n int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO t VALUES (1)",
    "ALTER TABLE t ADD COLUMN m int",
)
VIEW = (
    "CREATE TABLE t (n int)",
    "CREATE VIEW v AS SELECT n FROM t",
    "ALTER TABLE t DROP COLUMN n",
)
OPTION = (
    "CREATE TABLE t (s text)",
    "CREATE VIEW v AS SELECT s FROM t WHERE s = 'x' WITH CHECK OPTION",
    f"INSERT INTO v VALUES ('{SECRET}')",
)
FUNCTION = (
    f"CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN"
    f" EXECUTE 'INSERT INTO nowhere VALUES (''{SECRET}'')'; END $$",
    "SELECT f()",
)
SERVER, REVISION = "server-refuses", "revision-failed"

CASES = {
    "disk-full": Case(raised("53100"), "53100", SERVER, ("The server has no space left",)),
    "out-of-memory": Case(raised("53200"), "53200", SERVER, ("no memory left",)),
    "too-many-connections": Case(raised("53300"), "53300", SERVER, ("limit of its config",)),
    "temporary-files": Case(
        ("SET temp_file_limit = '64kB'", "SET work_mem = '64kB'",
         "SELECT count(*) FROM (SELECT n FROM generate_series(1, 99999) AS n ORDER BY -n) AS t"),
        "53400", SERVER, ("The server has reached a limit of its configuration",),
    ),
    "file": Case(
        ("SELECT pg_read_file('/nowhere')",), "58P01", SERVER,
        ("The server's operating system reports an error", "No such file"),
    ),
    "cancelled": Case(
        ("SET statement_timeout = 10", "SELECT pg_sleep(10)"), "57014", SERVER,
        ("The statement was cancelled", "hint-of-ours: Raise the statement_timeout"),
    ),
    "serialization": Case(raised("40001"), "40001", SERVER, ("Run the same command again",)),
    "shutdown": Case(raised("57P01"), "57P01", SERVER, ("Run the same command again",)),
    "columns": Case(
        (f"CREATE TABLE t ({COLUMNS})",), "54011", REVISION,
        ("A limit of PostgreSQL is exceeded", "1600 columns"),
    ),
    "pending-triggers": Case(USED, "55006", REVISION, ("An object is in use", "pending trigger")),
    "no-value-yet": Case(
        ("CREATE SEQUENCE s", "SELECT currval('s')"), "55000", REVISION,
        ("An object is not in the state", "hint-of-ours: Correct the revision"),
    ),
    "dependents": Case(
        VIEW, "2BP01", REVISION,
        ("DETAIL: view v depends on column n of table t", "HINT: Use DROP ... CASCADE"),
    ),
    "hint": Case(
        ("SELECT lenght('x')",), "42883", REVISION, ("HINT: No function matches",),
    ),
    "detail-of-a-row": Case(OPTION, "44000", REVISION, ("check option", "--show-data")),
    "detail-on-request": Case(
        OPTION, "44000", REVISION, (f"DETAIL: Failing row contains ({SECRET})",), (), True,
    ),
    "raised": Case(
        raised("P0001", f", DETAIL = 'of {SECRET}', HINT = 'Do that.'"), "P0001", REVISION,
        ("it fails", "HINT: Do that.", "--show-data"),
    ),
    "function": Case(
        FUNCTION, "42P01", REVISION, ("CONTEXT: PL/pgSQL function f() line 1 at EXECUTE",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_error_is_reported_as_what_it_is(name: str, database_url: str) -> None:
    case = CASES[name]
    with psycopg.connect(database_url) as connection:
        with pytest.raises(psycopg.Error) as caught:
            for statement in case.statements:
                connection.execute(statement.encode())
        connection.rollback()
    assert caught.value.sqlstate == case.sqlstate
    error = server_error(
        Database(database_url, is_embedded=False),
        caught.value,
        statement=case.statements[-1],
        shows_data=case.shows_data,
    )
    assert error.code == case.code
    assert error.exit_code == (3 if case.code == SERVER else 1)
    text = f"{error.problem}\nhint-of-ours: {error.hint}"
    assert [part for part in case.shown if part not in text] == [], text
    assert [part for part in case.hidden if part in text] == []


def test_error_of_a_revision_ends_with_exit_code_1_and_names_what_depends(
    project: Project,
) -> None:
    view = Revision("bbbbbbbbbbbb", ONE.id, "op.execute('CREATE VIEW v AS SELECT * FROM cities')")
    drop = Revision("cccccccccccc", view.id, "op.drop_column('cities', 'name')")
    project.lay_out(ONE, view, drop).run("sql")
    message = project.refused("migrate", "--force", "hazards", code=1)
    assert "error[revision-failed]" in message
    assert "DETAIL: view v depends on column name of table cities" in message
    assert "HINT: Use DROP ... CASCADE to drop the dependent objects too." in message
