"""Progress of a long statement, read by another session while it runs."""

import re

import psycopg
import pytest

from pybase.cli import TerminalReporter
from pybase.migrate.database import Database
from pybase.migrate.deploy._progress import ProgressThread

SLOW = """
CREATE TABLE t (n integer);
INSERT INTO t SELECT generate_series(1, 1500);
CREATE FUNCTION slow(n integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN PERFORM pg_sleep(0.001); RETURN n; END $$;
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybase.cli._reporter.LINE_EVERY_S", 0.2)
    monkeypatch.setattr("pybase.migrate.deploy._progress.PATIENCE_S", 0)


def shown(url: str, statement: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run a statement and return what is shown meanwhile."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SLOW)
        database, pid = Database(url, is_embedded=False), connection.info.backend_pid
        with ProgressThread(database, pid, TerminalReporter()) as progress:
            with progress.of(statement):
                connection.execute(statement.encode())
    return capsys.readouterr().err.splitlines()


def test_index_build_is_shown_in_blocks(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(database_url, "CREATE INDEX CONCURRENTLY i ON t (slow(n))", capsys)
    pattern = r"CREATE INDEX CONCURRENTLY i ON t \(slow\(n\)\): \d of about 7 blocks.*"
    assert any(re.fullmatch(pattern, line) for line in lines), lines


def test_other_statements_are_shown_by_their_time(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = shown(database_url, "ALTER TABLE t ADD CONSTRAINT c CHECK (slow(n) > 0)", capsys)
    assert any(line.endswith(": 1 s so far") for line in lines), lines


def test_nothing_is_shown_of_a_short_statement(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(database_url, "SELECT 1", capsys) == []
