"""SQL files that an operator runs with psql a second time, or too early: nothing changes.

Without ON_ERROR_STOP, psql goes on after an error.
"""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision

from pybase.migrate import catalog
from pybase.postgres import find_bin

ALONE = "with op.get_context().autocommit_block():\n    op.execute({!r})\n"
ADD = "op.execute(\"INSERT INTO cities VALUES ('Rome ' || gen_random_uuid())\")"
OUTSIDE = Revision(
    THREE.id, TWO.id,
    ALONE.format("INSERT INTO cities VALUES ('Rome ' || gen_random_uuid())") + ADD, "pass",
)  # fmt: skip
LATE = replace(
    OUTSIDE, upgrade=f"op.execute('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')\n{ADD}"
)
LEFT = Revision("bbbbbbbbbbbb", ONE.id, ADD, "op.execute('DELETE FROM cities')")
RIGHT = Revision("cccccccccccc", ONE.id, ADD, "op.execute('DELETE FROM cities')")
MERGE = Revision("dddddddddddd", (LEFT.id, RIGHT.id), ADD)
FAR = "from alembic import context\n_configure = context.configure\n" + (
    "context.configure = lambda **o: _configure(**o, version_table_schema='far',"
    " version_table='my versions')\n"
)
SCHEMA = "op.execute('CREATE SCHEMA IF NOT EXISTS far')\n"

HISTORIES: dict[str, tuple[Revision, ...]] = {
    "line": LINE,
    "outside-a-transaction": (ONE, TWO, OUTSIDE),
    "alone-at-first": (replace(ONE, upgrade=ALONE.format("CREATE TABLE cities (name text)")),),
    "isolation-level": (ONE, TWO, LATE),
    "branches": (ONE, LEFT, RIGHT, MERGE),
    "table-elsewhere": (ONE, TWO),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_file_that_is_run_again_changes_nothing(
    name: str, project: Project, database_url: str
) -> None:
    revisions = HISTORIES[name]
    project.lay_out(*revisions)
    if name == "table-elsewhere":
        project.write("migrations/env.py", FAR + (project.root / "migrations/env.py").read_text())
        with psycopg.connect(database_url) as connection:
            connection.execute("CREATE SCHEMA far")
    project.run("sql")
    stems = [Path(script.path).stem for script in project.history().revisions]
    ups = [project.sql / f"upgrade/{stem}.sql" for stem in stems]
    assert "ERROR" not in psql(database_url, *ups)
    assert state(database_url)[2] == [(revisions[-1].id,)]
    downs = [path.parents[1] / "downgrade" / path.name for path in ups]
    for path in (*ups, *downs[:-1]):
        before = state(database_url)
        assert "This file is for a database at " in psql(database_url, path)
        assert state(database_url) == before, path
    assert "ERROR" not in psql(database_url, downs[-1])
    assert state(database_url)[2] != [(revisions[-1].id,)]
    before = state(database_url)
    assert "This file is for a database at " in psql(database_url, downs[-1])
    assert state(database_url) == before


def test_file_that_is_run_too_early_changes_nothing(project: Project, database_url: str) -> None:
    project.lay_out(ONE, TWO, OUTSIDE).write_sql()
    paths = [project.sql / f"upgrade/{revision.name}.sql" for revision in (ONE, TWO, OUTSIDE)]
    assert "ERROR" not in psql(database_url, paths[0])
    before = state(database_url)
    assert f"for a database at {TWO.id}, and this one is at {ONE.id}" in (
        psql(database_url, paths[2])
    )
    assert state(database_url) == before
    assert "ERROR" in psql(database_url, *paths), "what is applied is refused, the rest is run"
    assert state(database_url)[2] == [(OUTSIDE.id,)]


def test_runner_sends_no_check(project: Project) -> None:
    project.lay_out(ONE, TWO, OUTSIDE).write_sql()
    result = project.run("migrate", "--verbose", "--force", "hazards")
    assert result.out.endswith("3 applied.\n"), result.text
    assert "present" not in result.err
    assert "read_only" not in result.err


def psql(url: str, *files: Path) -> str:
    """Run files in one psql, which goes on after an error; return what it reports."""
    options = [part for file in files for part in ("-f", str(file))]
    done = subprocess.run(
        [str(find_bin(18) / "psql"), "-X", "-q", url, *options],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stderr


def state(url: str) -> tuple[dict[str, str], list[tuple[str]], list[tuple[str]]]:
    """The catalog, the rows and the versions; the ledger is one of the tables that may change."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = {"versions": "alembic_version", "ledger": "migration_ledger"}
        if connection.execute("SELECT to_regnamespace('far')").fetchone() != (None,):
            tables = {"versions": 'far."my versions"', "ledger": "far.migration_ledger"}
        queries = (
            "SELECT name FROM cities UNION ALL SELECT count(*)::text"
            f" FROM {tables['ledger']} ORDER BY 1",
            f"SELECT version_num FROM {tables['versions']} ORDER BY 1",
        )
        has_cities = connection.execute("SELECT to_regclass('cities')").fetchone() != (None,)
        rows = connection.execute(queries[0].encode()).fetchall() if has_cities else []
        versions = connection.execute(queries[1].encode()).fetchall()
        return catalog.snapshot(connection), rows, versions
