"""The layout on a Citus cluster without a cluster: declared, rendered, checked, planned.

What only a cluster can show is in test_citus.py.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from projects import MODELS, ONE, Project, Revision

from pybase.core.errors import UsageError
from pybase.migrate import layout
from pybase.migrate.catalog import snapshot
from pybase.postgres import scratch_database
from workflow.layout_cases import CREATE, LAYOUT, RULES, recorded

ROOT = Path(__file__).parents[2]

# --- declared -------------------------------------------------------------------------------------


def declared(**tables: object) -> list[tuple[str, str | None]]:
    """The layout of tables by name, each with what its info has; `b` has a key to `a`."""
    metadata = sa.MetaData()
    for name, info in tables.items():
        key = [sa.Column("a_id", sa.ForeignKey("a.id"))] if name == "b" and "a" in tables else []
        columns = [sa.Column("id", sa.BigInteger(), primary_key=True), *key]
        sa.Table(name, metadata, *columns, info={} if info is None else {"citus": info})
    return [(item.table.label, item.column) for item in layout.declared([metadata])]


BY_ID = {"distributed_by": "id"}
EVERYWHERE = {"distributed_by": None}


def test_tables_are_in_the_order_of_their_keys() -> None:
    found = declared(b=BY_ID | {"colocated_with": "c"}, a=EVERYWHERE, c=BY_ID, local=None)
    assert found == [("a", None), ("c", "id"), ("b", "id")]


INVALID = {
    "not a mapping": ({"a": "reference"}, "invalid-layout"),
    "unknown word": ({"a": {"distributed": "id"}}, "invalid-layout"),
    "a number": ({"a": {"distributed_by": 5}}, "invalid-layout"),
    "colocated with a reference table": (
        {"a": EVERYWHERE, "b": BY_ID | {"colocated_with": "a"}},
        "invalid-colocation",
    ),
    "colocated with no table": ({"a": BY_ID | {"colocated_with": "z"}}, "invalid-colocation"),
    "colocated reference table": (
        {"a": BY_ID, "b": EVERYWHERE | {"colocated_with": "a"}},
        "invalid-colocation",
    ),
    "each needs the other": (
        {"a": BY_ID | {"colocated_with": "b"}, "b": BY_ID},
        "layout-cycle",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_declaration_is_refused(name: str) -> None:
    tables, code = INVALID[name]
    with pytest.raises(UsageError) as caught:
        declared(**tables)
    assert caught.value.code == code


def test_models_of_pybase_are_all_spread() -> None:
    from pybase.models import Model

    layouts = layout.declared([Model.metadata])
    assert {item.table.name for item in layouts} == Model.metadata.tables.keys()
    assert layout.files(layouts)[layout.SCRIPT] == (ROOT / "sql/citus.sql").read_text("utf-8")


# --- rendered -------------------------------------------------------------------------------------


@pytest.fixture
def connection(any_server_url: str) -> Iterator[psycopg.Connection[object]]:
    """A connection to a new database of each supported server, as a role without privileges."""
    with scratch_database(any_server_url, prefix="layout") as url:
        with psycopg.connect(url, autocommit=True) as opened:
            opened.execute("CREATE ROLE plain_guest")
            opened.execute("GRANT CREATE ON SCHEMA public TO plain_guest")
            opened.execute("SET ROLE plain_guest")
            yield opened
            opened.execute("RESET ROLE; DROP OWNED BY plain_guest; DROP ROLE plain_guest")


def test_file_changes_nothing_on_postgresql(connection: psycopg.Connection[object]) -> None:
    """As a role without privileges, twice."""
    connection.execute(CREATE)
    before = snapshot(connection)
    for _ in range(2):
        connection.execute(layout.files(LAYOUT)[layout.SCRIPT].encode())
    assert snapshot(connection) == before
    settings = connection.execute("SELECT count(*) FROM pg_settings WHERE name LIKE 'citus.%'")
    assert settings.fetchone() == (0,)


def test_settings_of_a_cluster_are_harmless_on_postgresql(
    connection: psycopg.Connection[object],
) -> None:
    connection.execute("; ".join(f"SET {setting}" for setting in layout.SETTINGS).encode())
    with connection.transaction():
        connection.execute(layout.lock_timeout_everywhere("70ms").encode())
        assert connection.execute("SHOW lock_timeout").fetchone() == ("70ms",)
    assert connection.execute("SHOW lock_timeout").fetchone() == ("0",)


# --- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_what_citus_refuses_is_named(name: str, rules_database: psycopg.Connection[object]) -> None:
    statements, layouts, expected = RULES[name]
    with rules_database.transaction(force_rollback=True):
        rules_database.execute(statements)
        schema = layout.observe(rules_database, layouts, on_citus=False)
        found = layout.obstacles(layouts, schema)
    assert [(obstacle.table, obstacle.name) for obstacle in found] == expected
    assert all("None" not in obstacle.reason for obstacle in found)


@pytest.fixture(scope="module")
def rules_database(server18_url: str) -> Iterator[psycopg.Connection[object]]:
    with scratch_database(server18_url, prefix="rules") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


# --- the plan, by recorded catalogs ---------------------------------------------------------------

LINKED = ["accounts", "spaces", "items"]
ALL = [*LINKED, "events"]
PLANS: dict[str, tuple[list[str], list[str], list[str], int]] = {
    "empty": (ALL, [], [], 0),
    "with rows": (LINKED, ["events"], [], 0),
    "without events": ([], ["events"], LINKED, 0),
    "events half done": ([], ["events"], LINKED, 0),
    "done, rows left": ([], [], ALL, 0),
    "done": ([], [], [], 0),
    "managed by Citus": (["spaces", "items", "events"], [], [], 2),
    "by another column": ([], [], [], 1),
    "not colocated": ([], [], [], 1),
    "reference instead": ([], [], [], 1),
}
"""Tables distributed together, concurrently, and cleaned; and how many are spread otherwise."""


@pytest.mark.parametrize("name", PLANS)
def test_plan_does_what_is_left(name: str) -> None:
    schema = recorded()[name]
    together, concurrent, leftovers, differing = PLANS[name]
    todo = layout.plan(LAYOUT, schema)
    assert [item.table.name for item in todo.together] == together
    assert [item.table.name for item in todo.concurrent] == concurrent
    assert [item.name for item in todo.leftovers] == leftovers
    assert len(layout.differences(LAYOUT, schema)) == differing


# --- verbs ----------------------------------------------------------------------------------------

CREATE_NOTES = Revision(
    ONE.id,
    None,
    "op.create_table('notes', sa.Column('id', sa.BigInteger(), nullable=False),"
    " sa.Column('base_id', sa.BigInteger(), nullable=False),"
    " sa.PrimaryKeyConstraint('id', name='pk_notes'))",
    "op.drop_table('notes')",
)


def notes(column: str | None) -> str:
    """The models of CREATE_NOTES, spread by a column; local without one."""
    info = "{}" if column is None else repr({"citus": {"distributed_by": column}})
    return MODELS + (
        "sa.Table('notes', metadata, sa.Column('id', sa.BigInteger(), nullable=False),"
        " sa.Column('base_id', sa.BigInteger(), nullable=False),"
        f" sa.PrimaryKeyConstraint('id', name='pk_notes'), info={info})\n"
    )


def test_layout_is_written_checked_and_removed(project: Project) -> None:
    project.lay_out(CREATE_NOTES, models=notes("id")).done("sql")
    script, data = project.sql / "citus.sql", project.sql / "citus.json"
    assert "citus.sql\n" in (project.sql / "manifest.txt").read_text("utf-8")
    project.done("sql-lint")
    written = data.read_text("utf-8")
    data.write_text(written.replace('"id"', '"base_id"'), "utf-8")
    assert "[stale-sql]" in project.refused("distribute", "--plan", code=1)
    data.write_text(written, "utf-8")
    assert "[no-citus]" in project.refused("distribute", "--plan", code=2)
    project.done("migrate")
    assert "[no-citus]" in project.refused("distribute", code=2)
    project.write("models.py", notes(None))
    project.done("sql")
    assert not script.exists()
    assert not data.exists()
    assert "[no-layout]" in project.refused("distribute", code=2)


def test_key_without_the_column_fails_the_check(project: Project) -> None:
    project.lay_out(CREATE_NOTES, models=notes("base_id")).write_sql()
    message = project.refused("check", code=1)
    assert "[layout-refused]" in message
    assert "pk_notes" in message
