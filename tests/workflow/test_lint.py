"""sql-lint: which hazards it reports, in which form, and when it fails."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import ONE, THREE, TWO, Project, Revision

from pybase.core.files import digest
from pybase.core.sealed import read_sealed
from pybase.migrate.record import HAZARDS

INDEXED = Revision(
    "cccccccccccc",
    "aaaaaaaaaaaa",
    'op.create_index("ix_cities_name", "cities", ["name"])',
    'op.drop_index("ix_cities_name", "cities")',
    "Index cities by name.",
)
"""An error on the way up, and one on the way down."""

DROPPED = Revision(
    "bbbbbbbbbbbb",
    "aaaaaaaaaaaa",
    'op.execute("DROP TABLE cities")',
    'raise NotImplementedError("The cities are gone.")',
    "Drop cities.",
)
"""One error."""

SMALL = Revision(
    "bbbbbbbbbbbb",
    "aaaaaaaaaaaa",
    'op.create_table("towns", sa.Column("id", sa.Integer(), primary_key=True))',
    'op.drop_table("towns")',
    "Create towns.",
)
"""One warning."""

HARMLESS = Revision(THREE.id, ONE.id, THREE.upgrade, THREE.downgrade, "Add note to cities.")


def accepting(revision: Revision, accepted: dict[str, str]) -> Revision:
    return Revision(
        revision.id,
        revision.parents,
        revision.upgrade,
        revision.downgrade,
        revision.title,
        accepted,
    )


class Linted:
    """Projects with a fresh `sql/`, and the lint of the last one."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self.project = Project(folder, {"PYBASE_REHEARSAL_URL": server_url})
        self._folder = folder
        self._known: dict[str, Project] = {}

    def of(self, *revisions: Revision) -> "Linted":
        """Turn to the project with these revisions, and write its SQL."""
        key = digest(repr(revisions).encode())
        if key not in self._known:
            project = Project(self._folder / key, self.project.environment)
            project.lay_out(*revisions).write_sql()
            self._known[key] = project
        self.project = self._known[key]
        return self

    def text(self, *options: str, code: int) -> str:
        done = self.project.run("sql-lint", *options)
        assert (done.code, done.err) == (code, ""), done.text
        return done.out

    def findings(self, *options: str, code: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.text("--format", "json", *options, code=code))
        return found

    def codes(self, *options: str, code: int) -> list[str]:
        return [each["code"] for each in self.findings(*options, code=code)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Linted:
    return Linted(tmp_path_factory.mktemp("lint"), server18_url)


@pytest.fixture
def linted(shared: Linted) -> Linted:
    """Projects that no test may change: each is made once."""
    return shared


@pytest.fixture
def own(tmp_path: Path, server18_url: str) -> Linted:
    """Projects that the test may change."""
    return Linted(tmp_path, server18_url)


def line_of(linted: Linted, finding: dict[str, Any]) -> str:
    lines = (linted.project.root / finding["file"]).read_text("utf-8").split("\n")
    return lines[finding["line"] - 1]


# --- as text --------------------------------------------------------------------------------------


def test_clean_sql_is_reported_in_one_line(linted: Linted) -> None:
    out = linted.of(ONE, HARMLESS).text(code=0)
    assert out == "sql/ is fresh and clean: 11 files.\n"


def test_hazard_is_reported_with_its_place_consequence_and_recipe(linted: Linted) -> None:
    assert linted.of(ONE, DROPPED).text(code=1) == (
        f"sql/upgrade/{DROPPED.name}.sql:20: error: "
        "drops-table on cities (upgrade of bbbbbbbbbbbb)\n"
        "  the rows of cities are deleted, and code that still uses it fails.\n"
        f"  hint: {HAZARDS['drops-table'].recipe}\n"
        "\n"
        "Where a hazard is right as it is, write this next to the down_revision of its revision, "
        "with the reason, and leave out the others:\n"
        '  bbbbbbbbbbbb: accepted_hazards = {"drops-table on cities": "..."}\n'
        "\n"
        "1 error, 0 warnings.\n"
    )


def test_both_directions_are_linted(linted: Linted) -> None:
    found = linted.of(ONE, INDEXED).findings(code=1)
    assert [(each["direction"], each["code"]) for each in found] == [
        ("upgrade", "blocking-index-build"),
        ("downgrade", "blocking-index-drop"),
    ]


def test_second_run_reports_the_same_from_the_cache(linted: Linted) -> None:
    linted.of(ONE, INDEXED)
    assert linted.text(code=1) == linted.text(code=1)


def test_table_that_is_named_small_may_be_changed_in_one_statement(own: Linted) -> None:
    filled = Revision(
        TWO.id,
        ONE.id,
        'op.execute("UPDATE cities\\nSET name = upper(name)")',
        'raise NotImplementedError("The old spelling is not stored.")',
    )
    assert own.of(ONE, filled).codes(code=1) == ["unbatched-data-change"]
    with (own.project.root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.pybase]\nsmall_tables = ['cities']\n")
    own.project.write_sql()
    assert own.codes(code=0) == []


# --- levels ---------------------------------------------------------------------------------------


def test_warning_is_reported_and_fails_only_the_strict(linted: Linted) -> None:
    linted.of(ONE, SMALL)
    out = linted.text(code=0)
    assert ": warning: small-key on towns" in out
    assert out.endswith("\n0 errors, 1 warning.\n")
    assert linted.text("--strict", code=1) == out


def test_strict_passes_clean_sql(linted: Linted) -> None:
    linted.of(ONE, HARMLESS).text("--strict", code=0)


# --- acceptances ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["drops-table", "drops-table on cities"])
def test_accepted_hazard_is_counted_and_is_no_error(key: str, linted: Linted) -> None:
    linted.of(ONE, accepting(DROPPED, {key: "no reader since 2026-10"}))
    assert linted.text("--strict", code=0) == (
        "sql/ is fresh and clean: 10 files; 1 hazard accepted.\n"
    )
    (found,) = linted.findings(code=0)
    assert (found["code"], found["accepted"]) == ("drops-table", "no reader since 2026-10")


@pytest.mark.parametrize(
    ("revision", "accepted", "codes"),
    [
        (DROPPED, {"drops-table": " \n"}, ["accepted-without-reason", "drops-table"]),
        (DROPPED, {"drop-table": "no reader"}, ["accepted-unknown-hazard", "drops-table"]),
        (DROPPED, {"drops-table on towns": "no reader"}, ["accepted-for-nothing", "drops-table"]),
        (HARMLESS, {"rewrites-table": "it is small"}, ["accepted-for-nothing"]),
    ],
    ids=["without a reason", "unknown code", "another relation", "nothing needs it"],
)
def test_invalid_acceptance_is_an_error(
    revision: Revision, accepted: dict[str, str], codes: Sequence[str], linted: Linted
) -> None:
    linted.of(ONE, accepting(revision, accepted))
    found = linted.findings(code=1)
    assert sorted(each["code"] for each in found) == sorted(codes)
    assert {each["accepted"] for each in found} == {None}


def test_reason_that_is_changed_makes_the_sql_stale(own: Linted) -> None:
    own.of(ONE, accepting(DROPPED, {"drops-table": "no reader since 2026-10"}))
    own.project.add(accepting(DROPPED, {"drops-table": "moved to another database"}))
    assert "not-fresh" in own.codes(code=1)
    own.project.write_sql()
    own.text(code=0)
    text = (own.project.sql / f"upgrade/{DROPPED.name}.sql").read_text("utf-8")
    assert "(accepted: moved to another database)" in text


# --- stale SQL ------------------------------------------------------------------------------------


def test_stale_missing_and_foreign_files_are_errors(own: Linted) -> None:
    sql = own.of(ONE, HARMLESS).project.sql
    path = sql / f"upgrade/{ONE.name}.sql"
    path.write_text(path.read_text("utf-8").replace("TEXT", "INTEGER"), "utf-8")
    (sql / "manifest.txt").unlink()
    (sql / "notes.txt").write_text("read me", "utf-8")
    found = own.findings(code=1)
    assert {(each["file"], each["code"], each["level"]) for each in found} == {
        (f"sql/{name}", "not-fresh", "error")
        for name in ("manifest.txt", "notes.txt", f"upgrade/{ONE.name}.sql")
    }
    assert {each["fix"] for each in found} == {
        "Run `nox -s sql` and commit what it writes.",
        "Move it elsewhere: `nox -s sql` deletes only what it has written.",
    }


def test_lint_writes_nothing_below_sql(own: Linted) -> None:
    project = own.of(ONE, HARMLESS).project
    (project.sql / "manifest.txt").unlink()
    before = project.files()
    own.text(code=1)
    assert project.files() == before


def test_long_line_that_the_rehearsal_wrote_is_no_finding(
    linted: Linted,
) -> None:
    """An author cannot shorten a comment above a statement, or a constraint of the schema."""
    name = "places_where_more_than_a_hundred_thousand_people_live_today"
    columns = f"name text, CONSTRAINT ck_{name[:58]} CHECK (name <> '')"
    table = Revision(
        ONE.id,
        None,
        f'op.execute("CREATE TABLE {name} (\\n    {columns}\\n)")',
        f'op.drop_table("{name}")',
    )
    column = Revision(
        TWO.id,
        ONE.id,
        f'op.execute("ALTER TABLE {name}\\nDROP COLUMN name")',
        'raise NotImplementedError("What the names were is not stored anywhere else any more.")',
        accepted={"drops-column": "no reader since 2026-10, as the team that owned it confirmed"},
    )
    assert linted.of(table, column).codes(code=0) == ["drops-column"]


# --- since ----------------------------------------------------------------------------------------


def test_since_leaves_out_the_hazards_of_an_adopted_history(linted: Linted) -> None:
    note = Revision(THREE.id, SMALL.id, THREE.upgrade, THREE.downgrade)
    late = Revision("dddddddddddd", THREE.id, "op.drop_column('cities', 'note')", "pass")
    linted.of(ONE, SMALL, note, late)
    assert linted.codes(code=1) == ["small-key", "drops-column", "downgrade-empty"]
    assert linted.codes("--since", SMALL.id, code=1) == ["drops-column", "downgrade-empty"]
    assert linted.codes("--since", "head", code=0) == []


def test_since_lints_the_layout_of_later_revisions_only(own: Linted) -> None:
    sloppy = "op.execute('select 1 as one,2 as two')"
    early = Revision(THREE.id, ONE.id, sloppy, "pass")
    late = Revision("dddddddddddd", THREE.id, sloppy, "pass")
    project = own.of(ONE, early, late).project
    found = own.findings("--since", early.id, code=1)
    assert {each["file"] for each in found} == {f"sql/upgrade/{late.name}.sql"}
    assert {"CP01", "LT01"} <= {each["code"] for each in found}
    assert len({(each["line"], each["message"]) for each in found}) == len(found)
    assert len(own.codes(code=1)) == 2 * len(found)
    project.add(Revision("eeeeeeeeeeee", late.id, sloppy, "pass"))
    project.done("sql")
    assert len(own.findings("--since", late.id, code=1)) == len(found)
    (kept,) = project.root.glob(".pybase/cache/sqlfluff-*.json")
    content = read_sealed(kept)
    assert content is not None
    assert len(json.loads(content)) == 8, "what is known of the others stays known"


def test_since_takes_the_beginning_of_an_id(linted: Linted) -> None:
    assert linted.of(ONE, DROPPED).codes("--since", "aaaa", code=1) == ["drops-table"]


def test_since_keeps_the_revisions_of_another_branch(linted: Linted) -> None:
    other = Revision("dddddddddddd", ONE.id, SMALL.upgrade, SMALL.downgrade)
    linted.of(ONE, HARMLESS, other)
    assert linted.codes("--since", HARMLESS.id, code=0) == ["small-key"]


def test_since_still_refuses_stale_sql_of_later_revisions(own: Linted) -> None:
    project = own.of(ONE, HARMLESS).project
    (project.sql / f"upgrade/{HARMLESS.name}.sql").unlink()
    assert own.codes("--since", ONE.id, code=1) == ["not-fresh"]


def test_since_refuses_an_unknown_revision(linted: Linted) -> None:
    linted.of(ONE)
    message = linted.project.refused("sql-lint", "--since", "123456789abc", code=2)
    assert "error[alembic]: " in message
    assert "123456789abc" in message


# --- for machines ---------------------------------------------------------------------------------

KEYS = [
    "file", "line", "revision", "direction", "relation",
    "code", "level", "message", "fix", "accepted", "key", "statement",
]  # fmt: skip


def test_json_of_clean_sql_is_an_empty_list(linted: Linted) -> None:
    assert linted.of(ONE).findings(code=0) == []


def test_json_has_every_key_in_every_finding(own: Linted) -> None:
    project = own.of(ONE, INDEXED).project
    (project.sql / "manifest.txt").unlink()
    found = own.findings(code=1)
    assert [sorted(each) for each in found] == [sorted(KEYS)] * 3


def test_json_has_what_text_has(linted: Linted) -> None:
    (found,) = linted.of(ONE, DROPPED).findings(code=1)
    assert found == {
        "file": f"sql/upgrade/{DROPPED.name}.sql",
        "line": 20,
        "revision": "bbbbbbbbbbbb",
        "direction": "upgrade",
        "relation": "cities",
        "code": "drops-table",
        "level": "error",
        "message": "the rows of cities are deleted, and code that still uses it fails.",
        "fix": HAZARDS["drops-table"].recipe,
        "accepted": None,
        "key": "drops-table on cities",
        "statement": "DROP TABLE cities",
    }


@pytest.mark.parametrize("revision", [DROPPED, INDEXED, SMALL], ids=lambda each: each.title)
def test_line_is_that_of_the_comment_above_the_statement(
    revision: Revision, linted: Linted
) -> None:
    for found in linted.of(ONE, revision).findings(code=int(revision is not SMALL)):
        assert line_of(linted, found).startswith(f"-- {found['code']}: ")


def test_hazard_of_a_whole_revision_points_at_its_header(linted: Linted) -> None:
    empty = Revision(TWO.id, ONE.id, THREE.upgrade, "pass")
    (found,) = linted.of(ONE, empty).findings(code=1)
    assert (found["direction"], found["statement"]) == ("downgrade", "")
    assert line_of(linted, found) == "-- hazards   downgrade-empty"


def test_github_annotates_the_line_of_the_file(linted: Linted) -> None:
    linted.of(ONE, DROPPED)
    assert linted.text("--format", "github", code=1) == (
        f"::error file=sql/upgrade/{DROPPED.name}.sql,line=20,"
        "title=drops-table on cities (upgrade of bbbbbbbbbbbb)"
        "::the rows of cities are deleted, and code that still uses it fails."
        f"%0A{HAZARDS['drops-table'].recipe}\n"
    )


def test_github_shows_an_accepted_hazard_as_a_notice(linted: Linted) -> None:
    reason = "100% sure, see a:b\n::error::forged"
    linted.of(ONE, accepting(DROPPED, {"drops-table": reason}))
    (line,) = linted.text("--format", "github", code=0).splitlines()
    assert line.startswith("::notice file=")
    assert line.endswith("accepted: 100%25 sure, see a:b%0A::error::forged")


def test_github_prints_nothing_for_clean_sql(linted: Linted) -> None:
    assert linted.of(ONE).text("--format", "github", code=0).strip() == ""


def sarif(linted: Linted, code: int) -> dict[str, Any]:
    log = json.loads(linted.text("--format", "sarif", code=code))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run: dict[str, Any] = log["runs"][0]
    return run


def test_sarif_has_a_rule_and_a_result_for_each_hazard(linted: Linted) -> None:
    run = sarif(linted.of(ONE, DROPPED), code=1)
    assert run["tool"]["driver"]["name"] == "pybase sql-lint"
    (rule,) = run["tool"]["driver"]["rules"]
    assert (rule["id"], rule["defaultConfiguration"]["level"]) == ("drops-table", "error")
    assert rule["help"]["text"] == HAZARDS["drops-table"].recipe
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("drops-table", "error")
    assert "the rows of cities are deleted" in result["message"]["text"]
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": f"sql/upgrade/{DROPPED.name}.sql"},
        "region": {"startLine": 20},
    }
    assert "suppressions" not in result
    assert re.fullmatch("[0-9a-f]{16}", result["partialFingerprints"]["primaryLocationLineHash"])


def test_sarif_suppresses_an_accepted_hazard(linted: Linted) -> None:
    linted.of(ONE, accepting(DROPPED, {"drops-table": "no reader since 2026-10"}))
    (result,) = sarif(linted, code=0)["results"]
    assert result["suppressions"] == [
        {"kind": "inSource", "justification": "no reader since 2026-10"}
    ]


def test_sarif_of_clean_sql_has_no_results(linted: Linted) -> None:
    run = sarif(linted.of(ONE), code=0)
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


def test_sarif_takes_only_the_levels_of_its_standard(own: Linted) -> None:
    project = own.of(ONE, SMALL).project
    (project.sql / "manifest.txt").unlink()
    results = sarif(own, code=1)["results"]
    assert {each["level"] for each in results} == {"error", "warning"}


def test_gitlab_takes_each_finding_as_code_quality(own: Linted) -> None:
    last = Revision(THREE.id, SMALL.id, DROPPED.upgrade, DROPPED.downgrade)
    project = own.of(ONE, SMALL, accepting(last, {"drops-table": "it has no reader"})).project
    (project.sql / "manifest.txt").unlink()
    found = json.loads(own.text("--format", "gitlab", code=1))
    assert {each["severity"] for each in found} == {"major", "minor", "info"}
    assert len({each["fingerprint"] for each in found}) == len(found)
    assert all(each["description"].startswith(each["check_name"]) for each in found)
    assert {"path": "sql/manifest.txt", "lines": {"begin": 1}} in [e["location"] for e in found]


def test_unknown_format_is_misuse(linted: Linted) -> None:
    message = linted.of(ONE).project.refused("sql-lint", "--format", "xml", code=2)
    assert "sarif" in message
