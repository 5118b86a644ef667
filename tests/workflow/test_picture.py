"""docs/schema.md: written with sql/, checked with it, with the documentation of the models."""

from pathlib import Path

import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision

TABLE = "| column | type | null | default | meaning |"
PICTURE = '\n[tool.pybase]\npicture = "docs/schema.md"\n'
WITH_MEANING = """\
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table(
    "cities",
    metadata,
    sa.Column("name", sa.Text(), doc="Spoken | written"),
    sa.Column("note", sa.Text(), doc="From a model"),
    sa.PrimaryKeyConstraint("name", name="pk_cities"),
    info={"doc": "Places with <b>walls</b>."},
)
"""


@pytest.fixture
def drawn(project: Project) -> Project:
    """Two revisions, their SQL, and the picture."""
    drawn = with_picture(project.lay_out(ONE, TWO))
    drawn.done("sql")
    return drawn


def with_picture(project: Project) -> Project:
    text = (project.root / "pyproject.toml").read_text("utf-8")
    project.write("pyproject.toml", text + PICTURE)
    return project


def picture(project: Project) -> Path:
    return project.root / "docs/schema.md"


def test_picture_is_written_with_sql(project: Project) -> None:
    out = with_picture(project.lay_out(ONE)).done("sql")
    assert "docs/schema.md" in out
    text = picture(project).read_text("utf-8")
    assert '    "cities" {\n        text name PK\n    }\n' in text
    assert f"## cities\n\n{TABLE}\n" in text
    assert "alembic_version" not in text
    assert "fresh" in project.done("sql")


def test_picture_is_not_written_without_the_setting(project: Project) -> None:
    project.lay_out(ONE).done("sql")
    assert not (project.root / "docs").exists()


def test_picture_of_an_empty_history_has_no_tables(project: Project) -> None:
    with_picture(project.lay_out()).done("sql")
    assert "There are no tables." in picture(project).read_text("utf-8")


@pytest.mark.parametrize("verb", [("sql", "--check"), ("check",)])
def test_edited_picture_is_stale(verb: tuple[str, ...], drawn: Project) -> None:
    text = picture(drawn).read_text("utf-8")
    picture(drawn).write_text(text.replace("cities", "towns"), "utf-8")
    error = drawn.refused(*verb, code=1)
    assert "stale     docs/schema.md" in error
    assert "-## towns" in error
    assert "Run `nox -s sql`" in error
    drawn.done("sql")
    assert picture(drawn).read_text("utf-8") == text


def test_fresh_picture_is_checked_without_any_library(drawn: Project) -> None:
    code = """
import sys
from pybase.cli import main
assert main(["sql", "--check"]) == 0
assert not {"alembic", "sqlalchemy", "psycopg"} & set(sys.modules)
"""
    assert drawn.python("-c", code).code == 0


def test_missing_picture_is_named(drawn: Project) -> None:
    picture(drawn).unlink()
    assert "missing   docs/schema.md" in drawn.refused("sql", "--check", code=1)
    assert "docs/schema.md:1: error: not-fresh" in drawn.run("sql-lint").text


def test_new_revision_makes_it_stale(drawn: Project) -> None:
    drawn.done("sql", "--check")
    drawn.add(THREE)
    assert "stale     docs/schema.md" in drawn.refused("sql", "--check", code=1)


def test_changed_documentation_of_a_model_makes_it_stale(project: Project) -> None:
    with_picture(project.lay_out(*LINE, models=WITH_MEANING)).done("sql")
    project.write("models.py", WITH_MEANING.replace("From a model", "Anything"))
    assert "stale     docs/schema.md" in project.refused("sql", "--check", code=1)
    project.done("sql")
    assert "| Anything |" in picture(project).read_text("utf-8")


def test_makemigration_writes_it_with_the_revision(project: Project) -> None:
    with_picture(project.lay_out(ONE, TWO, models=WITH_MEANING)).done("sql")
    assert "docs/schema.md" in project.done("makemigration", "add note")
    assert "| `note` | `text` | yes |  | From a model |" in picture(project).read_text("utf-8")
    project.done("sql", "--check")


def test_meaning_comes_from_the_model_unless_the_database_has_a_comment(project: Project) -> None:
    comment = Revision(
        "dddddddddddd",
        THREE.id,
        "op.execute(\"COMMENT ON COLUMN cities.note IS E'What all\\\\nread'\")",
        'op.execute("COMMENT ON COLUMN cities.note IS NULL")',
    )
    with_picture(project.lay_out(*LINE, comment, models=WITH_MEANING)).done("sql")
    text = picture(project).read_text("utf-8")
    assert "## cities\n\nPlaces with &#60;b>walls&#60;/b>.\n".replace("b>", "b&#62;") in text
    assert "| `name` | `text` | no |  | Spoken &#124; written |" in text
    assert "| `note` | `text` | yes |  | What all read |" in text
