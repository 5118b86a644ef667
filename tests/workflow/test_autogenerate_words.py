"""What makemigration says, refuses and leaves behind: messages, flags, files, interruptions."""

import os
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
    """One revision that makes what the model says, and its SQL."""
    project.lay_out(ONE, models=CITIES_MODEL)
    project.done("sql")
    return project


@pytest.mark.parametrize("message", ["update", "Changes", "fix.", "new migration", "the fix"])
def test_message_that_says_nothing_is_refused(message: str, cities: Project) -> None:
    cities.write("models.py", WITH_NOTE)
    before = cities.files()
    said = cities.refused("makemigration", message, code=2)
    assert "does not say what changes" in said
    assert cities.files() == before


def test_second_revision_of_the_same_name_is_refused(cities: Project) -> None:
    before = cities.files()
    said = cities.refused("makemigration", "--empty", "create CITIES", code=2)
    assert ONE.name in said
    assert cities.files() == before


def test_rename_is_refused_with_the_flag_that_says_it(cities: Project) -> None:
    cities.write("models.py", RENAMED)
    before = cities.files()
    said = cities.refused("makemigration", "call it title", code=1)
    assert "\n  --rename cities.name:title\n" in said
    assert "--no-rename" in said
    assert cities.files() == before
    out = cities.done("makemigration", "--rename", "cities.name:title", "call it title")
    assert "Rename cities.name to title" in out
    assert "renames-column on cities" in out
    assert "Nothing to do" in cities.done("makemigration", "call it title again")


def test_dropped_data_is_pointed_out(cities: Project) -> None:
    cities.write("models.py", "import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n")
    out = cities.done("makemigration", "drop cities")
    assert "DATA THAT GO:\n  cities and all of its rows" in out
    assert "drops-table on cities" in out


def test_sql_of_a_file_becomes_a_revision(cities: Project) -> None:
    cities.write("found.sql", "INSERT INTO cities (name) VALUES ('100% a:b');\n-- done\n")
    cities.done("makemigration", "--sql-only", "found.sql", "found a city")
    cities.done("migrate")
    with psycopg.connect(cities.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT name FROM cities").fetchall() == [("100% a:b",)]


def test_sql_that_fails_writes_nothing(cities: Project) -> None:
    cities.write("found.sql", "INSERT INTO towns (name) VALUES ('Troy')")
    before = cities.files()
    said = cities.refused("makemigration", "--sql-only", "found.sql", "found a city", code=1)
    assert "towns" in said
    assert cities.files() == before


def test_missing_file_of_sql_is_a_usage_error(cities: Project) -> None:
    assert "nope.sql" in cities.refused("makemigration", "--sql-only", "nope.sql", "say it", code=2)


def test_backfill_skeleton_has_sql_and_a_marked_place(cities: Project) -> None:
    before = cities.files()
    cities.done("makemigration", "--data", "fill in notes")
    (path,) = (p for p in cities.files() if "/versions/" in p and p not in before)
    text = (cities.root / path).read_text()
    assert "autocommit_block" in text
    assert "TODO" in text
    assert "COMMIT;" in text
    cities.done("sql-lint")
    cities.done("migrate")


def test_broken_model_is_named_and_writes_nothing(cities: Project) -> None:
    cities.write("models.py", CITIES_MODEL.replace("sa.Text()", "sa.Text(collation='nowhere')"))
    before = cities.files()
    said = cities.refused("makemigration", "break it", code=1)
    assert "nowhere" in said
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
