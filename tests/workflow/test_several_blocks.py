"""Revisions of several blocks, interrupted in one of them, and resumed behind what is done."""

from dataclasses import dataclass

import psycopg
import pytest
from projects import Project, Revision

_BASE = Revision(
    "aaaaaaaaaaaa",
    None,
    """
    op.execute("CREATE TABLE items (id bigint PRIMARY KEY, code text, n int)")
    op.execute("CREATE TABLE days (day date, code text) PARTITION BY RANGE (day)")
    for n, year in ((1, 2025), (2, 2026)):
        bounds = f"FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
        op.execute(f"CREATE TABLE days_{n} PARTITION OF days FOR VALUES {bounds}")
    """,
    "raise NotImplementedError('Restore a backup.')",
)
_BLOCK = "with op.get_context().autocommit_block():\n"


@dataclass(frozen=True)
class Shape:
    """A revision, a row that one of its statements refuses, and what the end has."""

    upgrade: str
    bad_row: str
    repair: str
    end: str


_SHAPES = {
    "index_then_using_index": Shape(
        f"""{_BLOCK}    op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_items ON items (code)")
op.execute("ALTER TABLE items ADD CONSTRAINT uq_items UNIQUE USING INDEX uq_items, "
           "ADD CONSTRAINT ck_n CHECK (n > 0)")
""",
        "INSERT INTO items VALUES (1, 'a', 0)",
        "UPDATE items SET n = 1",
        "SELECT count(*) FROM pg_constraint WHERE conname IN ('uq_items', 'ck_n')",
    ),
    "not_valid_then_validate": Shape(
        f"""op.execute("ALTER TABLE items ADD CONSTRAINT ck_n CHECK (n > 0) NOT VALID, "
           "ADD CONSTRAINT fk_n FOREIGN KEY (n) REFERENCES items NOT VALID")
{_BLOCK}    op.execute("ALTER TABLE items VALIDATE CONSTRAINT ck_n")
    op.execute("ALTER TABLE items VALIDATE CONSTRAINT fk_n")
""",
        "INSERT INTO items VALUES (1, 'a', 0)",
        "UPDATE items SET n = 1",
        "SELECT count(*) FROM pg_constraint WHERE conname IN ('ck_n', 'fk_n') AND convalidated",
    ),
    "only_partitions_attach": Shape(
        f"""op.execute("CREATE UNIQUE INDEX uq_days ON ONLY days (day)")
{_BLOCK}    op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_days_1 ON days_1 (day)")
    op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_days_2 ON days_2 (day)")
op.execute("ALTER INDEX uq_days ATTACH PARTITION uq_days_1")
op.execute("ALTER INDEX uq_days ATTACH PARTITION uq_days_2")
""",
        "INSERT INTO days VALUES ('2026-05-05'), ('2026-05-05')",
        "DELETE FROM days",
        "SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text ~ '^uq_days' "
        "AND indisvalid HAVING count(*) = 3",
    ),
}


def _laid_out(project: Project, upgrade: str) -> psycopg.Connection[tuple[object, ...]]:
    """Bring the database to the revision before, and return a connection to it."""
    second = Revision("bbbbbbbbbbbb", _BASE.id, upgrade, _BASE.downgrade)
    project.lay_out(_BASE, second).run("sql")
    project.done("migrate", _BASE.id, "--force", "hazards")
    return psycopg.connect(project.environment["DATABASE_URL"], autocommit=True)


@pytest.mark.parametrize("shape", _SHAPES.values(), ids=_SHAPES)
def test_run_that_failed_between_blocks_is_resumed(shape: Shape, project: Project) -> None:
    with _laid_out(project, shape.upgrade) as connection:
        assert "autocommit-not-alone" in project.run("sql-lint").text
        connection.execute(shape.bad_row.encode())
        assert project.run("migrate", "--force", "hazards").code == 1
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (_BASE.id,)
        ]
        connection.execute(shape.repair.encode())
        assert project.done("migrate", "--force", "hazards").endswith("1 applied.\n")
        assert connection.execute(shape.end.encode()).fetchone() in [(2,), (3,)]


def test_constraint_of_the_same_name_over_another_column_is_not_taken_for_it(
    project: Project,
) -> None:
    with _laid_out(project, _SHAPES["not_valid_then_validate"].upgrade) as connection:
        connection.execute("ALTER TABLE items ADD CONSTRAINT ck_n CHECK (code <> '')")
        assert project.run("migrate").code == 1
        fk = connection.execute("SELECT FROM pg_constraint WHERE conname = 'fk_n'").fetchall()
        assert fk == []
