"""Data loss of a downgrade: what it would destroy of this database, and the confirmation."""

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision, plain_environment

from pybase.core import settings
from pybase.core.errors import UsageError
from pybase.migrate import record
from pybase.migrate.database import Database
from pybase.migrate.deploy import Confirmation, Plan, Source, Step
from pybase.migrate.deploy import _losses as losses
from pybase.migrate.record import (
    Direction,
    Directions,
    Effects,
    Finding,
    Loss,
    Record,
    Rename,
    RevisionReport,
    Script,
    TableColumn,
    VersionTable,
)
from pybase.migrate.sql import QualifiedName


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
    message = cities.refused("downgrade", "-1", code=1)
    assert "The downgrade destroys data:\n  cities.note  2 rows\nNothing was undone." in message
    assert "nox -s downgrade -- -1 --allow-data-loss" in message
    assert THREE.id in cities.done("current")
    assert cities.done("downgrade", "-1", "--allow-data-loss").endswith("1 undone.\n")


def test_column_without_a_value_is_dropped_without_a_confirmation(cities: Project) -> None:
    assert cities.done("downgrade", "-1").endswith("1 undone.\n")


def test_table_counts_once_with_all_its_columns(cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    name = psycopg.conninfo.conninfo_to_dict(cities.environment["DATABASE_URL"])["dbname"]
    message = cities.refused("downgrade", "base", "--database", str(name), code=1)
    assert "destroys data:\n  cities  2 rows\nNothing" in message


def test_downgrade_of_stale_sql_is_rehearsed_first(cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    (cities.sql / "downgrade" / f"{THREE.name}.sql").unlink()
    assert "cities.note  1 row" in cities.refused("downgrade", "-1", "--python-revisions", code=1)


def test_base_requires_the_name_of_the_database(cities: Project) -> None:
    message = cities.refused("downgrade", "base", "--allow-data-loss", code=2)
    assert "undoes every revision" in message
    assert "--database test__" in message
    wrong = ("--allow-data-loss", "--database", "production")
    assert "not 'production'" in cities.refused("downgrade", "base", *wrong, code=2)
    assert THREE.id in cities.done("current")


def test_as_many_steps_as_there_are_lead_to_base_too(cities: Project) -> None:
    assert "undoes every" in cities.refused("downgrade", "-3", "--allow-data-loss", code=2)


@pytest.mark.parametrize("is_embedded", [True, False])
def test_embedded_database_needs_no_name(project: Project, *, is_embedded: bool) -> None:
    project.lay_out(*LINE)
    database = Database("postgresql:///pybase", is_embedded=is_embedded)
    table = VersionTable()
    source = Source(
        settings.load(project.root / "alembic.ini"),
        database,
        {downgrade().revision.id: ()},
        table,
        lambda *_: downgrade().record,
        lambda *_: None,
    )
    step = downgrade()
    plan = Plan(source, (step.revision.id,), "base", Direction.DOWNGRADE, (step,))
    if is_embedded:
        losses.require_named(plan, "pybase", Confirmation())
        return
    with pytest.raises(UsageError) as raised:
        losses.require_named(plan, "pybase", Confirmation())
    assert raised.value.code == "unconfirmed-database"


def at_terminal(project: Project, arguments: Sequence[str], answer: str) -> tuple[int, str]:
    """Run a verb at a terminal, and type an answer; its exit code and all output."""
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
    output = b""
    while True:
        try:
            part = os.read(outer, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        output += part
    os.close(outer)
    return process.wait(60), output.decode()


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_person_at_a_terminal_is_asked(answer: str, code: int, cities: Project) -> None:
    sql(cities, "INSERT INTO cities VALUES ('Rome', 'eternal')")
    exit_code, output = at_terminal(cities, ("downgrade", "-1"), answer)
    assert "cities.note  1 row\r\nGo on? [y/N]" in output
    assert exit_code == code
    assert (TWO.id if code == 0 else THREE.id) in cities.done("current")


# --- what is unknown ------------------------------------------------------------------------------


def table(name: str, schema: str = "public") -> TableColumn:
    return TableColumn(QualifiedName(schema, name))


def column(name: str, column: str, schema: str = "public") -> TableColumn:
    return TableColumn(QualifiedName(schema, name), column)


def downgrade(
    *dropped: TableColumn,
    created: tuple[TableColumn, ...] = (),
    findings: tuple[Finding, ...] = (),
    renamed: tuple[Rename, ...] = (),
    is_rehearsed: bool = True,
) -> Step:
    """The downgrade of a revision as its record has it."""
    effects = Effects(
        losses=tuple(Loss(place.table, place.column) for place in dropped),
        created=created,
        renamed=renamed,
        findings=findings,
        is_rehearsed=is_rehearsed,
    )
    script = Script(())
    made = Record(
        record.Revision("a", (), "Change something", "a.py"),
        VersionTable(),
        Directions(script, script),
        RevisionReport(Directions(Effects(), effects)),
    )
    return Step(made, Direction.DOWNGRADE)


def losses_of(url: str, *steps: Step) -> dict[str, str]:
    with psycopg.connect(url, autocommit=True) as connection:
        return {loss.shown: loss.content for loss in losses.find_losses(connection, steps)}


def test_what_the_downgrade_itself_creates_is_no_loss(database_url: str) -> None:
    first = downgrade(created=(table("old"),))
    assert losses_of(database_url, first, downgrade(table("old"), column("old", "n"))) == {}


def test_column_that_the_downgrade_itself_creates_is_no_loss(database_url: str) -> None:
    sql_of(database_url, "CREATE TABLE cities AS SELECT 1 AS note")
    both = (downgrade(created=(column("cities", "note"),)), downgrade(column("cities", "note")))
    assert losses_of(database_url, *both) == {}
    assert losses_of(database_url, *reversed(both)) == {"cities.note": "1 row"}


def test_what_does_not_resolve_is_a_loss(database_url: str) -> None:
    sql_of(database_url, "CREATE TABLE cities (name text)")
    dropped = downgrade(table("gone"), column("gone.too", "n"), column("cities", "absent"))
    assert losses_of(database_url, dropped) == {
        "gone": "unknown: it is not there",
        "gone.too.n": "unknown: it is not there",
        "cities.absent": "unknown: it is not there",
    }


def test_what_an_earlier_downgrade_renames_is_found(database_url: str) -> None:
    sql_of(database_url, "CREATE TABLE new AS SELECT 1 AS m")
    renamed = (Rename(table("new"), table("old")), Rename(column("new", "m"), column("old", "n")))
    first = downgrade(renamed=renamed)
    assert losses_of(database_url, first, downgrade(table("old"))) == {"old (now new)": "1 row"}
    last = downgrade(column("old", "n"))
    assert losses_of(database_url, first, last) == {"old.n (now new.m)": "1 row"}


@pytest.mark.parametrize(
    "step",
    [
        downgrade(is_rehearsed=False),
        downgrade(findings=(Finding(-1, "rehearsal-failed"),)),
    ],
    ids=["not rehearsed", "failed"],
)
def test_revision_that_was_not_observed_may_destroy_anything(step: Step, database_url: str) -> None:
    expected = {"what a drops": "unknown: it was not rehearsed"}
    assert losses_of(database_url, step) == expected


ODD_NAMES = ("a, b", "a.b", "a  b", "a-b", 'a"b', "a'b", "A", "%s", "ä")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_table_and_column_are_found_by_any_name(name: str, database_url: str) -> None:
    quoted = QualifiedName("", name).quoted
    sql_of(database_url, f"CREATE TABLE {quoted} ({quoted} integer)")
    dropped = downgrade(column(name, name)), downgrade(table(name))
    assert [losses_of(database_url, step) for step in dropped] == [{}, {}]
    sql_of(database_url, f"INSERT INTO {quoted} VALUES (1), (2)")
    assert losses_of(database_url, dropped[0]) == {f"{name}.{name}": "2 rows"}
    assert losses_of(database_url, dropped[1]) == {name: "2 rows"}
    assert losses_of(database_url, *dropped) == {f"{name}.{name}": "2 rows", name: "2 rows"}


@pytest.mark.parametrize("name", ODD_NAMES)
def test_downgrade_is_refused_whatever_the_name(name: str, project: Project) -> None:
    """From the revision to the refusal: through the record in `sql/`."""
    quoted = QualifiedName("", name).quoted
    add, drop = (
        f"op.execute({text!r})"
        for text in (
            f"ALTER TABLE cities ADD COLUMN {quoted} integer",
            f"ALTER TABLE cities DROP COLUMN {quoted}",
        )
    )
    project.lay_out(ONE, replace(TWO, upgrade=add, downgrade=drop)).run("sql")
    project.done("migrate", "--force", "hazards")
    sql(project, f"INSERT INTO cities (name, {quoted}) VALUES ('Rome', 1)")
    message = project.refused("downgrade", "-1", "--force", "hazards", code=1)
    assert "error[data-loss]" in message
    assert f"\n  cities.{name}  1 row\n" in message


RENAMES = {
    "column": (
        "op.alter_column('cities', 'note', new_column_name='remark')",
        "op.alter_column('cities', 'remark', new_column_name='note')",
    ),
    "swap": (
        "op.add_column('cities', sa.Column('other', sa.Text()))\n"
        "op.alter_column('cities', 'note', new_column_name='remark')\n"
        "op.alter_column('cities', 'other', new_column_name='note')",
        "op.alter_column('cities', 'note', new_column_name='other')\n"
        "op.alter_column('cities', 'remark', new_column_name='note')\n"
        "op.drop_column('cities', 'other')",
    ),
    "table": ("op.rename_table('cities', 'towns')", "op.rename_table('towns', 'cities')"),
}


@pytest.mark.parametrize("renamed", RENAMES)
def test_column_that_a_downgrade_renames_before_it_is_dropped_is_a_loss(
    renamed: str, project: Project
) -> None:
    rename = Revision("dddddddddddd", THREE.id, *RENAMES[renamed])
    project.lay_out(*LINE, rename).run("sql")
    project.done("migrate", "--force", "hazards")
    table = "towns" if renamed == "table" else "cities"
    column = "note" if renamed == "table" else "remark"
    sql(project, f"INSERT INTO {table} (name, {column}) VALUES ('Rome', 'eternal')")
    message = project.refused("downgrade", "-2", "--force", "hazards", code=1)
    assert "error[data-loss]" in message
    assert f"\n  cities.note (now {table}.{column})  1 row\n" in message


def test_table_in_the_schema_that_the_search_path_finds_is_a_loss(
    project: Project, database_url: str, server18_url: str
) -> None:
    """Rehearsed in `public`, applied by a role `app` in its schema `app`."""
    name = str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"])
    role = name.replace("test", "app")
    create = Revision(
        ONE.id, None, "op.create_table('t', sa.Column('n', sa.Integer()))", "op.drop_table('t')"
    )
    add = Revision(
        TWO.id, ONE.id, "op.add_column('t', sa.Column('m', sa.Integer()))",
        "op.drop_column('t', 'm')",
    )  # fmt: skip
    project.lay_out(create, add).write_sql()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}" LOGIN'.encode())
        connection.execute(f'CREATE SCHEMA "{role}" AUTHORIZATION "{role}"'.encode())
    try:
        project.environment["DATABASE_URL"] = database_url.replace("postgres@", f"{role}@")
        project.done("migrate")
        sql(project, f'INSERT INTO "{role}".t VALUES (1, 2)')
        assert "\n  t.m  1 row\n" in project.refused("downgrade", "-1", code=1)
        sql(project, f'UPDATE "{role}".t SET m = NULL')
        assert project.done("downgrade", "-1").endswith("1 undone.\n")
        assert "\n  t  1 row\n" in project.refused("downgrade", "base", "--database", name, code=1)
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f'DROP OWNED BY "{role}"'.encode())
            connection.execute(f'DROP ROLE "{role}"'.encode())


def sql_of(url: str, query: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(query.encode())


def test_large_table_is_not_counted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE app_large AS SELECT n, repeat('x', 900) AS x, NULL::int AS empty"
            " FROM generate_series(1, 30000) AS n"
        )
        connection.execute("ANALYZE")
    dropped = downgrade(column("app_large", "x"), column("app_large", "empty"))
    assert losses_of(database_url, dropped) == {"app_large.x": "some of about 30,000 rows"}


def test_table_that_is_locked_counts_as_a_loss(database_url: str) -> None:
    with psycopg.connect(database_url) as holder:
        holder.execute("CREATE TABLE t (n int)")
        holder.commit()
        holder.execute("LOCK TABLE t")
        assert list(losses_of(database_url, downgrade(column("t", "n")))) == ["t.n"]


def test_table_of_another_schema_is_named_with_it(project: Project, database_url: str) -> None:
    create = Revision(
        ONE.id, None,
        "op.execute('CREATE SCHEMA app')\nop.execute('CREATE TABLE app.t (n int)')",
        "op.execute('DROP TABLE app.t')\nop.execute('DROP SCHEMA app')",
    )  # fmt: skip
    project.lay_out(create).write_sql()
    project.done("migrate")
    sql(project, "INSERT INTO app.t VALUES (1)")
    assert losses_of(database_url, downgrade(column("t", "n", "app"))) == {"app.t.n": "1 row"}
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    assert "\n  app.t  1 row\n" in project.refused(
        "downgrade", "base", "--database", str(name), code=1
    )


ATTRIBUTE_ROWS = {
    "a.home  1 row": ("a", "NULL", "ROW('Elm', '10')"),
    "b.past  1 row": ("b", "NULL", "ARRAY[ROW('Elm', NULL)::address]"),
    "c.spot  1 row": ("c", "NULL", "ROW('Rome', ROW('Elm', NULL))"),
}
"""What is lost, by the table, a value that holds nothing of the attribute, and one that may."""


def test_attribute_of_a_type_is_lost_in_every_column_of_that_type(
    project: Project, database_url: str
) -> None:
    create = Revision(
        ONE.id, None,
        "op.execute('CREATE TYPE address AS (street text)')\n"
        "op.execute('CREATE TYPE place AS (name text, address address)')\n"
        "op.execute('CREATE TABLE a (home address)')\n"
        "op.execute('CREATE TABLE b (past address[])')\n"
        "op.execute('CREATE TABLE c (spot place)')",
        None,
    )  # fmt: skip
    add = Revision(
        TWO.id, ONE.id, "op.execute('ALTER TYPE address ADD ATTRIBUTE zip text')",
        "op.execute('ALTER TYPE address DROP ATTRIBUTE zip')",
    )  # fmt: skip
    drop = Revision(
        THREE.id, TWO.id, "op.execute('ALTER TYPE address DROP ATTRIBUTE zip')",
        "op.execute('ALTER TYPE address ADD ATTRIBUTE zip text')",
    )  # fmt: skip
    project.lay_out(create, add, drop).write_sql()
    project.done("migrate", TWO.id)
    sql(project, "INSERT INTO a VALUES (ROW('Elm', NULL))")
    assert project.done("downgrade", "-1").endswith("1 undone.\n")
    project.done("migrate", TWO.id)
    for table_name, *values in ATTRIBUTE_ROWS.values():
        sql(project, f"INSERT INTO {table_name} VALUES ({'), ('.join(values)})")
    down = project.refused("downgrade", "-1", code=1)
    up = project.refused("migrate", "--force", "hazards", code=1)
    for line in ATTRIBUTE_ROWS:
        assert line in down
        assert line in up
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT (home).zip FROM a WHERE (home).zip <> ''").fetchall()
    drop = replace(drop, accepted={"drops-attribute on address": "no reader since May"})
    project.lay_out(create, add, drop).write_sql()
    assert project.done("migrate").endswith("1 applied.\n")
