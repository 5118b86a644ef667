"""Branches by design: heads with labels, each upgraded, extended and undone by its name."""

import psycopg
import pytest
from projects import Project

from .as_alembic.environment import FORKED


@pytest.fixture
def forked(project: Project) -> Project:
    return project.lay_out(*FORKED).write_sql()


def versions(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}


def test_gates_take_branches_for_no_mistake(forked: Project) -> None:
    assert "ok  one head for each of 2 branches" in forked.done("check")
    forked.done("sql-lint")
    assert forked.done("rebase") == "Nothing to do: the history has one head a branch.\n"


def test_plan_and_sql_are_of_one_branch_or_all(forked: Project) -> None:
    forked.done("migrate", "contract@head")
    assert forked.done("migrate", "--plan").endswith("2 pending.\n")
    assert forked.done("migrate", "--plan", "expand@head").endswith("2 pending.\n")
    assert forked.done("migrate", "--plan", "contract@head").endswith("up to date.\n")
    assert forked.done("migrate", "--sql").count("BEGIN;") == 4
    assert forked.done("migrate", "--sql", "contract@head").count("BEGIN;") == 2
    assert "error[several-branches]" in forked.refused("migrate", "--sql", "head", code=1)


def test_step_down_is_of_a_branch(forked: Project, database_url: str) -> None:
    forked.done("migrate")
    before = versions(database_url)
    message = forked.refused("downgrade", "--allow-data-loss", "--", "-1", code=2)
    assert "error[ambiguous-step]" in message
    assert "contract@-1 or expand@-1" in message
    assert versions(database_url) == before
    forked.done("downgrade", "--allow-data-loss", "contract@-1")
    assert len(versions(database_url) & before) == 1


def test_new_revision_is_for_a_branch(forked: Project, database_url: str) -> None:
    message = forked.refused("makemigration", "--empty", "Do something", code=1)
    assert "error[branch-not-named]" in message
    assert "--head expand@head" in message
    forked.done("makemigration", "--empty", "--head", "contract@head", "Do something")
    forked.done("migrate", "contract@head")
    before = versions(database_url)
    assert len(before) == 1
    forked.done("migrate")
    assert versions(database_url) == {"d" * 12} | before
    assert len(forked.history().branches) == 2
