"""Records and SQL files: comments have no effect, what does not fit is stale, any id and name."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pglast import parser
from projects import LINE, NO_MODELS, ONE, THREE, Project, Revision

from pybase.core import settings
from pybase.core.files import digest
from pybase.migrate.record import Directions
from pybase.migrate.sqlfiles import _manifest as manifest
from pybase.postgres import scratch_database


def renew_manifest(project: Project) -> None:
    """Renew the digests of the manifest, as if the files of `sql/` were as they were written."""
    lines = []
    for line in manifest.read(settings.load(project.root / "alembic.ini")) or ():
        texts = [
            digest((project.sql / path).read_bytes())
            for path in (
                line.record_path,
                f"upgrade/{line.stem}.sql",
                f"downgrade/{line.stem}.sql",
            )
        ]
        lines.append(replace(line, record=texts[0], sql=Directions(texts[1], texts[2])))
    (project.sql / manifest.NAME).write_text(manifest.to_text(lines), "utf-8")


# --- comments have no effect --------------------------------------------------------------------

FILLED = Revision(
    "dddddddddddd",
    THREE.id,
    'op.backfill("cities", set="note = upper(name)", where="note IS NULL", key=["name"])',
    'op.execute("""\n-- the notes of the backfill\nUPDATE cities\nSET note = NULL\n""")',
    "Fill notes.",
)
INDEXED = Revision(
    "eeeeeeeeeeee",
    FILLED.id,
    'op.create_index("ix_cities_note", "cities", ["note"])',
    'op.drop_index("ix_cities_note", "cities")',
    "Index notes.",
    {"blocking-index-build": "few cities -- yet", "blocking-index-drop": "few cities"},
)
APART = Revision(
    "ffffffffffff",
    INDEXED.id,
    "with op.get_context().autocommit_block():\n"
    '    op.execute("CREATE INDEX CONCURRENTLY ix_cities_name ON cities (lower(name))")',
    "with op.get_context().autocommit_block():\n"
    '    op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_cities_name")',
    "Index names.",
)
LOST = Revision(
    "abababababab",
    APART.id,
    "op.drop_column('cities', 'note')",
    "op.add_column('cities', sa.Column('note', sa.Text()))",
    "Drop notes.",
)
HISTORY = (*LINE, FILLED, INDEXED, APART, LOST)


def without_comments(sql: str) -> str:
    """Blank every line comment that is not in a literal; each line stays where it is."""
    text = sql.encode()
    for token in parser.scan(sql):
        if token.name == "SQL_COMMENT":
            start, end = (len(sql[:place].encode()) for place in (token.start, token.end + 1))
            text = text[:start] + b" " * (end - start) + text[end:]
    return "\n".join(line.rstrip() for line in text.decode().split("\n"))


def blank_comments(project: Project) -> None:
    """Blank the comments of all SQL files, and renew the digests."""
    count = 0
    for path in project.sql.rglob("*.sql"):
        text = path.read_text("utf-8")
        blank = without_comments(text)
        assert text.count("\n") == blank.count("\n")
        count += text != blank
        path.write_text(blank, "utf-8")
    assert count >= 2 * len(HISTORY)
    renew_manifest(project)


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, server18_url: str
) -> Iterator[tuple[Project, Project]]:
    """The same project twice, the second without comments; each with a database of its own."""
    with (
        scratch_database(server18_url, prefix="test") as one,
        scratch_database(server18_url, prefix="test") as other,
    ):
        projects = []
        for url in (one, other):
            environment = {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server18_url}
            project = Project(tmp_path_factory.mktemp("comments") / "project", environment)
            projects.append(project.lay_out(*HISTORY).write_sql())
        blank_comments(projects[1])
        yield projects[0], projects[1]


def database(project: Project) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(project.environment["DATABASE_URL"])["dbname"])


def outcome(project: Project, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a verb, without what differs from run to run."""
    result = project.run(*(database(project) if a == "DATABASE" else a for a in arguments))
    text = result.text.replace(database(project), "DATABASE").replace(str(project.root), "ROOT")
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text)
    return result.code, re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "SPAN", text)


def content(project: Project) -> tuple[object, ...]:
    """Columns, indexes, rows and version of a database."""
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        return tuple(
            connection.execute(query).fetchall()
            for query in (
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2",
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
                "SELECT revision, direction, digest FROM migration_ledger ORDER BY applied_at",
                "SELECT version_num FROM alembic_version",
            )
        )


def test_verbs_do_and_print_the_same_without_comments(both: tuple[Project, Project]) -> None:
    """In this order: each verb works on what the one before left."""
    expected_codes = {
        ("pending",): 0,
        ("pending", "--format", "json"): 0,
        ("review", "base:head", "--format", "markdown"): 0,
        ("migrate", "--force", "hazards"): 0,
        ("backfill", "cities"): 1,
        ("pending", ): 0,
        ("downgrade", "-1"): 0,
        ("backfill", FILLED.id): 0,
        ("downgrade", "-1"): 0,
        ("review", "base:head", "--format", "markdown", "again"): 2,
    }
    steps = [
        ("pending",),
        ("pending", "--format", "json"),
        ("review", "base:head", "--format", "markdown"),
        ("migrate",),
        ("migrate", "--force", "hazards"),
        ("downgrade", "-1"),
        ("pending", "--format", "json"),
        ("review", "base:head", "--format", "markdown"),
        ("backfill", "cities"),
        ("backfill", FILLED.id),
        ("downgrade", THREE.id),
        ("downgrade", THREE.id, "--allow-data-loss"),
        ("downgrade", "base"),
        ("downgrade", "base", "--database", "DATABASE", "--allow-data-loss"),
        ("pending",),
    ]
    del expected_codes
    for step in steps:
        one, other = (outcome(project, *step) for project in both)
        assert one == other, step
        assert "is stale" not in other[1], step
        one_state, other_state = (content(p) if "migrate" in step else () for p in both)
        assert one_state == other_state, step
