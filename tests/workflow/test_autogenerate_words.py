"""The text of makemigration: messages, flags, files, and what an interruption leaves."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from projects import CITIES_MODEL, ONE, ROOT, Project, plain_environment

WITH_NOTE = CITIES_MODEL.replace(
    "sa.PrimaryKeyConstraint", "sa.Column('note', sa.Text()), sa.PrimaryKeyConstraint"
)
RENAMED = CITIES_MODEL.replace("'name', sa.Text()", "'title', sa.Text()").replace(
    "('name', name=", "('title', name="
)


@pytest.fixture
def cities(project: Project) -> Project:
    """One revision that creates what the model declares, and its SQL."""
    project.lay_out(ONE, models=CITIES_MODEL)
    project.done("sql")
    return project


@pytest.mark.parametrize("message", ["update", "Changes", "fix.", "new migration", "the fix"])
def test_message_without_content_is_refused(message: str, cities: Project) -> None:
    cities.write("models.py", WITH_NOTE)
    before = cities.files()
    error = cities.refused("makemigration", message, code=2)
    assert "does not state what changes" in error
    assert cities.files() == before


def test_second_revision_of_the_same_name_is_refused(cities: Project) -> None:
    before = cities.files()
    error = cities.refused("makemigration", "--empty", "create CITIES", code=2)
    assert ONE.name in error
    assert cities.files() == before


def test_ambiguous_rename_is_refused_with_its_flag(cities: Project) -> None:
    cities.write("models.py", RENAMED)
    before = cities.files()
    error = cities.refused("makemigration", "call it title", code=1)
    assert "\n  --rename cities.name:title\n" in error
    assert "--no-rename" in error
    assert cities.files() == before
    out = cities.done("makemigration", "--rename", "cities.name:title", "call it title")
    assert "Rename cities.name to title" in out
    assert "renames-column on cities" in out
    assert "Nothing to do" in cities.done("makemigration", "call it title again")


def test_lost_data_is_reported(cities: Project) -> None:
    cities.write("models.py", "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n")
    out = cities.done("makemigration", "drop cities")
    assert "DATA LOST:\n  cities\n" in out
    assert "drops-table on cities" in out


def test_sql_of_a_file_becomes_a_revision(cities: Project) -> None:
    cities.write("found.sql", "INSERT INTO cities (name) VALUES ('100% a:b');\n-- done\n")
    cities.done("makemigration", "--sql-only", "found.sql", "found a city")
    cities.done("migrate")
    with psycopg.connect(cities.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT name FROM cities").fetchall() == [("100% a:b",)]


def test_layout_of_given_sql_is_reported_as_sql_lint_does(cities: Project) -> None:
    cities.write("found.sql", "ALTER TABLE cities ALTER name SET STATISTICS -1;\nselect 1,2")
    out = cities.done("makemigration", "--sql-only", "found.sql", "set what is sampled")
    found = json.loads(cities.run("sql-lint", "--format", "json").out)
    layout = [each for each in found if not each["revision"]]
    lines = [f"  {e['file']}:{e['line']}: {e['level']}: {e['code']}:" for e in layout]
    assert {each["level"] for each in layout} == {"note", "error"}
    assert [line for line in lines if line not in out] == []


def test_sql_that_fails_writes_nothing(cities: Project) -> None:
    cities.write("found.sql", "INSERT INTO towns (name) VALUES ('Troy')")
    before = cities.files()
    error = cities.refused("makemigration", "--sql-only", "found.sql", "found a city", code=1)
    assert "towns" in error
    assert cities.files() == before


def test_missing_file_of_sql_is_a_usage_error(cities: Project) -> None:
    assert "nope.sql" in cities.refused("makemigration", "--sql-only", "nope.sql", "say it", code=2)


STOCK_ENV = """\
import os

import sqlalchemy as sa
from alembic import context
from models import metadata

options = {"target_metadata": metadata, "transaction_per_migration": True}
if context.is_offline_mode():
    context.configure(dialect_name="postgresql", literal_binds=True, **options)
    with context.begin_transaction():
        context.run_migrations()
else:
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://")
    with sa.create_engine(url).connect() as connection:
        context.configure(connection=connection, **options)
        with context.begin_transaction():
            context.run_migrations()
"""
"""An env.py that imports nothing of ours, so that `op` has no `backfill`."""


@pytest.fixture(params=["our env.py", "stock env.py"])
def any_env(request: pytest.FixtureRequest, cities: Project) -> Project:
    if request.param == "stock env.py":
        cities.write("migrations/env.py", STOCK_ENV)
        cities.done("sql")
    return cities


def has_operation(project: Project) -> bool:
    return "pybase" in (project.root / "migrations/env.py").read_text()


def test_backfill_skeleton_has_sql_and_a_marked_place(any_env: Project) -> None:
    before = any_env.files()
    any_env.done("makemigration", "--data", "fill in notes")
    (path,) = (p for p in any_env.files() if "/versions/" in p and p not in before)
    text = (any_env.root / path).read_text()
    assert ("op.backfill(" in text) == has_operation(any_env)
    assert ("autocommit_block" in text) == ("COMMIT;" in text) == (not has_operation(any_env))
    assert "TODO" in text
    linted = any_env.run("sql-lint")
    assert (linted.code, "unfilled-rule" in linted.text) == (1, True), linted.text
    any_env.done("migrate", "--force", "hazards")


def test_edited_backfill_skeleton_fills_rows(any_env: Project) -> None:
    any_env.write("models.py", WITH_NOTE)
    any_env.done("makemigration", "add note")
    before = any_env.files()
    any_env.done("makemigration", "--data", "fill in notes")
    (path,) = (p for p in any_env.files() if "/versions/" in p and p not in before)
    text = (any_env.root / path).read_text()
    for name, value in {"TABLE": "cities", "KEY": "name", "COLUMN": "note", "RULE": "name"}.items():
        text, count = re.subn(f"^{name} = .*$", f'{name} = "{value}"', text, flags=re.MULTILINE)
        assert count == 1
    any_env.write(path, text)
    any_env.done("sql")
    any_env.done("migrate", "+2")
    with psycopg.connect(any_env.environment["DATABASE_URL"]) as connection:
        connection.execute("INSERT INTO cities (name) VALUES ('Troy')")
    any_env.done("migrate")
    with psycopg.connect(any_env.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT note FROM cities").fetchall() == [("Troy",)]


def test_backfill_runs_by_plain_alembic(any_env: Project) -> None:
    default = "sa.Column('key', sa.Uuid(), server_default=sa.text('gen_random_uuid()'))"
    any_env.write("models.py", WITH_NOTE.replace("sa.Column('note', sa.Text())", default))
    any_env.done("makemigration", "add key")
    assert any_env.alembic("upgrade", "+2").code == 0
    with psycopg.connect(any_env.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "INSERT INTO cities (name, key) SELECT i::text, NULL FROM generate_series(1, 3000) AS i"
        )
    assert any_env.alembic("upgrade", "head").code == 0
    with psycopg.connect(any_env.environment["DATABASE_URL"]) as connection:
        count = connection.execute("SELECT count(*) FROM cities WHERE key IS NULL").fetchone()
    assert count == (0,)


def test_broken_model_is_named_and_writes_nothing(cities: Project) -> None:
    cities.write("models.py", CITIES_MODEL.replace("sa.Text()", "sa.Text(collation='nowhere')"))
    before = cities.files()
    error = cities.refused("makemigration", "break it", code=1)
    assert "nowhere" in error
    assert cities.files() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("delay", [0.3, 0.8, 1.2, 1.6, 2.0, 2.5, 3.0])
def test_interrupted_at_any_moment_it_leaves_all_or_nothing(
    delay: float, number: signal.Signals, cities: Project
) -> None:
    cities.write("models.py", WITH_NOTE)
    before = cities.files()
    child = subprocess.Popen(
        [sys.executable, "-m", "pybase", "makemigration", "add note to cities"],
        cwd=cities.root,
        env=plain_environment() | cities.environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    os.kill(child.pid, number)
    child.wait(timeout=60)
    after = cities.files()
    if any("add_note" in path for path in after):
        cities.done("sql", "--check")
    else:
        assert after == before
    assert not list(Path(cities.root, ".pybase").glob("new-*"))
