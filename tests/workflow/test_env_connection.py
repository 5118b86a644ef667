"""Verbs of a project whose env.py prepares its connection: all see what env.py sees."""

import psycopg
import pytest
from projects import Project, Revision

from .as_alembic import ENGINE, OFFLINE, STOCK_ENV, one
from .as_alembic.environment import env, execute, table

APP = execute("CREATE SCHEMA IF NOT EXISTS app", "SET search_path TO app")


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT schemaname || '.' || tablename FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {name for (name,) in rows}


def test_every_verb_sees_what_env_sees(project: Project, database_url: str) -> None:
    first, second = (
        Revision("a" * 12, None, *table("items")),
        Revision("b" * 12, "a" * 12, *table("others")),
    )
    project.lay_out(first, second).write("migrations/env.py", env(APP))
    project.done("sql")
    assert project.done("pending").endswith("2 pending.\n")
    project.done("migrate", "+1")
    assert project.done("current").startswith("aaaaaaaaaaaa")
    assert project.done("migrate", "--plan").endswith("1 pending.\n")
    project.done("migrate")
    assert project.done("pending") == project.done("migrate")
    assert "(current, head, applied " in project.done("history")
    assert "ok  committed SQL equals the online run" in project.done("check")
    assert "ok  what is applied to the database at hand" in project.done("check")
    assert project.done("migrate", "--check-drift") == project.done("migrate")
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE app.items ADD hand int")
    message = project.refused("migrate", "--check-drift", code=1)
    assert "error[checks-failed]" in message
    assert "app.items" in message
    stamp = ("stamp", "a" * 12)
    assert "error[stamp-differs]" in project.refused(*stamp, code=1)
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE app.items DROP hand")
        connection.execute("ALTER TABLE app.others RENAME TO away")
        connection.execute("ALTER TABLE app.away SET SCHEMA public")
        connection.execute("DROP TABLE public.away")
    project.done(*stamp)
    project.done("migrate")
    project.done("downgrade", "-1")
    assert project.done("current").startswith("aaaaaaaaaaaa")
    own = {"app.alembic_version", "app.migration_ledger"}
    assert tables(database_url) == own | {"app.items"}


def test_env_that_does_nothing_is_run_once(project: Project) -> None:
    """What it does may depend on its text, its modules, and the environment."""
    runs = project.root / "runs"
    project.lay_out(*one(*table("items"))).write("migrations/env.py", STOCK_ENV)
    project.done("sql")
    project.done("migrate")
    project.write("migrations/env.py", f"open('runs', 'a').write('.')\n{STOCK_ENV}")
    for command, expected in (("migrate", "."), ("current", "."), ("pending", ".")):
        project.done(command)
        assert runs.read_text() == expected
    project.done("migrate", TENANT="acme")
    assert runs.read_text() == ".."


DISAGREES = f"""\
from sqlalchemy import text
{ENGINE}
{OFFLINE}\
else:
    with engine.connect() as connection:
        connection.execute(text("CREATE TEMP TABLE alembic_version (version_num text)"))
        connection.commit()
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""


def test_other_revision_for_env_than_for_the_sql_is_refused(
    project: Project, database_url: str
) -> None:
    project.lay_out(*one(*table("items"))).write("migrations/env.py", STOCK_ENV)
    project.done("sql")
    project.done("migrate")
    project.write("migrations/env.py", DISAGREES)
    before = tables(database_url)
    for command in ("migrate", "pending"):
        assert "error[env-disagrees]" in project.refused(command, code=1)
    assert tables(database_url) == before


def test_configuration_may_be_in_pyproject_alone(project: Project, database_url: str) -> None:
    project.lay_out(*one(*table("items"))).write("migrations/env.py", STOCK_ENV)
    (project.root / "alembic.ini").unlink()
    project.write("pyproject.toml", "[tool.alembic]\nscript_location = '%(here)s/migrations'\n")
    project.done("sql")
    project.done("migrate")
    assert "public.items" in tables(database_url)


def test_second_section_is_a_history_of_its_own(project: Project, database_url: str) -> None:
    project.lay_out(*one(*table("items")))
    ini = (project.root / "alembic.ini").read_text("utf-8")
    project.write("alembic.ini", f"{ini}\n[other]\nscript_location = others\n")
    other = Revision("b" * 12, None, *table("others"))
    project.write("others/versions/other.py", other.text)
    project.write("others/env.py", env(options="version_table='other_version'"))
    for arguments in (["sql"], ["-n", "other", "sql"], ["migrate"], ["migrate", "--name", "other"]):
        project.done(*arguments)
    assert tables(database_url) >= {"public.items", "public.others", "public.other_version"}
    assert (project.root / "sql-other" / "manifest.txt").exists()
    assert project.done("-n", "other", "current").startswith("b" * 12)
    assert project.done("current").startswith("a" * 12)
    assert "error[invalid-section]" in project.refused("-n", "../x", "current", code=2)
    assert "no section [none]" in project.refused("-n", "none", "current", code=2)


ENVS = {
    "role": env(execute("SET ROLE nobody_of_this_name")),
    "session": env(execute("SET SESSION AUTHORIZATION nobody_of_this_name")),
}


@pytest.mark.parametrize("text", ENVS.values(), ids=ENVS)
def test_what_env_cannot_prepare_is_not_proven(project: Project, text: str) -> None:
    project.lay_out(*one(*table("items"))).write("migrations/env.py", text)
    project.done("sql")
    assert "not proven: committed SQL equals the online run (on a scratch" in project.done("check")
    assert "error[env-refused]" in project.refused("migrate", code=2)
