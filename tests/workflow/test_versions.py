"""A history rehearsed on PostgreSQL 16 and 18 at once, and servers of another version."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from projects import LINE, Project, Revision

from pybase.core import settings
from pybase.migrate import sqlfiles
from pybase.migrate.record import Direction, Record
from pybase.postgres import kept_cluster, scratch_database

UP, DOWN = Direction.UPGRADE, Direction.DOWNGRADE
_OLD = "current_setting('server_version_num')::int < 170000"


def revision(id_: str, parent: str | None, upgrade: str, downgrade: str) -> Revision:
    return Revision(id_, parent, f'op.execute("""{upgrade}""")', f'op.execute("""{downgrade}""")')


CREATE = revision(
    "aaaaaaaaaaaa",
    None,
    "CREATE TABLE cities (id bigint CONSTRAINT pk PRIMARY KEY, n integer, m integer)",
    "DROP TABLE cities",
)
REWRITE = revision(
    "bbbbbbbbbbbb",
    CREATE.id,
    f"DO $$ BEGIN IF {_OLD} THEN ALTER TABLE cities ALTER n TYPE bigint; END IF; END $$",
    "ALTER TABLE cities ALTER n TYPE integer",
)
VIRTUAL = Revision(
    "cccccccccccc",
    REWRITE.id,
    "op.add_column('cities', sa.Column("
    "'v', sa.BigInteger(), sa.Computed('id * 2', persisted=False)))",
    "op.drop_column('cities', 'v')",
)
BEHIND = revision(
    "dddddddddddd",
    VIRTUAL.id,
    "COMMENT ON COLUMN cities.v IS 'twice the id'",
    "COMMENT ON COLUMN cities.v IS NULL",
)
COMPUTED = Revision(
    "eeeeeeeeeeee",
    BEHIND.id,
    "op.add_column('cities', sa.Column('twice', sa.Integer(), sa.Computed('m * 2')))",
    "op.drop_column('cities', 'twice')",
)
SAME = revision(
    "ffffffffffff",
    COMPUTED.id,
    "ALTER TABLE cities ADD COLUMN note text",
    "ALTER TABLE cities DROP COLUMN note",
)
HISTORY = (CREATE, REWRITE, VIRTUAL, BEHIND, COMPUTED, SAME)


@dataclass(frozen=True)
class Versions:
    """The history rehearsed on both versions, then on 18 alone, in one checkout."""

    both: dict[str, Record]
    headers: dict[str, str]
    lint: list[dict[str, Any]]
    only: dict[str, Record]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    project = Project(tmp_path_factory.mktemp("versions")).lay_out(*HISTORY)
    project.done("sql")
    both = _records(project)
    headers = {
        revision.id: (project.sql / f"upgrade/{revision.name}.sql").read_text("utf-8")
        for revision in HISTORY
    }
    linted = project.run("sql-lint", "--format", "json")
    assert linted.code in (0, 1), linted.text
    lint = json.loads(linted.out)
    project.on(18).done("sql")
    return Versions(both, headers, lint, _records(project))


def _records(project: Project) -> dict[str, Record]:
    committed = sqlfiles.load(settings.load(project.root / "alembic.ini"))
    assert committed is not None
    return {record.revision.id: record for record in committed.records(*Direction)}


# revision, direction, the hazards by code with the versions where they were found
FOUND: list[tuple[Revision, Direction, dict[str, tuple[int, ...]]]] = [
    (CREATE, UP, {}),
    (REWRITE, UP, {"depends-on-database": (), "rewrites-table": (16,)}),
    (REWRITE, DOWN, {"rewrites-table": (16,)}),
    (VIRTUAL, UP, {"rehearsal-failed": (16,)}),
    (BEHIND, UP, {}),
    (COMPUTED, UP, {"rewrites-table": ()}),
    (SAME, UP, {}),
]


@pytest.mark.parametrize(
    ("revision", "direction", "hazards"), FOUND, ids=lambda value: getattr(value, "id", None)
)
def test_worst_version_counts(
    revision: Revision,
    direction: Direction,
    hazards: dict[str, tuple[int, ...]],
    versions: Versions,
) -> None:
    record = versions.both[revision.id]
    findings = record.effects(direction).findings
    assert {finding.code: finding.versions for finding in findings} == hazards
    assert record.report.versions == (16, 18)


# revision, lines of the header of its upgrade
SHOWN: list[tuple[Revision, list[str]]] = [
    (CREATE, []),
    (REWRITE, ["on 16     cities: rewritten", "on 18     cities: no lock against writers"]),
    (VIRTUAL, ['on 16     fails: syntax error at or near "VIRTUAL"']),
    (BEHIND, ["on 16     not rehearsed"]),
    (COMPUTED, []),
    (SAME, []),
]


@pytest.mark.parametrize(("revision", "lines"), SHOWN, ids=lambda value: getattr(value, "id", None))
def test_header_shows_where_versions_differ(
    revision: Revision, lines: list[str], versions: Versions
) -> None:
    header = versions.headers[revision.id].partition("\n\n")[0].splitlines()
    shown = [line.removeprefix("-- ") for line in header]
    start = next((i for i, line in enumerate(shown) if line.startswith("on ")), len(shown))
    assert shown[start : start + len(lines)] == lines
    assert len([line for line in shown if line.startswith("on ")]) == len(lines)


def test_record_holds_the_effects_of_each_version_where_they_differ(versions: Versions) -> None:
    rewrite = versions.both[REWRITE.id].report
    rewritten = {
        each.version: [table.is_rewritten for table in each.effects.upgrade.tables]
        for each in rewrite.by_version
    }
    assert rewritten == {16: [True], 18: []}
    assert [table.is_rewritten for table in rewrite.effects.upgrade.tables] == [True]
    assert versions.both[SAME.id].report.by_version == ()


def test_lint_names_the_version(versions: Versions) -> None:
    problems = [found for found in versions.lint if found["code"] == "rehearsal-failed"]
    assert [problem["message"].startswith("on PostgreSQL 16: ") for problem in problems] == [True]


def test_change_of_the_setting_rehearses_on_that_version(versions: Versions) -> None:
    reports = [record.report for record in versions.only.values()]
    assert {report.versions for report in reports} == {(18,)}
    codes = {
        f.code for report in reports for _, effects in report.effects for f in effects.findings
    }
    assert "rehearsal-failed" not in codes


def test_sql_is_that_for_the_oldest_version(versions: Versions) -> None:
    both, only = (v[COMPUTED.id].scripts.upgrade.texts[0] for v in (versions.both, versions.only))
    assert ("STORED" in both, "STORED" in only) == (True, False)


@pytest.mark.parametrize(("created_by", "major"), [("18", 18), ("16", 16), ("17", 16), (None, 16)])
def test_server_of_a_checkout_has_the_version_of_its_data(
    created_by: str | None, major: int, tmp_path: Path
) -> None:
    """Whatever the settings are now: here only 16 is configured."""
    if created_by:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/PG_VERSION").write_text(f"{created_by}\n")
    found = kept_cluster(tmp_path, tmp_path, 16).major
    shutil.rmtree(tmp_path / "data", ignore_errors=True)  # or the run has left a server behind
    assert found == major


@pytest.mark.parametrize(
    ("arguments", "applied"), [(("pending",), False), (("migrate",), True), (("pending",), True)]
)
def test_server_of_another_version_is_named(
    arguments: tuple[str, ...], applied: bool, project: Project, server16_url: str
) -> None:
    project.lay_out(*LINE).write_sql()
    with scratch_database(server16_url) as url:
        if arguments == ("pending",) and applied:
            project.done("migrate", DATABASE_URL=url)
        result = project.run(*arguments, DATABASE_URL=url)
        with psycopg.connect(url) as connection:
            table = connection.execute("SELECT to_regclass('cities')").fetchone()
    assert result.code == 0
    assert (table != (None,)) == applied
    is_done = arguments == ("pending",) and applied
    named = f"PostgreSQL 16, and revisions {', '.join(r.id for r in LINE)} were rehearsed on 18"
    assert (named in result.err) == (not is_done)
