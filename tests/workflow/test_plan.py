"""pending and --plan: what the records hold, next to what is in the live database."""

import json

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision

from pybase.cli._plan import plan_json
from pybase.migrate import record
from pybase.migrate.database import TableSize, measure
from pybase.migrate.deploy import Step, _estimate
from pybase.migrate.deploy._estimate import PlannedStep
from pybase.migrate.record import (
    Direction,
    Directions,
    Effects,
    Finding,
    Loss,
    Record,
    RevisionReport,
    Script,
    Statement,
    StatementKind,
    TableColumn,
    TableEffect,
    VersionTable,
)
from pybase.migrate.sql import LOCKS, QualifiedName
from pybase.migrate.sqlfiles import sql_file
from pybase.migrate.sqlfiles._records import decode, encode

T = QualifiedName("public", "t")

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
    {"drops-column": "unused since 2026-10"},
)


@pytest.fixture
def cities(project: Project) -> Project:
    """Two of five are applied; the first has a row, the rest is pending, with fresh SQL."""
    project.lay_out(*LINE, INDEX, DROP)
    project.write_sql()
    project.done("migrate", TWO.id)
    return project


def test_pending_shows_what_each_revision_does_and_how_large_its_tables_are(
    cities: Project,
) -> None:
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
    assert any(
        "drops-column on cities.note (accepted: unused since 2026-10)" in each for each in lines
    )
    assert lines[-1].startswith("3 pending")


def test_plan_of_migrate_ends_at_its_target_and_changes_nothing(cities: Project) -> None:
    assert cities.done("migrate", "--plan", "+1").splitlines()[-1] == "1 pending."
    assert cities.done("migrate", "--plan") == cities.done("pending")
    assert TWO.id in cities.done("current")


def test_plan_for_programs(cities: Project) -> None:
    plan = json.loads(cities.done("pending", "--format", "json"))
    assert [each["revision"] for each in plan["pending"]] == [THREE.id, INDEX.id, DROP.id]
    (table,) = plan["pending"][0]["tables"]
    assert table | {"table_bytes": 0, "total_bytes": 0} == {
        "table": "cities",
        "lock": "ACCESS EXCLUSIVE",
        "blocks": "reads and writes",
        "is_rewritten": False,
        "is_scanned": False,
        "is_changed": False,
        "held_for": [],
        "rows": 1,
        "rows_are_exact": True,
        "table_bytes": 0,
        "total_bytes": 0,
        "seconds": None,
    }
    assert plan["pending"][2]["loses"] == ["cities.note"]
    assert plan["assumed_mb_per_second"]["scan"] > 0


def test_nothing_is_pending(cities: Project) -> None:
    cities.done("migrate")
    assert cities.done("pending") == "Nothing to do: the database is up to date.\n"
    assert json.loads(cities.done("pending", "--format", "json"))["pending"] == []


def test_plan_of_stale_sql_is_rehearsed_and_marked_stale(cities: Project) -> None:
    cities.add(Revision(THREE.id, TWO.id, "op.add_column('cities', sa.Column('n', sa.Text()))"))
    out = cities.done("migrate", "--plan", "+1")
    assert "ACCESS EXCLUSIVE" in out
    assert "    stale   its SQL file is not what the revision renders to: nox -s sql" in out


def test_fresh_plan_needs_no_scratch_server(cities: Project) -> None:
    out = cities.done("pending", PYBASE_REHEARSAL_URL="postgresql://127.0.0.1:1/none")
    assert "3 pending" in out


# --- sizes of the live database -------------------------------------------------------------------


def test_large_table_is_estimated_and_a_small_one_counted(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE large AS SELECT n, repeat('x', 500) FROM generate_series(1, 50000) AS n"
        )
        connection.execute("CREATE TABLE small AS SELECT n FROM generate_series(1, 5) AS n")
        connection.execute("ANALYZE")
        names = [QualifiedName("public", name) for name in ("large", "small", "absent")]
        sizes = measure(connection, names)
    assert set(sizes) == set(names[:2])
    (large,), (small,) = (sizes[name] for name in names[:2])
    assert (small.rows, small.is_exact) == (5, True)
    assert (large.rows, large.is_exact) == (50_000, False)
    assert large.table_bytes > 25_000_000
    assert large.rows_text == "about 50,000 rows"


def test_partitions_count_for_their_table(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA app; CREATE TABLE app.t (n int) PARTITION BY LIST (n)")
        connection.execute("CREATE TABLE app.t1 PARTITION OF app.t FOR VALUES IN (1)")
        connection.execute("INSERT INTO app.t SELECT 1 FROM generate_series(1, 30)")
        name = QualifiedName("app", "t")
        (size,) = measure(connection, [name])[name]
    assert (size.rows, size.table_bytes >= 8192) == (30, True)


def test_locked_table_is_not_waited_for(database_url: str) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        psycopg.connect(database_url) as holder,
    ):
        connection.execute("CREATE TABLE t AS SELECT 1 AS n")
        connection.execute("ANALYZE t")
        holder.execute("LOCK TABLE t")
        (size,) = measure(connection, [T])[T]
    assert (size.rows, size.is_exact, size.table_bytes) == (1, False, 8192)


def effect(lock: str, **observed: bool) -> TableEffect:
    return TableEffect(T, lock, **observed)


def recorded(
    effects: Effects, sql: str = "SELECT 1", accepted: dict[str, str] | None = None
) -> Record:
    """The record of a revision of one statement, in both directions."""
    revision = record.Revision(
        ONE.id, (), "Create cities", "migrations/versions/one.py", accepted=accepted or {}
    )
    script = Script(
        (Statement(sql, 0), Statement("UPDATE v\nSET n = 1", 0, StatementKind.VERSION)), digest="d"
    )
    both = Directions(effects, effects)
    return Record(revision, VersionTable(), Directions(script, script), RevisionReport(both))


@pytest.mark.parametrize(
    ("observed", "sql", "seconds"),
    [
        (effect("ACCESS EXCLUSIVE"), "", None),
        (effect("ACCESS EXCLUSIVE", is_rewritten=True, is_scanned=True), "", 100),
        (effect("SHARE UPDATE EXCLUSIVE", is_scanned=True), "", 4),
        (effect("ROW EXCLUSIVE", is_changed=True), "", 2000 / 30),
        (
            effect("SHARE UPDATE EXCLUSIVE", is_scanned=True),
            "CREATE INDEX CONCURRENTLY i ON t (a)", 40,
        ),
        (
            effect("SHARE UPDATE EXCLUSIVE", is_scanned=True),
            "CREATE INDEX i ON t USING gin (a)", 2000 / 9,
        ),
        (
            effect("SHARE UPDATE EXCLUSIVE", is_scanned=True),
            "CREATE INDEX i ON other (a)", 4,
        ),
    ],
)  # fmt: skip
def test_time_follows_from_the_size_of_what_is_read(
    observed: TableEffect, sql: str, seconds: float | None
) -> None:
    step = Step(recorded(Effects((observed,)), sql), Direction.UPGRADE)
    size = TableSize(1, T, 9, False, table_bytes=2_000_000_000, total_bytes=4_000_000_000)
    estimate = _estimate._estimate(step, observed, size)
    assert estimate.seconds == (None if seconds is None else pytest.approx(seconds))


# --- records are read as they were written --------------------------------------------------------


def finding(statement: int, code: str, *names: str) -> Finding:
    relation, *detail = names
    return Finding(statement, code, QualifiedName("public", relation), *detail)


ODD = tuple(
    QualifiedName(schema, name)
    for schema in ("public", "a.b", 'quo"te')
    for name in ("The Shops", "a, b", "a.b", "a  b", "x" * 60, "hazards", "loses", "-- a", "é\n")
)
EFFECTS = {
    "nothing": Effects(is_rehearsed=True),
    "every lock": Effects(
        tuple(
            TableEffect(QualifiedName("public", f"t{rank}"), mode, rank == 7, rank == 4, rank == 2)
            for rank, (mode, _) in enumerate(LOCKS)
        ),
        is_rehearsed=True,
    ),
    "odd names": Effects(
        tuple(TableEffect(name, "ACCESS EXCLUSIVE") for name in ODD),
        (*map(Loss, ODD), *(Loss(T, name.name) for name in ODD)),
        (*map(TableColumn, ODD),),
        tuple(Finding(0, "drops-column", name, name.name) for name in ODD),
        ODD,
        is_rehearsed=True,
    ),
    "many losses": Effects(losses=tuple(Loss(T, f"c{n}") for n in range(40)), is_rehearsed=True),
    "hazards": Effects(
        (effect("ACCESS EXCLUSIVE"),),
        (Loss(T, "c"),),
        (),
        (
            finding(0, "drops-column", "t", "c"),
            finding(0, "sets-not-null", "t"),
            finding(1, "rewrites-table", "t"),
            finding(-1, "small-key", "t", "c"),
        ),
        (T,),
        is_rehearsed=True,
    ),
}
ACCEPTED = {"drops-column": "no reader since 2026-10 (issue 12) " + "and so on " * 20 + "(done)",
            "sets-not-null": "it is small"}  # fmt: skip


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize("sql", ["SELECT 1", "DO $$ BEGIN\n-- a;\nEND $$", "SELECT 'é;\n;\n'"])
def test_record_is_read_as_it_was_written(name: str, sql: str) -> None:
    written = recorded(EFFECTS[name], sql, ACCEPTED)
    both = Directions(*(sql_file(written, direction) for direction in Direction))
    content = encode(written, Directions(both.upgrade.statements, both.downgrade.statements))
    assert decode(content.encode(), Directions(both.upgrade.text, both.downgrade.text)) == written


def test_plan_shows_the_findings_with_their_acceptances() -> None:
    step = Step(recorded(EFFECTS["hazards"], accepted=ACCEPTED), Direction.UPGRADE)
    (pending,) = json.loads(plan_json([PlannedStep(step, ())]))["pending"]
    assert [hazard.partition(" (")[0] for hazard in pending["hazards"]] == [
        "drops-column on t.c",
        "sets-not-null on t",
        "rewrites-table on t",
        "small-key on t.c",
    ]
    accepted = [hazard.partition(" (")[2] for hazard in pending["hazards"]]
    reason = "accepted: " + " ".join(ACCEPTED["drops-column"].split())
    assert accepted == [f"{reason})", "accepted: it is small)", "", ""]
    assert pending["unseen"] == ["no sample rows could be made for t"]


def test_every_lock_has_its_rank() -> None:
    assert len(LOCKS) == 8
