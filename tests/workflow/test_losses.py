"""downgrade says what it would destroy of this database, and wants to hear that it is meant."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision, plain_environment
from pybase.migrate.sqlfiles._headers import Header

from pybase.migrate.deploy import _data_loss as losses


def sql(project: Project, query: str) -> None:
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        connection.execute(query.encode())


@pytest.fixture
def cities(project: Project) -> Project:
    """At head, with fresh SQL; one city without a note."""
    project.lay_out(*LINE).write_sql()
    project.done("migrate")
    return project


def test_column_that_holds_data_is_refused_with_its_rows(cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal'), ('Ur', 'old')")
    said = cities.refused("downgrade", "-1", code=1)
    assert "The downgrade destroys data:\n  cities.note  2 rows\nNothing was undone." in said
    assert "nox -s downgrade -- -1 --allow-data-loss" in said
    assert THREE.id in cities.done("current")
    assert cities.done("downgrade", "-1", "--allow-data-loss").endswith("1 undone.\n")


def test_column_without_a_value_may_go(cities: Project) -> None:
    assert cities.done("downgrade", "-1").endswith("1 undone.\n")


def test_table_counts_once_with_all_its_columns(cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    name = psycopg.conninfo.conninfo_to_dict(cities.environment["DATABASE_URL"])["dbname"]
    said = cities.refused("downgrade", "base", "--database", str(name), code=1)
    assert "destroys data:\n  cities  2 rows\nNothing" in said


def test_stale_sql_tells_nothing_so_it_is_rehearsed(cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    (cities.sql / "downgrade" / f"{THREE.name}.sql").unlink()
    assert "cities.note  1 row" in cities.refused("downgrade", "-1", "--force", "fresh", code=1)


def test_base_wants_the_name_of_the_database(cities: Project) -> None:
    said = cities.refused("downgrade", "base", "--allow-data-loss", code=2)
    assert "undoes every revision" in said
    assert "--database test__" in said
    wrong = ("--allow-data-loss", "--database", "production")
    assert "not 'production'" in cities.refused("downgrade", "base", *wrong, code=2)
    assert THREE.id in cities.done("current")


def test_as_many_steps_as_there_are_lead_to_base_too(cities: Project) -> None:
    assert "undoes every" in cities.refused("downgrade", "-3", "--allow-data-loss", code=2)


def test_embedded_database_needs_no_name(cities: Project) -> None:
    connection = psycopg.connect(cities.environment["DATABASE_URL"], autocommit=True)
    database = losses.Database("postgresql:///pybase", is_embedded=True)
    path = [Header(ONE.id, "Create cities", "back to base", "one transaction")]
    losses.require_consent(connection, database, path, "base", losses.Consent())
    connection.close()


def at_terminal(project: Project, arguments: Sequence[str], answer: str) -> tuple[int, str]:
    """Runs a verb at a terminal, where somebody answers; its exit code and all that it said."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pybase", *arguments],
        cwd=project.root,
        env=plain_environment() | project.environment,
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    os.write(outer, f"{answer}\n".encode())
    said = b""
    while True:
        try:
            part = os.read(outer, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        said += part
    os.close(outer)
    return process.wait(60), said.decode()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_person_at_a_terminal_is_asked(answer: str, code: int, cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    ended, said = at_terminal(cities, ("downgrade", "-1"), answer)
    assert "cities.note  1 row\r\nGo on? [y/N]" in said
    assert ended == code
    assert (TWO.id if code == 0 else THREE.id) in cities.done("current")


# --- what cannot be told --------------------------------------------------------------------------


def found(url: str, *path: Header) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {each.name: each.text for each in losses.find(connection, path)}


def header(*lost: str, hazards: tuple[str, ...] = (), shape: str = "one transaction") -> Header:
    return Header("a", "", "back to b", shape, losses=lost, hazards=hazards)


def test_what_is_made_on_the_way_down_is_no_loss(database_url: str) -> None:
    assert found(database_url, header("gone"), header("gone.too")) == {}


def test_what_is_renamed_on_the_way_down_may_be_one(database_url: str) -> None:
    path = (header(hazards=("renames-table on new",)), header("old"))
    assert found(database_url, *path) == {"old": "nobody knows: it has another name now"}


def test_revision_that_nobody_has_seen_may_destroy_anything(database_url: str) -> None:
    told = found(database_url, header(shape="cannot be rendered"))
    assert told == {"what a drops": "nobody knows: it was not rehearsed"}


def test_large_table_is_not_counted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE app_large AS SELECT n, repeat('x', 900) AS x, NULL::int AS empty"
            " FROM generate_series(1, 30000) AS n"
        )
        connection.execute("ANALYZE")
    told = found(database_url, header("app_large.x", "app_large.empty"))
    assert told == {"app_large.x": "some of about 30,000 rows"}


def test_table_that_is_locked_counts_as_a_loss(database_url: str) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("CREATE TABLE t (n int)")
        holder.commit()
        holder.execute("LOCK TABLE t")
        assert list(found(database_url, header("t.n"))) == ["t.n"]


def test_schema_and_column_are_told_apart(project: Project, database_url: str) -> None:
    table = Revision(
        ONE.id, None,
        "op.execute('CREATE SCHEMA app')\nop.execute('CREATE TABLE app.t (n int)')",
        "op.execute('DROP TABLE app.t')\nop.execute('DROP SCHEMA app')",
    )  # fmt: skip
    project.lay_out(table).write_sql()
    project.done("migrate")
    sql(project, "INSERT INTO app.t VALUES (1)")
    assert found(database_url, header("app.t.n")) == {"app.t.n": "1 row"}
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    assert "\n  app.t  1 row\n" in project.refused(
        "downgrade", "base", "--database", str(name), code=1
    )
