"""makemigration: what it writes, when it writes nothing, and hostile messages."""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pglast import parser
from projects import CITIES_MODEL, FORK, LINE, MODELS, ONE, THREE, TWO, Project

from pybase.postgres import find_bin

WITH_NOTE = CITIES_MODEL.replace(
    "sa.PrimaryKeyConstraint", "sa.Column('note', sa.Text()), sa.PrimaryKeyConstraint"
)
HOSTILE = {
    "newline": "add note\n; DROP TABLE cities; --",
    "dashes": "-- add -- note",
    "end of comment": "*/ SELECT 1; /*",
    "dollars": "$$ add $a$ note",
    "quotes": "add 'single' and \"double\"",
    "triple quotes": '""" add """ note """"',
    "last quote": 'add "note"',
    "backslash": "add C:\\new\\x \\",
    "path": "../../etc/passwd",
    "absolute path": "/etc/passwd",
    "emoji": "🐘 añade 日本",
    "only emoji": "🐘",
    "control characters": "add\x1b[31m\x07 note\u202e",
    "template": "${1/0} <% raise %> % if x:\n## {{ x }} %(rev)s %d",
    "very long": "add note " * 300,
}


@pytest.fixture
def cities(project: Project) -> Project:
    """One revision that creates what the model declares."""
    return project.lay_out(ONE, models=CITIES_MODEL)


def new_revision(project: Project, before: dict[str, str]) -> Path:
    """The only file in `versions/` that was not there before."""
    (path,) = (path for path in project.files() if "/versions/" in path and path not in before)
    return project.root / path


def test_changed_model_becomes_a_revision_and_its_sql(cities: Project) -> None:
    cities.write("models.py", WITH_NOTE)
    cities.done("sql")
    before = cities.files()
    out = cities.done("makemigration", "add note to cities")
    revision = new_revision(cities, before)
    assert "op.add_column(" in revision.read_text()
    new = {path for path in cities.files() if path not in before}
    assert new == {
        revision.relative_to(cities.root).as_posix(),
        f"sql/records/{revision.stem}.json",
        f"sql/upgrade/{revision.stem}.sql",
        f"sql/downgrade/{revision.stem}.sql",
    }
    assert all(f"wrote  {path}\n" in out for path in new)


def test_statistics_of_an_index_are_no_obstacle(cities: Project) -> None:
    """Its columns are objects of the catalog, but not columns of a table."""
    code = "op.execute('CREATE INDEX ix ON cities ((name || name))')\n"
    code += "op.execute('ALTER INDEX ix ALTER COLUMN 1 SET STATISTICS 500')\n"
    cities.add(replace(TWO, upgrade=code, downgrade="op.execute('DROP INDEX ix')"))
    index = "sa.Index('ix', sa.text('(name || name)')), sa.PrimaryKeyConstraint"
    cities.write("models.py", WITH_NOTE.replace("sa.PrimaryKeyConstraint", index))
    cities.done("makemigration", "add note to cities")


def test_written_revision_closes_the_gap_and_is_undone(cities: Project) -> None:
    cities.write("models.py", WITH_NOTE)
    cities.done("makemigration", "add note to cities")
    cities.done("check")
    cities.done("sql-lint")
    cities.done("migrate")
    cities.done("downgrade", "-1")
    cities.done("migrate")


def test_first_revision_of_a_project_is_written(project: Project) -> None:
    project.lay_out(models=CITIES_MODEL)
    project.done("makemigration", "create cities")
    assert "create_table" in new_revision(project, {}).read_text()


def test_revision_is_formatted_named_and_dated_in_utc(cities: Project) -> None:
    before = cities.files()
    cities.done("makemigration", "--empty", "Found Troy.")
    path = new_revision(cities, before)
    script = cities.history().get("head")
    assert re.fullmatch(rf"\d{{8}}_\d{{4}}_{script.revision}_found_troy\.py", path.name)
    text = path.read_text()
    assert text.startswith('"""Found Troy.\n')
    assert f"Revision ID: {script.revision}\nRevises: {ONE.id}\n" in text
    assert re.search(r"Create Date: [-\d]{10} [:\d]{8}\+00:00\n", text)
    command = [sys.executable, "-m", "ruff", "format", "--check", str(path)]
    assert subprocess.run(command, check=False).returncode == 0


def test_unique_constraint_follows_the_documented_recipe(cities: Project) -> None:
    unique = "sa.UniqueConstraint('note', name='uq_note'), sa.PrimaryKeyConstraint"
    cities.write("models.py", WITH_NOTE)
    cities.done("makemigration", "add note")
    before = cities.files()
    cities.write("models.py", WITH_NOTE.replace("sa.PrimaryKeyConstraint", unique))
    cities.done("makemigration", "make note unique")
    new = sorted(path for path in cities.files() if "/versions/" in path and path not in before)
    build, add = ((cities.root / path).read_text().partition("def downgrade") for path in new)
    assert "postgresql_concurrently=True" in build[0]
    assert "ADD CONSTRAINT" not in build[0]
    assert "ADD CONSTRAINT uq_note UNIQUE USING INDEX uq_note" in add[0]
    assert "autocommit_block" not in add[0]
    assert "postgresql_concurrently=True" in add[2]
    cities.done("check")
    cities.done("sql-lint")
    cities.done("migrate")
    for left in (["uq_note"], []):
        cities.done("downgrade", "-1")
        with psycopg.connect(cities.environment["DATABASE_URL"]) as connection:
            rows = connection.execute(
                "SELECT relname FROM pg_class WHERE relname = 'uq_note'"
            ).fetchall()
        assert [name for (name,) in rows] == left
    cities.done("migrate")


def test_message_may_be_several_words_without_quotes(cities: Project) -> None:
    cities.done("makemigration", "--empty", "found", "the", "city")
    assert cities.history().get("head").doc == "Found the city."


def test_nothing_to_do_writes_nothing_and_exits_with_0(cities: Project) -> None:
    cities.done("sql")
    before = cities.files()
    assert "Nothing to do" in cities.done("makemigration", "add nothing")
    assert cities.files() == before


def test_empty_revision_is_written_though_nothing_changed(cities: Project) -> None:
    before = cities.files()
    cities.done("makemigration", "--empty", "found troy")
    assert "def upgrade() -> None:\n    pass\n" in new_revision(cities, before).read_text()


def test_empty_revision_ignores_changed_models(cities: Project) -> None:
    cities.write("models.py", WITH_NOTE)
    before = cities.files()
    cities.done("makemigration", "--empty", "found troy")
    assert "add_column" not in new_revision(cities, before).read_text()


def test_developers_database_is_not_read(cities: Project) -> None:
    with psycopg.connect(cities.environment["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE mine ()")
        connection.execute("CREATE TABLE cities ()")
    assert "Nothing to do" in cities.done("makemigration", "add nothing")


def test_no_developers_database_is_needed(cities: Project) -> None:
    out = cities.done("makemigration", "add nothing", DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert "Nothing to do" in out


@pytest.mark.parametrize("arguments", [(), ("",), ("  \n",), ("--empty",)])
def test_no_message_is_a_usage_error_and_writes_nothing(
    arguments: tuple[str, ...], cities: Project
) -> None:
    cities.write("models.py", WITH_NOTE)
    before = cities.files()
    error = cities.refused("makemigration", *arguments, code=2)
    assert "A revision needs a message." in error
    assert 'nox -s makemigration -- "' in error
    assert cities.files() == before


def test_two_heads_are_refused_by_name(project: Project) -> None:
    project.lay_out(*LINE, FORK)
    error = project.refused("makemigration", "add more", code=1)
    assert THREE.name in error
    assert FORK.name in error
    assert "merge" in error


def test_revision_that_fails_on_a_server_is_named_and_nothing_is_written(project: Project) -> None:
    project.lay_out(ONE, TWO, models=MODELS)
    project.write(
        f"migrations/versions/{TWO.name}.py", TWO.text.replace("INTO cities", "INTO towns")
    )
    before = project.files()
    error = project.refused("makemigration", "drop cities", code=1)
    assert TWO.id in error
    assert '"towns" does not exist' in error
    assert project.files() == before


@pytest.mark.parametrize("message", HOSTILE.values(), ids=HOSTILE)
def test_hostile_message_breaks_neither_python_nor_sql_nor_a_path(
    message: str, cities: Project, tmp_path: Path
) -> None:
    before = cities.files()
    cities.done("makemigration", "--empty", message)
    path = new_revision(cities, before)
    assert path.parent == cities.versions
    assert re.fullmatch(r"\d{8}_\d{4}_[0-9a-f]{12}_\w*\.py", path.name)
    assert len(path.name.encode()) < 100
    title = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
    first = printable(message).split()[0].rstrip(".")
    assert title.split()[0].rstrip(".") == first[0].upper() + first[1:]
    for way in ("upgrade", "downgrade"):
        sql = (cities.sql / way / f"{path.stem}.sql").read_text()
        assert [text.split()[0] for text in parser.split(sql)][1:] == [
            "SET", "DO", "UPDATE", "DO", "COMMIT",
        ]  # fmt: skip
    files = [
        cities.sql / f"upgrade/{ONE.name}.sql",
        cities.sql / f"upgrade/{path.stem}.sql",
        cities.sql / f"downgrade/{path.stem}.sql",
    ]
    psql(cities.environment["DATABASE_URL"], *files)


def printable(message: str) -> str:
    return "".join(c if c.isprintable() else " " for c in message).replace('"""', "'''")


def psql(url: str, *files: Path) -> None:
    """Run files one after the other; none may fail."""
    options = [part for file in files for part in ("-f", str(file))]
    done = subprocess.run(
        [str(find_bin(18) / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
