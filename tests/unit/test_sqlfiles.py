"""The files of `sql/`: their headers, what they refuse, and how they are compared and written."""

import os
from pathlib import Path

import pytest
from pglast import parser
from projects import LINE, ONE, Project, Revision

from pybase.core import settings
from pybase.core.checkout import writing
from pybase.migrate.record import Direction, Directions, Effects, Record, RevisionReport
from pybase.migrate.revisions import render
from pybase.migrate.sql import one_line
from pybase.migrate.sqlfiles import Stale, compare, load, replaced, sql_file
from pybase.migrate.sqlfiles import _manifest as manifest
from pybase.migrate.sqlfiles._files import compose
from pybase.migrate.sqlfiles._folder import describe, read

ROOT = Path(__file__).parents[2]

HOSTILE = (
    "first line\n; DROP TABLE users; --",
    "-- dashes -- everywhere",
    "*/ SELECT 1; /*",
    '$$ quoted $$ \'single\' "double" """triple"""',
    "back\\slash \\' \\",
    "../../etc/passwd",
    "emoji 🐘, é, 日本",
    "vertical\vtab, form\ffeed, return\rnull, next\x85line, sep\u2028arator\u2029",
    "bell\a escape\x1b[31m bidi\u202eevil",
)


def files(project: Project, *revisions: Revision) -> dict[str, str]:
    return composed(project.lay_out(*revisions))


def composed(project: Project) -> dict[str, str]:
    """All files but the schema's, as if nothing had been rehearsed."""
    rendered = render(project.history())
    effects = Effects(is_rehearsed=True)
    report = RevisionReport(Directions(effects, effects))
    records = [
        (Record(sql.revision, rendered.version_table, sql.scripts, report), sql.path.read_bytes())
        for sql in rendered.revisions
    ]
    return compose(records, {}, "[]\n", {})


# --- one file -----------------------------------------------------------------------------------


def test_upgrade_file_is_a_header_and_a_transaction(project: Project) -> None:
    assert files(project, *LINE)["upgrade/20260101_0000_cccccccccccc_change.sql"] == (
        "-- Add note to cities\n"
        "--\n"
        "-- revision  cccccccccccc, after bbbbbbbbbbbb; one transaction\n"
        "\n"
        "BEGIN;\n"
        "\n"
        "SET LOCAL lock_timeout = '2s';\n"
        "\n"
        "DO $$ DECLARE present text[]; BEGIN\n"
        "    present := ARRAY(SELECT version_num FROM alembic_version"
        ' ORDER BY version_num COLLATE "C");\n'
        "    IF NOT present @> ARRAY['bbbbbbbbbbbb']::text[] THEN\n"
        "        RAISE 'This file is for a database at bbbbbbbbbbbb, and this one is at %.',\n"
        "            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');\n"
        "    END IF;\n"
        "END $$;\n"
        "\n"
        "ALTER TABLE cities ADD COLUMN note TEXT;\n"
        "\n"
        "UPDATE alembic_version\n"
        "SET version_num = 'cccccccccccc'\n"
        "WHERE alembic_version.version_num = 'bbbbbbbbbbbb';\n"
        "\n"
        "DO $$ BEGIN\n"
        "    INSERT INTO migration_ledger (revision, direction, digest)\n"
        "    VALUES ('cccccccccccc', 'upgrade', 'b3d63d9a87ef8a14');\n"
        "EXCEPTION WHEN undefined_table THEN NULL;\n"
        "END $$;\n"
        "\n"
        "COMMIT;\n"
    )


def test_downgrade_file_says_that_it_undoes(project: Project) -> None:
    text = files(project, *LINE)["downgrade/20260101_0000_cccccccccccc_change.sql"]
    assert text.startswith(
        "-- Undo: Add note to cities\n--\n"
        "-- revision  cccccccccccc, back to bbbbbbbbbbbb; one transaction\n"
    )


def test_first_revision_comes_after_nothing_and_leads_back_to_base(project: Project) -> None:
    found = files(project, ONE)
    assert "aaaaaaaaaaaa, the first;" in found[f"upgrade/{ONE.name}.sql"]
    assert "aaaaaaaaaaaa, back to base;" in found[f"downgrade/{ONE.name}.sql"]


def test_merge_comes_after_both_of_its_parents(project: Project) -> None:
    merge = Revision("dddddddddddd", ("bbbbbbbbbbbb", "cccccccccccc"))
    branches = (Revision("bbbbbbbbbbbb", ONE.id), Revision("cccccccccccc", ONE.id))
    text = files(project, ONE, *branches, merge)[f"upgrade/{merge.name}.sql"]
    assert "after bbbbbbbbbbbb and cccccccccccc;" in text


READ_ONLY = "SET default_transaction_read_only = on;"
"""The check of the version cannot be in the transaction: what follows a failed one is refused."""


@pytest.mark.parametrize(
    ("code", "shape", "first"),
    [
        ("pass", "one transaction", "BEGIN;"),
        ("{}", "no transaction", READ_ONLY),
        ("op.execute('SELECT 1')\n{}", "partly outside a transaction", READ_ONLY),
        ("op.execute('SET TRANSACTION READ WRITE')", "one transaction", READ_ONLY),
    ],
)
def test_header_tells_the_shape_of_the_transaction(
    code: str, shape: str, first: str, project: Project
) -> None:
    block = "with op.get_context().autocommit_block():\n    op.execute('VACUUM')"
    two = Revision("bbbbbbbbbbbb", ONE.id, code.format(block))
    text = files(project, ONE, two)[f"upgrade/{two.name}.sql"]
    assert f"; {shape}\n" in text
    assert next(line for line in text.splitlines() if line and line[:2] != "--") == first


def test_text_that_is_not_ascii_tells_psql_its_encoding(project: Project) -> None:
    two = Revision("bbbbbbbbbbbb", ONE.id, "op.execute(\"SELECT 'ä'\")")
    found = files(project, ONE, two)
    assert "\nSET client_encoding = 'UTF8';\n" in found[f"upgrade/{two.name}.sql"]
    assert "client_encoding" not in found[f"upgrade/{ONE.name}.sql"]


def test_revision_without_sql_has_a_file_that_stops_psql(project: Project) -> None:
    broken = Revision("aaaaaaaaaaaa", None, 'raise ValueError("it\'s $$ 5%\\n; DROP TABLE t")')
    text = files(project, broken)[f"upgrade/{broken.name}.sql"]
    assert "; cannot be rendered\n" in text
    (statement,) = parser.split(text)
    assert statement.endswith(
        "DO $$ BEGIN RAISE 'This revision has no SQL: "
        "ValueError: it''s  5%% ; DROP TABLE t'; END $$"
    )


def committed_files() -> list[tuple[str, Direction]]:
    committed = load(settings.load(ROOT / "alembic.ini"))
    assert committed is not None
    return [(line.revision, direction) for line in committed.lines for direction in Direction]


@pytest.mark.parametrize(
    ("revision", "direction"), committed_files(), ids=lambda value: getattr(value, "value", value)
)
def test_committed_file_is_rendered_from_its_record(revision: str, direction: Direction) -> None:
    """The header too: it holds nothing that the record does not have."""
    committed = load(settings.load(ROOT / "alembic.ini"))
    assert committed is not None
    record = committed.record(revision, *Direction)
    assert sql_file(record, direction).text == committed.text(revision, direction)


# --- text that people wrote ---------------------------------------------------------------------


@pytest.mark.parametrize("message", HOSTILE)
def test_text_of_people_is_made_one_printable_line(message: str) -> None:
    safe = one_line(message)
    assert safe.isprintable()
    assert safe.splitlines() == [safe]


def test_text_that_is_harmless_is_kept() -> None:
    assert one_line(" Add  colour,\tquoted 'so' -- 🐘 ") == "Add colour, quoted 'so' -- 🐘"


def test_no_text_is_the_empty_line() -> None:
    assert one_line(None) == ""


@pytest.mark.parametrize("message", HOSTILE)
def test_title_cannot_leave_its_comment(message: str, project: Project) -> None:
    """psql and PostgreSQL see the same statements, whatever the docstring says."""
    two = Revision("bbbbbbbbbbbb", ONE.id)
    project.lay_out(ONE)
    code = two.text.rpartition('"""')[2]
    project.write(f"migrations/versions/{two.name}.py", f"__doc__ = {message!r}\n{code}")
    text = composed(project)[f"upgrade/{two.name}.sql"]
    header, blank, body = text.partition("\n\n")
    assert all(line.startswith("--") for line in header.split("\n"))
    assert (blank, body.split("\n")[0]) == ("\n\n", "BEGIN;")


# --- the folder ---------------------------------------------------------------------------------


def test_files_are_named_after_the_revision(project: Project) -> None:
    assert set(files(project, *LINE)) == {
        ".gitattributes",
        "README.md",
        "manifest.txt",
        "schema.json",
        *(f"records/{revision.name}.json" for revision in LINE),
        *(f"{direction.value}/{revision.name}.sql" for revision in LINE for direction in Direction),
    }


def test_manifest_has_a_line_a_revision_parents_first(project: Project) -> None:
    lines = files(project, *reversed(LINE))["manifest.txt"].splitlines()
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    assert rows[:3] == [[".gitattributes"], ["README.md"], ["schema.json"]]
    del rows[:3]
    assert [row[:2] for row in rows] == [
        ["aaaaaaaaaaaa", "-"],
        ["bbbbbbbbbbbb", "aaaaaaaaaaaa"],
        ["cccccccccccc", "bbbbbbbbbbbb"],
    ]
    assert all(len(row) == 7 for row in rows)


def test_manifest_changes_with_the_revision_file(project: Project) -> None:
    before = files(project, ONE)["manifest.txt"]
    with project.add(ONE).open("a") as file:
        file.write("# a word\n")
    after = composed(project)["manifest.txt"]
    assert before != after


def test_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read(tmp_path / "sql") == {}


def named(files: dict[str, str]) -> dict[str, str]:
    """Files with the manifest that names them."""
    return files | {"manifest.txt": manifest.to_text((), files)}


OURS = {"README.md": "Ours.\n", "schema.json": "[]\n"}
FRESH = named(OURS | {"a.sql": "SELECT 1;\n", "deep/b.sql": "SELECT 'ä';\n"})


def write(root: Path, files: dict[str, str]) -> list[str]:
    """Write the files into `sql/` below a root; return the names of those that changed."""
    project = settings.Settings(root / "alembic.ini")
    done = replaced(project, files)
    with writing(project) as writer:
        writer.write(done.contents)
    return [change.path for change in done.changes]


def test_written_files_compare_equal(tmp_path: Path) -> None:
    write(tmp_path, FRESH)
    assert compare(tmp_path / "sql", FRESH) == []
    assert read(tmp_path / "sql") == FRESH


def test_stale_missing_orphaned_and_foreign_files_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, named(FRESH | {"c.sql": "SELECT 3;\n", "deep/e.sql": ""}))
    (tmp_path / "sql/f.sql").touch()
    found = compare(
        tmp_path / "sql",
        {
            **OURS,
            "manifest.txt": "",
            "a.sql": "SELECT 2;\n",
            "c.sql": "SELECT 3;\n",
            "d.sql": "",
            "deep/e.sql": "",
        },
    )
    assert [(each.path, each.reason) for each in found] == [
        ("a.sql", "stale"),
        ("d.sql", "missing"),
        ("deep/b.sql", "orphaned"),
        ("f.sql", "foreign"),
        ("manifest.txt", "stale"),
    ]
    assert found[0].diff.splitlines() == [
        "--- committed a.sql", "+++ rendered a.sql", "@@ -1 +1 @@", "-SELECT 1;", "+SELECT 2;",
    ]  # fmt: skip


@pytest.mark.parametrize("old", ["SELECT 1;", "SELECT 1;\n\n", "SELECT 1; \n", "SELECT\r\n1;\n"])
def test_difference_in_white_space_is_stale(old: str, tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(old.encode())
    assert [each.reason for each in compare(tmp_path, {"a.sql": "SELECT 1;\n"})] == ["stale"]


def test_line_ends_of_a_checkout_are_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_bytes(b"BEGIN;\r\nSELECT 1;\r\n")
    assert compare(tmp_path, {"a.sql": "BEGIN;\nSELECT 1;\n"}) == []


def test_line_end_in_a_literal_is_kept(tmp_path: Path) -> None:
    files = named(OURS | {"a.sql": "SELECT 'one\r\ntwo';\n"})
    write(tmp_path, files)
    assert read(tmp_path / "sql") == files


def test_writing_touches_only_what_differs(tmp_path: Path) -> None:
    write(tmp_path, FRESH)
    os.utime(tmp_path / "sql/a.sql", (1, 1))
    assert write(tmp_path, FRESH | {"deep/b.sql": "SELECT 2;\n"}) == ["deep/b.sql"]
    assert (tmp_path / "sql/a.sql").stat().st_mtime == 1


def test_orphans_are_removed(tmp_path: Path) -> None:
    write(tmp_path, FRESH)
    fewer = named(OURS | {"a.sql": FRESH["a.sql"]})
    write(tmp_path, fewer)
    assert read(tmp_path / "sql") == fewer


def test_description_is_short_however_much_differs() -> None:
    stale = [Stale(f"{n}.sql", "stale", "\n".join("+line" for _ in range(30))) for n in range(50)]
    lines = describe(stale).splitlines()
    assert "  and 30 more" in lines
    assert "    ... 1480 more lines" in lines
    assert len(lines) < 50
