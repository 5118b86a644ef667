"""review: the page and the comment of a branch, in which text that people wrote stays text."""

import os
import re
import shutil
from collections.abc import Collection
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from projects import FORK, LINE, NO_MODELS, ONE, THREE, TWO, Git, Project, Revision, commit

from pybase.core.files import digest
from pybase.migrate import record
from pybase.migrate.catalog import Entity, EntityColumn
from pybase.migrate.record import Directions, Effects, FileChange, RevisionReport, TableEffect
from pybase.migrate.review import Review, as_markdown
from pybase.migrate.review import _markdown as markdown
from pybase.migrate.review._diagram import draw_diagram
from pybase.migrate.review._live_state import LiveState
from pybase.migrate.review._revision_summary import RevisionSummary
from pybase.migrate.review._severity import names, severity
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sqlfiles.markdown import code

GOLDEN = Path(__file__).parent / "golden"

HARMLESS = (
    THREE,
    Revision(
        "eeeeeeeeeeee",
        THREE.id,
        "with op.get_context().autocommit_block():\n"
        "    op.create_index('ix_cities_note', 'cities', ['note'], postgresql_concurrently=True)",
        "with op.get_context().autocommit_block():\n"
        "    op.drop_index('ix_cities_note', postgresql_concurrently=True)",
        "Index the notes.\n\nThe list of cities is sorted by them.",
    ),
)
HAZARDOUS = (
    THREE,
    Revision(
        "eeeeeeeeeeee",
        THREE.id,
        "op.create_index('ix_cities_note', 'cities', ['note'])",
        "op.drop_index('ix_cities_note')",
        "Index the notes.",
    ),
    Revision(
        "ffffffffffff",
        "eeeeeeeeeeee",
        "op.drop_column('cities', 'note')",
        "op.add_column('cities', sa.Column('note', sa.Text()))",
        "Drop the note.",
        {"drops-column": "unused since 2026-10"},
    ),
)
FORTY = tuple(
    Revision(
        f"{number:012x}",
        TWO.id if number == 1 else f"{number - 1:012x}",
        f"op.add_column('cities', sa.Column('note_{number}', sa.Text()))",
        f"op.drop_column('cities', 'note_{number}')",
        f"Add note {number} to cities.",
    )
    for number in range(1, 41)
)
BRANCHES = {"harmless": HARMLESS, "hazardous": HAZARDOUS, "forty": FORTY}


@pytest.fixture
def branch(project: Project, git: Git) -> Project:
    """Two revisions on the branch main, and another branch from there."""
    project.lay_out(ONE, TWO).write_sql()
    project.write(".gitignore", ".pybase/\n__pycache__/\n")
    commit(git)
    git("switch", "-q", "-c", "work")
    return project


def added(project: Project, *revisions: Revision) -> Project:
    for revision in revisions:
        project.add(revision)
    project.write_sql()
    return project


def page(project: Project, *arguments: str) -> str:
    project.done("review", *arguments)
    return (project.root / ".pybase" / "review.html").read_text("utf-8")


def comment(project: Project, *arguments: str) -> str:
    return project.done("review", "--format", "markdown", *arguments)


def ids(text: str) -> list[str]:
    return re.findall(r'<details class="revision" id="(\w+)"', text)


# --- what is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BRANCHES)
def test_comment_of_a_branch_is_as_it_was_reviewed(name: str, branch: Project) -> None:
    text = comment(added(branch, *BRANCHES[name]))
    golden = GOLDEN / f"{name}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8"), "read the difference, then write UPDATE_GOLDEN=1"
    assert len(text) < markdown.MOST_CHARACTERS


def test_branch_shows_what_the_main_branch_does_not_have(branch: Project) -> None:
    added(branch, *HARMLESS)
    assert ids(page(branch)) == [revision.id for revision in HARMLESS]


def test_main_branch_shows_the_complete_history(branch: Project) -> None:
    assert ids(page(branch)) == [ONE.id, TWO.id]
    assert "nothing is missing in the branch main" in page(branch)


def test_range_leaves_out_its_start(branch: Project) -> None:
    added(branch, *HARMLESS)
    assert ids(page(branch, f"{ONE.id}:{THREE.id[:6]}")) == [TWO.id, THREE.id]
    assert ids(page(branch, "base:head"))[0] == ONE.id


def test_page_needs_no_fresh_sql_and_writes_none(branch: Project) -> None:
    branch.add(THREE)
    before = branch.files()
    assert ids(page(branch)) == [THREE.id]
    assert branch.files() == before


def test_page_without_git_shows_all(project: Project) -> None:
    project.lay_out(*LINE).write_sql()
    assert ids(page(project)) == [revision.id for revision in LINE]


def test_empty_history_has_a_page(project: Project) -> None:
    project.lay_out(models=NO_MODELS).write_sql()
    assert "No revision." in page(project)
    assert comment(project).startswith("**No revision")


def test_applied_and_pending_revisions_are_marked_with_sizes(branch: Project) -> None:
    branch.done("migrate")
    text = page(added(branch, THREE))
    assert "2 of 3 applied" in text
    assert "1 row, " in text
    assert 'class="tag">pending<' in text
    assert 'class="tag">applied<' in page(branch, "base:head")
    text = comment(branch)
    assert "1 of these are pending" in text
    assert re.search(r"\| lock \| effect \| size \|\n.*\n.* \| 1 row, \d+ kB \|\n", text)


def test_unreachable_server_is_reported_and_no_error(branch: Project, free_port: int) -> None:
    url = f"postgresql://postgres:secret@127.0.0.1:{free_port}/nowhere"
    branch.done("review", DATABASE_URL=url)
    text = (branch.root / ".pybase" / "review.html").read_text("utf-8")
    assert "No database answers" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://u:secret@h/db", "no known driver of PostgreSQL"),
        ("secret", "DATABASE_URL is not a URL"),
    ],
)
def test_malformed_url_is_reported_and_no_error(url: str, problem: str, branch: Project) -> None:
    branch.done("review", DATABASE_URL=url)
    text = (branch.root / ".pybase" / "review.html").read_text("utf-8")
    assert problem in text
    assert "secret" not in text


def test_database_that_is_ahead_is_not_shown_as_empty(branch: Project) -> None:
    added(branch, THREE).done("migrate")
    (branch.versions / f"{THREE.name}.py").unlink()
    branch.write_sql()
    problem = f"The database is at revision {THREE.id}, which this checkout does not have."
    text = page(branch)
    assert problem in text and problem in comment(branch)
    assert not re.search(r"\d applied|>pending<|>applied<|node \w+ applied", text)


def test_schema_difference_is_shown_by_table(branch: Project) -> None:
    text = page(added(branch, THREE))
    assert "<ins>+    note text,</ins>" in text or "<ins>+    note text</ins>" in text


def test_paths_are_relative_below_a_root_that_is_a_link(
    branch: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(branch.root)
    text = comment(Project(link, branch.environment), "-c", str(link / "alembic.ini"))
    assert f"`{ONE.id}` in `migrations/versions/" in text


def test_output_names_the_file(branch: Project, tmp_path: Path) -> None:
    branch.done("review", "--output", "out/page.html")
    branch.done("review", "--format", "markdown", "--output", "out/comment.md")
    assert (branch.root / "out/page.html").read_text("utf-8").lstrip().startswith("<!doctype html>")
    assert (branch.root / "out/comment.md").read_text("utf-8").startswith("**2 revisions: ")


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rev_range", "error"),
    [
        ("head", "[range-without-colon]"),
        ("nowhere:head", "'nowhere'"),
        ("base:nowhere", "'nowhere'"),
        ("head:base", "along the same branch"),
        (f"{TWO.id}:{ONE.id}", "along the same branch"),
        ("head:head", "[empty-range]: No revision is in the range 'head:head'"),
    ],
)
def test_invalid_range_is_refused(rev_range: str, error: str, branch: Project) -> None:
    assert error in branch.refused("review", rev_range, code=2)
    assert not (branch.root / ".pybase" / "review.html").exists()


def test_range_from_one_head_to_another_is_refused(branch: Project) -> None:
    added(branch, THREE, FORK)
    error = branch.refused("review", f"{THREE.id}:{FORK.id}", code=2)
    assert "along the same branch" in error


def test_folder_as_output_is_refused(branch: Project) -> None:
    (branch.root / "out").mkdir()
    assert "[unwritable-file]" in branch.refused("review", "--output", "out", code=2)
    assert list((branch.root / "out").iterdir()) == []


# --- what people wrote is text --------------------------------------------------------------------

EVIL = "</title></script><script>alert(1)</script><img src=x onerror=alert(2)>`|@octocat [a](b)"
HOSTILE = Revision(
    "eeeeeeeeeeee",
    TWO.id,
    f"op.create_table('t<script>|`x@octocat', sa.Column('c\"<b>', sa.Text(),"
    f" server_default={EVIL!r}, comment={EVIL!r}))\n"
    f"op.drop_table('cities')",
    f"op.drop_table('t<script>|`x@octocat')\n{ONE.upgrade}",
    f"{EVIL}\n\n# Heading\n\n### Another\n\n- item",
    {"drops-table": EVIL},
)


class Tags(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def test_page_holds_no_element_that_people_wrote(branch: Project) -> None:
    tags = Tags()
    tags.feed(page(added(branch, HOSTILE)))
    names = [tag for tag, _ in tags.elements]
    assert names.count("script") == 1
    assert not {"img", "b", "iframe", "link"} & set(names)
    assert not [name for _, values in tags.elements for name in values if name.startswith("on")]
    assert not [values for _, values in tags.elements if "src" in values]
    assert all(v["href"].startswith("#") for _, v in tags.elements if v.get("href"))  # type: ignore[union-attr]


def test_page_lets_only_its_own_script_and_style_run(branch: Project) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(branch))
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]


def outside_of_code(text: str) -> str:
    """A comment without its fenced blocks and its code in a line."""
    fenced = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    fenced = re.sub(r"<code>[^<>`@]*</code>", "", fenced)
    return re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", fenced)


def test_comment_holds_no_markup_that_people_wrote(branch: Project) -> None:
    outside = outside_of_code(comment(added(branch, HOSTILE)))
    tags = re.findall(r"(?<!\\)<[^>]*>", outside)
    assert set(tags) <= {"<details>", "</details>", "<summary>", "</summary>"}
    assert "@octocat" not in outside
    headings = re.findall(r"^#+.*", outside, re.MULTILINE)
    assert headings == [outside_of_code(f"### {markdown.text(EVIL)}")]
    assert not re.search(r"^(- |\d+[.)] )", outside, re.MULTILINE)
    assert not re.search(r"(?<!\\)\]\(", outside)


def test_fence_is_longer_than_any_in_the_sql() -> None:
    assert markdown._fenced("a\n````\nb", "sql").startswith("`````sql\n")


@pytest.mark.parametrize("written", ["a|b", "`", "a``b`", "x\ny", "\x1b[31m"])
def test_code_stays_in_its_cell(written: str) -> None:
    row = markdown._table(("code",), [(code(written),)]).splitlines()[-1]
    assert "\x1b" not in row
    assert row.count("|") == 2


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("add_note to a.b", "add_note to a.b"),
        ("_all_ *of* `it`", "_all_ *of* `it`"),
        ("- x", "- x"),
        ("1. x", "1. x"),
        ("2 x", "2 x"),
        ("# x\n## y", "# x ## y"),
        ("x #", "x #"),
        ("a|b", "a|b"),
        ("&lt;b&gt;<b>", "&lt;b&gt;<b>"),
        ("@all", "@\N{ZERO WIDTH SPACE}all"),
    ],
)
@pytest.mark.parametrize("place", ["{}", "### {}", "**{}**", "> {}"])
def test_text_that_people_wrote_is_shown_as_it_is(place: str, written: str, shown: str) -> None:
    html = MarkdownIt("commonmark").render(place.format(markdown.text(written)))
    assert unescape(re.sub(r"</?(p|h3|strong|blockquote)>", "", html)).strip() == shown


@pytest.mark.parametrize("written", ["@all", "x@all", "@@all", "(@all)"])
def test_no_mention_is_left_when_references_are_decoded(written: str) -> None:
    assert "@all" not in unescape(markdown.text(written))


# --- room -----------------------------------------------------------------------------------------


def test_long_sql_is_cut_with_a_pointer_and_the_rest_stays(branch: Project) -> None:
    values = ", ".join(f"('city {number}')" for number in range(6000))
    big = Revision(
        "eeeeeeeeeeee", TWO.id, f"op.execute({f'INSERT INTO cities (name) VALUES {values}'!r})",
        "op.execute(\"DELETE FROM cities WHERE name LIKE 'city %'\")", "Found many.",
    )  # fmt: skip
    last = Revision("ffffffffffff", big.id, title="Do nothing.")
    text = comment(added(branch, big, last))
    assert len(text) < markdown.MOST_CHARACTERS
    assert "too long for here; see `upgrade/20260101_0000_eeeeeeeeeeee_change.sql`" in text
    assert "DELETE FROM cities" in text
    assert "### Do nothing" in text


def test_thousands_of_revisions_leave_room_for_the_verdict() -> None:
    parts = [
        [markdown.Part("**verdict**\n")],
        *([markdown.Part("x" * 999 + "\n")] for _ in range(99)),
    ]
    text = markdown._fitted(parts)
    assert len(text) < markdown.MOST_CHARACTERS
    assert text.startswith("**verdict**")
    assert re.search(r"\n\d+ revisions more: ", text)


def summary(
    number: int = 0,
    title: str = "Do it",
    description: str = "",
    effects: Effects = Effects(is_rehearsed=True),  # noqa: B008 - frozen
    schema: tuple[FileChange, ...] = (),
) -> RevisionSummary:
    name = f"{number:012x}"
    revision = record.Revision(name, (), title, f"versions/{number}.py", description)
    report = RevisionReport(Directions(effects, effects), schema=schema)
    scripts = Directions(record.Script(), record.Script())
    return RevisionSummary(
        record.Record(revision, record.VersionTable(), scripts, report), str(number)
    )


def rendered(*shown: RevisionSummary, files: Collection[str] = ()) -> str:
    records = tuple(each.record for each in shown)
    return as_markdown(Review("These", shown, records, files, (), LiveState()))


def test_long_titles_are_cut() -> None:
    text = rendered(*(summary(number, "*" * 1500) for number in range(60)))
    assert len(text) < markdown.MOST_CHARACTERS
    assert "revisions more" not in text
    assert text.count("\n### ") == 60


def test_what_fits_is_not_left_out() -> None:
    parts = [[markdown.Part("x" * 29_975)], [markdown.Part("y" * 29_975)]]
    assert markdown._fitted(parts) == "x" * 29_975 + "y" * 29_975


def test_long_description_and_schema_are_cut_with_a_pointer() -> None:
    changes = tuple(FileChange(name, (), "+\n" * 40_000) for name in ("t", '"T"'))
    text = rendered(
        summary(description="word " * 13_000, schema=changes),
        files=("schema/t.sql", "schema/t-1.sql"),
    )
    assert "Description: 1 line, too long for here; see `versions/0.py`." in text
    assert "Schema of t: 40,001 lines, too long for here; see `schema/t.sql` in the folder" in text
    assert 'Schema of "T": 40,001 lines, too long for here; see `schema/` in the folder' in text


def test_tables_without_sample_rows_are_named() -> None:
    tables = (QualifiedName("a", "b"), QualifiedName("public", "c"))
    text = rendered(summary(effects=Effects(unfilled=tables, is_rehearsed=True)))
    assert "No sample rows could be made for `a.b`, `c`: effects on rows are unknown." in text


# --- words and drawings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lock", "effects", "words"),
    [
        ("ROW EXCLUSIVE", {"is_changed"}, "no session waits"),
        ("SHARE UPDATE EXCLUSIVE", {"is_scanned"}, "no session waits"),
        ("SHARE", {"is_scanned"}, "writers wait for a scan"),
        ("SHARE ROW EXCLUSIVE", set(), "writers wait for a moment"),
        ("ACCESS EXCLUSIVE", set(), "readers and writers wait for a moment"),
        (
            "ACCESS EXCLUSIVE",
            {"is_rewritten", "is_scanned"},
            "readers and writers wait for a rewrite",
        ),
    ],
)
def test_lock_is_worded_by_who_waits_and_for_how_long(
    lock: str, effects: set[str], words: str
) -> None:
    effect = TableEffect(QualifiedName("public", "t"), lock, **dict.fromkeys(effects, True))
    assert severity(effect).words == words


def test_headline_has_the_worst_effect_and_counts_the_rest(project: Project) -> None:
    towns = "op.create_table('towns', sa.Column('name', sa.Text()))"
    both = (
        "op.execute('ALTER TABLE cities ALTER name TYPE integer USING length(name)')\n"
        "op.add_column('towns', sa.Column('note', sa.Text()))"
    )
    project.lay_out(
        ONE,
        Revision(TWO.id, ONE.id, towns, "op.drop_table('towns')"),
        Revision(THREE.id, TWO.id, both, "raise NotImplementedError('The text is lost.')"),
    ).done("sql")
    headline = comment(project, f"{TWO.id}:head").splitlines()[0]
    effect = "blocks reads and writes of cities for a rewrite, and 1 table for less"
    assert headline.startswith(f"**1 revision: {effect}")


def test_revision_that_was_not_rehearsed_does_not_look_harmless(branch: Project) -> None:
    branch.add(Revision("eeeeeeeeeeee", TWO.id, "raise RuntimeError('boom')"))
    text = page(branch)
    assert "blocks nothing" not in text
    assert 'class="tag s2">not rehearsed<' in text
    assert re.findall(r'class="node (s\d)"', text)[-1] == "s2"
    assert "Not rehearsed: cannot be rendered." in comment(branch)
    assert "| not rehearsed |" in comment(branch, "base:head")


def test_irreversible_revision_without_sql_is_harmless(branch: Project) -> None:
    irreversible = Revision(
        "eeeeeeeeeeee", TWO.id, "pass", "raise NotImplementedError('The text is lost.')"
    )
    text = comment(added(branch, irreversible, Revision("ffffffffffff", irreversible.id)))
    assert text.startswith("**2 revisions: blocks nothing")
    assert text.count("| no session waits |") == 2
    assert "Downgrade: cannot be undone; not rehearsed" in text


def test_many_names_are_counted() -> None:
    assert names([]) == ""
    assert names(["a"]) == "a"
    assert names(["a", "b"]) == "a and b"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_branches_are_drawn_in_lanes_and_meet_in_a_merge(project: Project) -> None:
    left = Revision("eeeeeeeeeeee", TWO.id)
    right = Revision("ffffffffffff", TWO.id)
    merge = Revision("abababababab", (left.id, right.id))
    project.lay_out(ONE, TWO, left, right, merge).write_sql()
    text = page(project, "base:heads")
    places = re.findall(r'<circle class="[^"]*" cx="([\d.]+)" cy="([\d.]+)"', text)
    lane = dict(zip(ids(text), (float(x) for x, _ in places), strict=True))
    assert lane[left.id] != lane[right.id]
    assert lane[ONE.id] == lane[TWO.id]
    assert len({y for _, y in places}) == 5
    assert len(re.findall(r'<path d="M', text)) == 5


def test_changed_column_is_marked_by_its_quoted_name() -> None:
    columns = tuple(
        EntityColumn(name, "time with time zone", True, "", "") for name in ('a"b', "c")
    )
    entity = Entity("public.t", "public", "t" * 37, "", columns, (), (), ())
    box = draw_diagram([entity], {"t": {'"a""b"'}}).boxes[0]
    assert [row.is_changed for row in box.rows] == [True, False]
    assert box.rows[0].type == "timetz"


def test_long_name_of_a_table_is_drawn_as_it_was_measured(branch: Project) -> None:
    added(branch, Revision(THREE.id, TWO.id, f"op.create_table('{'t' * 37}')"))
    assert f">{'t' * 33}…</text>" in page(branch)


def test_parents_outside_of_the_range_are_drawn_but_not_shown(branch: Project) -> None:
    text = page(added(branch, THREE))
    assert f'href="#{THREE.id}"' in text
    assert f'href="#{TWO.id}"' not in text
    assert "Found Troy" in text


def test_revision_whose_id_has_a_blank_is_shown_with_a_database(branch: Project) -> None:
    text = page(added(branch, Revision("ff 100%", TWO.id)))
    assert '<details class="revision" id="ff 100%"' in text
    assert 'href="#ff%20100%25"' in text


# --- records --------------------------------------------------------------------------------------


def test_page_from_records_is_the_page_from_a_rehearsal(branch: Project) -> None:
    added(branch, *HAZARDOUS)
    from_records = page(branch, "base:head")
    shutil.rmtree(branch.sql)
    assert page(branch, "base:head") == from_records


def test_comments_of_the_sql_files_are_not_read(branch: Project) -> None:
    before = comment(added(branch, *HAZARDOUS))
    manifest = branch.sql / "manifest.txt"
    for path in branch.sql.glob("*grade/*.sql"):
        text = path.read_text("utf-8")
        blanked = re.sub(r"^--.*$", "-- loses: everything", text, flags=re.MULTILINE)
        path.write_text(blanked, "utf-8")
        digests = [digest(content.encode()) for content in (text, blanked)]
        manifest.write_text(manifest.read_text("utf-8").replace(*digests), "utf-8")
    assert comment(branch) == before


def test_edited_sql_is_not_shown(branch: Project) -> None:
    before = comment(added(branch, THREE))
    path = branch.sql / "upgrade" / f"{THREE.name}.sql"
    path.write_text(path.read_text("utf-8").replace("note TEXT", "note INTEGER"), "utf-8")
    assert comment(branch) == before


@pytest.mark.parametrize("output_format", ["html", "markdown"])
def test_fresh_sql_is_shown_without_alembic(output_format: str, branch: Project) -> None:
    added(branch, *HARMLESS)
    code = f"""
import sys
from pybase.cli import main
assert main(["review", "--format", "{output_format}"]) == 0
assert not {{"alembic", "sqlalchemy", "pglast", "sqlfluff"}} & set(sys.modules)
"""
    result = branch.python("-c", code)
    assert result.code == 0, result.text
