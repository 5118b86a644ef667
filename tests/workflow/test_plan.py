"""pending and --plan: what a reviewer was told, beside what is in the live database."""

import json

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision
from pybase.migrate.rehearsal._effects import Report, Touch
from pybase.migrate.rehearsal._hazards import Finding
from pybase.migrate.sqlfiles._headers import Header, Table

from pybase.migrate.database import _table_sizes as live
from pybase.migrate.database._table_sizes import Live
from pybase.migrate.deploy import _plan as plan
from pybase.migrate.revisions._render import Block, Rendering
from pybase.migrate.sql._lock_modes import LOCKS
from pybase.migrate.sqlfiles import _headers as headers
from pybase.migrate.sqlfiles._files import header_text
from pybase.migrate.sqlfiles._header import report_rows

INDEX = Revision(
    "dddddddddddd",
    THREE.id,
    "with op.get_context().autocommit_block():\n"
    "    op.create_index('ix_cities_note', 'cities', ['note'], postgresql_concurrently=True)",
    "with op.get_context().autocommit_block():\n"
    "    op.drop_index('ix_cities_note', postgresql_concurrently=True)",
    "Index the notes.",
)
DROP = Revision(
    "eeeeeeeeeeee",
    INDEX.id,
    "op.drop_column('cities', 'note')",
    "op.add_column('cities', sa.Column('note', sa.Text()))",
    "Drop the note.",
    {"drops-column": "nobody reads it"},
)


@pytest.fixture
def cities(project: Project) -> Project:
    """Two of five are applied; the first has a row, the rest is pending, with fresh SQL."""
    project.lay_out(*LINE, INDEX, DROP)
    project.write_sql()
    project.done("migrate", TWO.id)
    return project


def test_pending_tells_what_each_revision_does_and_how_large_that_is(cities: Project) -> None:
    lines = cities.done("pending").splitlines()
    size = "1 row; 32.8 kB" if "32.8" in lines[1] else lines[1].rpartition("; ")[2]
    assert lines[0] == f"{THREE.id}  Add note to cities"
    assert lines[1].startswith(
        "    cities  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan; 1 row; "
    )
    assert size.endswith("kB")
    assert lines[2] == f"{INDEX.id}  Index the notes"
    assert "SHARE UPDATE EXCLUSIVE: blocks nothing but other DDL" in lines[3]
    assert f"{DROP.id}  Drop the note" in lines
    assert "    loses    cities.note" in lines
    assert any("drops-column on cities.note (accepted: nobody reads it)" in each for each in lines)
    assert lines[-1].startswith("3 pending")


def test_plan_of_migrate_goes_as_far_as_it_is_told_and_changes_nothing(cities: Project) -> None:
    assert cities.done("migrate", "--plan", "+1").splitlines()[-1] == "1 pending."
    assert cities.done("migrate", "--plan") == cities.done("pending")
    assert TWO.id in cities.done("current")


def test_plan_for_programs(cities: Project) -> None:
    told = json.loads(cities.done("pending", "--format", "json"))
    assert [each["revision"] for each in told["pending"]] == [THREE.id, INDEX.id, DROP.id]
    (table,) = told["pending"][0]["tables"]
    assert table | {"table_bytes": 0, "total_bytes": 0} == {
        "table": "cities",
        "lock": "ACCESS EXCLUSIVE",
        "blocks": "reads and writes",
        "is_rewritten": False,
        "is_scanned": False,
        "is_changed": False,
        "rows": 1,
        "rows_are_exact": True,
        "table_bytes": 0,
        "total_bytes": 0,
        "seconds": None,
    }
    assert told["pending"][2]["loses"] == ["cities.note"]
    assert told["assumed_mb_per_second"]["scan"] > 0


def test_nothing_is_pending(cities: Project) -> None:
    cities.done("migrate")
    assert cities.done("pending") == "Nothing to do: the database is up to date.\n"
    assert json.loads(cities.done("pending", "--format", "json"))["pending"] == []


def test_plan_of_stale_sql_is_rehearsed_anew_and_says_so(cities: Project) -> None:
    cities.add(Revision(THREE.id, TWO.id, "op.add_column('cities', sa.Column('n', sa.Text()))"))
    out = cities.done("migrate", "--plan", "+1")
    assert "ACCESS EXCLUSIVE" in out
    assert "    stale   its SQL file is not what the revision says: nox -s sql" in out


def test_fresh_plan_needs_no_scratch_server(cities: Project) -> None:
    out = cities.done("pending", PYBASE_REHEARSAL_URL="postgresql://127.0.0.1:1/none")
    assert "3 pending" in out


# --- numbers of the live database -----------------------------------------------------------------


def test_large_table_is_estimated_and_a_small_one_counted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE large AS SELECT n, repeat('x', 500) FROM generate_series(1, 50000) AS n"
        )
        connection.execute("CREATE TABLE small AS SELECT n FROM generate_series(1, 5) AS n")
        connection.execute("ANALYZE")
        found = live.measure(connection, ["large", "small", "absent"])
    assert set(found) == {"large", "small"}
    assert (found["small"].rows, found["small"].is_exact) == (5, True)
    assert (found["large"].rows, found["large"].is_exact) == (50_000, False)
    assert found["large"].table_bytes > 25_000_000
    assert live.rows_text(found["large"]) == "about 50,000 rows"


def test_partitions_count_for_their_table(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.t (n int) PARTITION BY LIST (n)")
        connection.execute("CREATE TABLE app.t1 PARTITION OF app.t FOR VALUES IN (1)")
        connection.execute("INSERT INTO app.t SELECT 1 FROM generate_series(1, 30)")
        found = live.measure(connection, ["app.t"])["app.t"]
    assert (found.rows, found.table_bytes >= 8192) == (30, True)


def test_locked_table_is_not_waited_for(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        psycopg.connect(database_url) as holder,
    ):
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        connection.execute("ANALYZE t")
        holder.execute("LOCK TABLE t")
        found = live.measure(connection, ["t"])["t"]
    assert (found.rows, found.is_exact, found.table_bytes) == (1, False, 8192)


@pytest.mark.parametrize(
    ("table", "sql", "seconds"),
    [
        (Table("t", 7, ""), "", None),
        (Table("t", 7, "", is_rewritten=True, is_scanned=True), "", 100),
        (Table("t", 3, "", is_scanned=True), "", 4),
        (Table("t", 2, "", is_changed=True), "", 2000 / 30),
        (Table("t", 3, "", is_scanned=True), "CREATE INDEX CONCURRENTLY i ON t (a);", 40),
        (Table("t", 3, "", is_scanned=True), "CREATE INDEX i ON t USING gin (a);", 2000 / 9),
        (Table("t", 3, "", is_scanned=True), "CREATE INDEX i ON other (a);", 4),
    ],
)  # fmt: skip
def test_time_follows_from_the_size_of_what_is_read(
    table: Table, sql: str, seconds: float | None
) -> None:
    now = Live(1, "public", "t", 9, False, table_bytes=2_000_000_000, total_bytes=4_000_000_000)
    found = plan._seconds(Header("a", "", "", "", (table,), sql=sql), table, now)
    assert found == (None if seconds is None else pytest.approx(seconds))


# --- headers are read as they were written --------------------------------------------------------

REPORTS = {
    "nothing": Report(is_rehearsed=True),
    "every lock": Report(
        tuple(Touch(f"t{rank}", rank, rank == 7, rank == 4, rank == 2) for rank in range(8)),
        is_rehearsed=True,
    ),
    "odd names": Report(
        tuple(Touch(each, 7) for each in ("The Shops", "app." + "x" * 60, "hazards", "loses")),
        ("The Shops", "app.t.c"),
        is_rehearsed=True,
    ),
    "many losses": Report(losses=tuple(f"records.c{n}" for n in range(40)), is_rehearsed=True),
    "hazards": Report(
        (Touch("t", 7),),
        ("t.c",),
        (
            Finding(0, "drops-column", "t", "c"),
            Finding(0, "sets-not-null", "t"),
            Finding(1, "rewrites-table", "t"),
            Finding(-1, "small-key", "t", "c"),
        ),
        ("t",),
        is_rehearsed=True,
    ),
}  # fmt: skip
ACCEPTED = {"drops-column": "no reader since 2026-10 (issue 12) " + "and so on " * 20 + "(done)",
            "sets-not-null": "it is small"}  # fmt: skip


@pytest.mark.parametrize("name", REPORTS)
def test_header_is_read_as_it_was_written(name: str, project: Project) -> None:
    project.lay_out(ONE)
    script = project.history().get(ONE.id)
    rendering = Rendering((Block(("SELECT 1",), True),))
    report = REPORTS[name]
    rows = report_rows(report, ACCEPTED)
    text = header_text(script, rendering, rows, is_upgrade=True)
    found = headers.parse(f"{text}\nBEGIN;\n")
    assert (found.revision, found.title, found.shape) == (
        ONE.id,
        "Create cities",
        "one transaction",
    )
    assert [
        Touch(each.relation, each.lock, each.is_rewritten, each.is_scanned, each.is_changed)
        for each in found.tables
    ] == list(report.touches)
    assert found.losses == report.losses
    assert [each.split(" ")[0] for each in found.hazards] == [each.code for each in report.findings]
    assert found.sql == "\nBEGIN;\n"
    if name == "hazards":
        assert found.refused == ("rewrites-table on t",)
        assert found.unseen == ("no sample rows could be made for t",)


def test_every_lock_has_its_rank() -> None:
    assert len(LOCKS) == 8
