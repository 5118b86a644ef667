"""Records and SQL files: comments have no effect, what does not fit is stale, any id and name."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from msgspec import structs
from pglast import parser
from projects import LINE, ONE, THREE, Project, Revision

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
        lines.append(structs.replace(line, record=texts[0], sql=Directions(texts[1], texts[2])))
    (project.sql / manifest.MANIFEST).write_text(manifest.to_text(lines), "utf-8")


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
    {"blocking-index-build": "few cities -- yet", "downgrade: blocking-index-drop": "few cities"},
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
    "op.add_column('cities', sa.Column('note', sa.Text()))\n"
    "op.create_index('ix_cities_note', 'cities', ['note'])",
    "Drop notes.",
)
COMMENT = "-- the notes of the backfill"

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


def content(project: Project) -> list[object]:
    """Columns, indexes, rows, versions and ledger of a database."""
    with psycopg.connect(project.environment["DATABASE_URL"], autocommit=True) as connection:
        schema = "table_schema = 'public'"
        found: list[object] = [
            connection.execute(query.encode()).fetchall()
            for query in (
                f"SELECT table_name, column_name FROM information_schema.columns WHERE {schema}"
                " ORDER BY 1, 2",
                "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            )
        ]
        for table, columns in (
            ("cities", "cities::text"),
            ("alembic_version", "version_num"),
            ("migration_ledger", "revision, direction, digest"),
        ):
            if connection.execute("SELECT to_regclass(%s)", [table]).fetchone() != (None,):
                query = (
                    f"SELECT {columns} FROM {table} ORDER BY 1, 2"
                    if "," in columns
                    else (f"SELECT {columns} FROM {table} ORDER BY 1")
                )
                found.append(connection.execute(query.encode()).fetchall())
        return found


def test_verbs_do_and_print_the_same_without_comments(both: tuple[Project, Project]) -> None:
    """In this order: each verb works on what the one before left."""
    review = ("review", "base:head", "--format", "markdown")
    steps = [
        (("pending",), 0),
        (("pending", "--format", "json"), 0),
        (review, 0),
        (("migrate", ONE.id), 0),
        (("migrate",), 1),
        (("migrate", "--force", "hazards"), 0),
        (review, 0),
        (("backfill", FILLED.id), 1),
        (("downgrade", "-1"), 0),
        (("pending", "--format", "json"), 0),
        (("backfill", "cities"), 0),
        (("downgrade", THREE.id, "--force", "hazards", "--allow-data-loss"), 0),
        (("downgrade", ONE.id, "--allow-data-loss"), 0),
        (("downgrade", "base"), 2),
        (("downgrade", "base", "--database", "DATABASE"), 0),
        (("pending",), 0),
    ]
    for step, code in steps:
        one, other = (outcome(project, *step) for project in both)
        # the review shows the SQL, with the comment that the revision itself writes
        assert (one[0], one[1].replace(COMMENT, "")) == other, step
        assert one[0] == code, f"{step}\n{one[1]}"
        assert "is stale" not in other[1], step
        assert content(both[0]) == content(both[1]), step


def test_files_without_comments_are_reported_as_stale(both: tuple[Project, Project]) -> None:
    assert both[0].run("sql", "--check").code == 0
    message = both[1].refused("sql", "--check", code=1)
    assert "error[stale-sql]: " in message
    assert "  stale     sql/upgrade/" in message
    codes = {
        finding["code"] for finding in json.loads(both[1].run("sql-lint", "--format", "json").out)
    }
    assert "not-fresh" in codes


# --- what does not fit is stale -----------------------------------------------------------------


def add_statement(project: Project) -> None:
    path = project.sql / f"upgrade/{THREE.name}.sql"
    path.write_text(f"{path.read_text('utf-8')}\nDROP TABLE cities;\n", "utf-8")
    renew_manifest(project)


def add_statement_to_the_transaction(project: Project) -> None:
    path = project.sql / f"upgrade/{THREE.name}.sql"
    text = path.read_text("utf-8")
    lines = text.split("\n")
    number = next(n for n, line in enumerate(lines) if line.startswith("ALTER TABLE"))
    lines[number - 1] = "DROP TABLE IF EXISTS towns;"  # in place of an empty line
    path.write_text("\n".join(lines), "utf-8")
    renew_manifest(project)


def hide_statement_behind_a_commit(project: Project) -> None:
    path = project.sql / f"upgrade/{THREE.name}.sql"
    path.write_text(path.read_text("utf-8").replace("COMMIT;", "COMMIT; SELECT 1;"), "utf-8")
    renew_manifest(project)


def change_record(project: Project, change: Callable[[dict[str, Any]], object]) -> None:
    path = project.sql / f"records/{THREE.name}.json"
    record = json.loads(path.read_text("utf-8"))
    change(record)
    path.write_text(json.dumps(record), "utf-8")
    renew_manifest(project)


def remove_statement_from_the_record(project: Project) -> None:
    change_record(project, lambda record: record["scripts"]["upgrade"]["statements"].pop(0))


def end_statement_after_the_file(project: Project) -> None:
    change_record(
        project, lambda record: record["scripts"]["upgrade"]["statements"][-1].update(last=999)
    )


def repeat_statement_in_the_record(project: Project) -> None:
    def repeat(record: dict[str, Any]) -> None:
        statements = record["scripts"]["upgrade"]["statements"]
        statements.insert(0, statements[0])

    change_record(project, repeat)


def write_format_zero(project: Project) -> None:
    change_record(project, lambda record: record.update(format=0))


def write_five_columns(project: Project) -> None:
    path = project.sql / manifest.MANIFEST
    rows = [line.split(" ") for line in path.read_text("utf-8").splitlines()]
    kept = [row if row[0] == "#" else [*row[:2], row[3], *row[5:]] for row in rows if row[1:]]
    assert {len(row) for row in kept if row[0] != "#"} == {5}
    path.write_text("".join(f"{' '.join(row)}\n" for row in kept), "utf-8")


def write_another_encoding(project: Project) -> None:
    (project.sql / manifest.MANIFEST).write_bytes(b"\xff")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (write_another_encoding, "manifest.txt is not UTF-8"),
        (add_statement, "is not in the record"),
        (add_statement_to_the_transaction, "is not in the record"),
        (hide_statement_behind_a_commit, "is not in the record"),
        (remove_statement_from_the_record, "is not in the record"),
        (end_statement_after_the_file, "is not in the record"),
        (repeat_statement_in_the_record, "is not in the record"),
        (write_format_zero, "it was written by another version"),
        (write_five_columns, "manifest.txt was written by an earlier version"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_files_that_do_not_fit_are_stale_and_nothing_is_applied(
    change: Callable[[Project], None], reason: str, project: Project
) -> None:
    project.lay_out(*LINE).write_sql()
    change(project)
    message = project.refused("migrate", code=1)
    assert "error[stale-sql]: sql/ is stale: " in message
    assert reason in message
    assert "hint: Run `nox -s sql`" in message
    with psycopg.connect(project.environment["DATABASE_URL"]) as connection:
        query = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(query).fetchone() == (0,)
    project.done("sql")
    project.done("migrate")


# --- names --------------------------------------------------------------------------------------


def test_files_of_the_same_name_in_two_folders_have_sql_files_of_their_own(
    project: Project,
) -> None:
    project.lay_out(ONE)
    path = project.root / "alembic.ini"
    locations = "version_locations = %(here)s/migrations/versions:%(here)s/other"
    path.write_text(
        path.read_text("utf-8").replace("timezone = UTC", f"timezone = UTC\n{locations}"), "utf-8"
    )
    project.write(f"other/{ONE.name}.py", replace(THREE, parents=ONE.id).text)
    project.done("sql")
    for folder, suffix in (("upgrade", "sql"), ("downgrade", "sql"), ("records", "json")):
        files = [path.name for path in (project.sql / folder).iterdir()]
        assert len(files) == 2
        assert all(re.fullmatch(rf"{ONE.name}_[0-9a-f]{{8}}\.{suffix}", name) for name in files)
    project.done("sql", "--check")
    project.done("migrate")
    assert THREE.id in project.done("current")
    project.done("downgrade", "base", "--database", database(project))
    assert "nothing is applied" in project.done("current")


REFUSED_BY_ALEMBIC = ("50%",)
"""Alembic's HeadMaintainer hands an id to the driver without escaping it."""


@pytest.mark.parametrize(
    "identifier", ["a b", "#lead", "a,b", "50%", "%s", 'quo"te', "größe", "$$a$$"]
)
@pytest.mark.parametrize("has_sql", [True, False], ids=["by SQL", "by Alembic"])
def test_any_revision_id_works(identifier: str, has_sql: bool, project: Project) -> None:
    one = Revision("aaaaaaaaaaaa", None, ONE.upgrade, ONE.downgrade)
    odd = Revision(identifier, one.id, THREE.upgrade, THREE.downgrade, "Add note.")
    last = Revision(
        "cccccccccccc",
        odd.id,
        "op.execute(\"INSERT INTO cities (name) VALUES ('Troy')\")",
        "op.execute(\"DELETE FROM cities\\nWHERE name = 'Troy'\")",
    )
    project.lay_out(one)
    project.write("migrations/versions/odd.py", odd.text)
    project.write("migrations/versions/last.py", last.text)
    if not has_sql and identifier in REFUSED_BY_ALEMBIC:
        pytest.skip("plain Alembic fails on this id")
    if has_sql:
        project.done("sql")
        project.done("sql", "--check")
    how = () if has_sql else ("--python-revisions",)
    project.done("migrate", odd.id, *how)
    assert identifier in project.done("current")
    project.done("migrate", *how)
    project.done("downgrade", "-1", "--allow-data-loss", *how)
    assert identifier in project.done("current")
    project.done("downgrade", "base", "--allow-data-loss", "--database", database(project), *how)
    assert "nothing is applied" in project.done("current")
