"""Every command of the usage page in its plain `alembic` form, on a server over TCP.

The project is PyBase's own: a copy of its alembic.ini and migrations, with the models in place.
"""

import shutil
from pathlib import Path

import psycopg
import pytest
from projects import ONE, ROOT, TWO, Project, Revision
from tcp_servers import ENCODED, PASSWORD

HEAD, BEFORE, FIRST = "8ff06cbec855", "0845be6841a8", "995c641166b7"


@pytest.fixture
def pybase(tmp_path: Path, tcp_url: str) -> Project:
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations", ignore=ignored)
    return Project(tmp_path, {"DATABASE_URL": tcp_url}, secrets=(PASSWORD, ENCODED))


def run(project: Project, *arguments: str, **variables: str) -> str:
    result = project.alembic(*arguments, **variables)
    assert result.code == 0, result.text
    return result.out


def version(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row for (row,) in connection.execute("SELECT version_num FROM alembic_version")]


@pytest.mark.parametrize(
    "scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"]
)
def test_upgrade_to_latest_with_every_spelling_of_the_url(
    scheme: str, pybase: Project, tcp_url: str
) -> None:
    run(pybase, "upgrade", "head", DATABASE_URL=tcp_url.replace("postgresql:", f"{scheme}:"))
    assert version(tcp_url) == [HEAD]


def test_upgrade_to_a_revision_and_one_step_further(pybase: Project, tcp_url: str) -> None:
    run(pybase, "upgrade", FIRST)
    assert version(tcp_url) == [FIRST]
    run(pybase, "upgrade", "+1")
    assert version(tcp_url) == ["71bd8a0cf6b9"]


def test_upgrade_tells_the_server_and_each_revision(pybase: Project) -> None:
    told = pybase.alembic("upgrade", FIRST).err
    assert "from DATABASE_URL." in told
    assert f"Running upgrade  -> {FIRST}, Create users and workspaces." in told


def test_server_that_is_down_is_told_in_one_sentence(pybase: Project) -> None:
    failed = pybase.alembic("upgrade", "head", DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert failed.code != 0
    assert "No server listens at that address" in failed.text
    assert "Traceback" not in failed.text


def test_downgrade_one_step_then_to_a_revision_then_to_the_beginning(
    pybase: Project, tcp_url: str
) -> None:
    run(pybase, "upgrade", "head")
    run(pybase, "downgrade", "-1")
    assert version(tcp_url) == [BEFORE]
    run(pybase, "downgrade", FIRST)
    assert version(tcp_url) == [FIRST]
    run(pybase, "downgrade", "base")
    assert version(tcp_url) == []


def test_current_and_history_and_pending(pybase: Project) -> None:
    run(pybase, "upgrade", BEFORE)
    assert run(pybase, "current").startswith(BEFORE)
    assert f"{BEFORE} -> {HEAD} (head)" in run(pybase, "history")
    assert f"{BEFORE} -> {HEAD} (head)" in run(pybase, "history", "-r", "current:head")


def test_upgrade_sql_is_printed_without_a_database(pybase: Project) -> None:
    text = run(pybase, "upgrade", "head", "--sql", DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert f"SET version_num='{HEAD}'" in text
    assert "CREATE TABLE records" in text


def test_downgrade_sql_wants_both_ends(pybase: Project) -> None:
    assert "DROP INDEX CONCURRENTLY" in run(pybase, "downgrade", f"{HEAD}:{BEFORE}", "--sql")
    refused = pybase.alembic("downgrade", "-1", "--sql")
    assert refused.code != 0
    assert "<fromrev>:<torev>" in refused.text


def test_autogenerate_at_head_finds_nothing(pybase: Project) -> None:
    run(pybase, "upgrade", "head")
    run(pybase, "check")
    before = pybase.files()
    run(pybase, "revision", "--autogenerate", "-m", "Description of changes")
    (path,) = set(pybase.files()) - set(before)
    assert path.endswith("_description_of_changes.py")
    assert "op." not in pybase.files()[path].partition("def upgrade")[2]


def test_autogenerate_writes_what_is_missing(pybase: Project, tcp_url: str) -> None:
    run(pybase, "upgrade", "head")
    with psycopg.connect(tcp_url) as connection:
        connection.execute("ALTER TABLE records DROP COLUMN deleted_at")
    before = pybase.files()
    run(pybase, "revision", "--autogenerate", "-m", "Description of changes")
    (path,) = set(pybase.files()) - set(before)
    assert '"deleted_at", sa.DateTime(timezone=True)' in pybase.files()[path]


VIEWS = """\
import sqlalchemy as sa

metadata = sa.MetaData()
visits = sa.Table(
    "visits", metadata, sa.Column("day", sa.Date, primary_key=True),
    postgresql_partition_by="RANGE (day)",
)
sa.CreateView(sa.select(visits), "last_visits", metadata=metadata)
sa.CreateView(sa.select(visits), "visits_by_day", metadata=metadata, materialized=True)
"""
CREATED = """\
op.execute("CREATE TABLE visits (day date PRIMARY KEY) PARTITION BY RANGE (day)")
op.execute("CREATE TABLE visits_rest PARTITION OF visits DEFAULT")
"""


def test_autogenerate_takes_no_view_or_partition_for_a_table(project: Project) -> None:
    """Alembic alone creates a table for each view, and drops each partition."""
    views = (
        'op.execute("CREATE VIEW last_visits AS SELECT day FROM visits")\n'
        'op.execute("CREATE MATERIALIZED VIEW visits_by_day AS SELECT day FROM visits")\n'
    )
    down = "raise NotImplementedError('It is the first.')"
    project.lay_out(Revision(ONE.id, None, CREATED, down), models=VIEWS)
    run(project, "upgrade", "head")
    run(project, "check")
    project.add(Revision(TWO.id, ONE.id, views, down))
    run(project, "upgrade", "head")
    run(project, "check")


def test_empty_revision_is_written_and_runs(pybase: Project, tcp_url: str) -> None:
    run(pybase, "revision", "-m", "Description of changes")
    run(pybase, "upgrade", "head")
    assert version(tcp_url) != [HEAD]
    run(pybase, "downgrade", "-1")
    assert version(tcp_url) == [HEAD]
