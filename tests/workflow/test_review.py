"""review: what a branch does, as a page and as a comment, and nothing that people wrote runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from projects import FORK, LINE, NO_MODELS, ONE, THREE, TWO, Git, Project, Revision, commit

from pybase.migrate.catalog import Entity, EntityColumn, FileChange
from pybase.migrate.rehearsal._effects import Report, Touch
from pybase.migrate.review import _diagram as diagram
from pybase.migrate.review import _markdown as markdown
from pybase.migrate.review._live_state import Now
from pybase.migrate.review._review import Review
from pybase.migrate.review._revision_summary import Card, Way
from pybase.migrate.review._severity import names, wait

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
        {"drops-column": "nobody reads it since 2026-10"},
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
    """Two revisions on the branch main, and another branch beside it."""
    project.lay_out(ONE, TWO).done("sql")
    project.write(".gitignore", ".pybase/\n__pycache__/\n")
    commit(git)
    git("switch", "-q", "-c", "work")
    return project


def added(project: Project, *revisions: Revision) -> Project:
    for revision in revisions:
        project.add(revision)
    project.done("sql")
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
    found = comment(added(branch, *BRANCHES[name]))
    golden = GOLDEN / f"{name}.md"
    (branch.root / golden.name).write_text(found, "utf-8")
    assert found == golden.read_text("utf-8"), (
        f"mend it, or: cp {branch.root / golden.name} {golden}"
    )
    assert len(found) < markdown.MOST_CHARACTERS


def test_branch_shows_what_the_main_branch_does_not_have(branch: Project) -> None:
    added(branch, *HARMLESS)
    assert ids(page(branch)) == [each.id for each in HARMLESS]


def test_main_branch_shows_the_whole_history(branch: Project) -> None:
    assert ids(page(branch)) == [ONE.id, TWO.id]
    assert "nothing is new beside the branch main" in page(branch)


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
    project.lay_out(*LINE).done("sql")
    assert ids(page(project)) == [each.id for each in LINE]


def test_empty_history_has_a_page(project: Project) -> None:
    project.lay_out(models=NO_MODELS).done("sql")
    assert "No revision." in page(project)
    assert comment(project).startswith("**No revision")


def test_applied_and_pending_are_told_with_sizes(branch: Project) -> None:
    branch.done("migrate")
    text = page(added(branch, THREE))
    assert "2 of 3 applied" in text
    assert "1 row, " in text
    assert 'class="tag">pending<' in text
    assert 'class="tag">applied<' in page(branch, "base:head")
    said = comment(branch)
    assert "1 of these are pending" in said
    assert re.search(r"\| lock \| does \| now \|\n.*\n.* \| 1 row, \d+ kB \|\n", said)


def test_server_that_is_down_is_said_and_no_error(branch: Project, free_port: int) -> None:
    url = f"postgresql://postgres:secret@127.0.0.1:{free_port}/nowhere"
    branch.done("review", DATABASE_URL=url)
    text = (branch.root / ".pybase" / "review.html").read_text("utf-8")
    assert "No database answers" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("url", "said"),
    [("mysql://u:secret@h/db", "runs on PostgreSQL only"), ("secret", "DATABASE_URL is not a URL")],
)
def test_address_that_is_none_is_said_and_no_error(url: str, said: str, branch: Project) -> None:
    branch.done("review", DATABASE_URL=url)
    text = (branch.root / ".pybase" / "review.html").read_text("utf-8")
    assert said in text
    assert "secret" not in text


def test_database_that_is_ahead_is_not_told_as_empty(branch: Project) -> None:
    added(branch, THREE).done("migrate")
    (branch.versions / f"{THREE.name}.py").unlink()
    branch.done("sql")
    said = f"The database is at revision {THREE.id}, which this checkout does not have."
    text = page(branch)
    assert said in text and said in comment(branch)
    assert not re.search(r"\d applied|>pending<|>applied<|node \w+ applied", text)


def test_schema_difference_is_shown_by_table(branch: Project) -> None:
    text = page(added(branch, THREE))
    assert "<ins>+    note text,</ins>" in text or "<ins>+    note text</ins>" in text


def test_paths_are_relative_below_a_root_that_is_a_link(
    branch: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "link"
    link.symlink_to(branch.root)
    found = comment(Project(link, branch.environment), "-c", str(link / "alembic.ini"))
    assert f"`{ONE.id}` in `migrations/versions/" in found


def test_file_is_written_where_it_is_wanted(branch: Project, tmp_path: Path) -> None:
    branch.done("review", "--output", "out/page.html")
    branch.done("review", "--format", "markdown", "--output", "out/comment.md")
    assert (branch.root / "out/page.html").read_text("utf-8").lstrip().startswith("<!doctype html>")
    assert (branch.root / "out/comment.md").read_text("utf-8").startswith("**2 revisions: ")


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("head", "no colon"),
        ("nowhere:head", "'nowhere'"),
        ("base:nowhere", "'nowhere'"),
        ("head:base", "along the same branch"),
        (f"{TWO.id}:{ONE.id}", "along the same branch"),
        ("head:head", "No revision is in the range 'head:head'"),
    ],
)
def test_range_that_is_none_is_refused(wanted: str, said: str, branch: Project) -> None:
    assert said in branch.refused("review", wanted, code=2)
    assert not (branch.root / ".pybase" / "review.html").exists()


def test_range_from_one_head_to_another_is_refused(branch: Project) -> None:
    added(branch, THREE, FORK)
    said = branch.refused("review", f"{THREE.id}:{FORK.id}", code=2)
    assert "along the same branch" in said


def test_folder_in_the_place_of_the_file_is_refused(branch: Project) -> None:
    (branch.root / "out").mkdir()
    assert "out cannot be written" in branch.refused("review", "--output", "out", code=2)
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
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_page_holds_no_element_that_people_wrote(branch: Project) -> None:
    tags = Tags()
    tags.feed(page(added(branch, HOSTILE)))
    names = [tag for tag, _ in tags.found]
    assert names.count("script") == 1
    assert not {"img", "b", "iframe", "link"} & set(names)
    assert not [name for _, values in tags.found for name in values if name.startswith("on")]
    assert not [values for _, values in tags.found if "src" in values]
    assert all(v["href"].startswith("#") for _, v in tags.found if v.get("href"))  # type: ignore[union-attr]


def test_page_lets_only_its_own_script_and_style_run(branch: Project) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page(branch))
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy[1]


def outside_of_code(text: str) -> str:
    """A comment without its fenced blocks and its code in a line."""
    fenced = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
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
    told = markdown._table(("code",), [(markdown.code(written),)]).splitlines()[-1]
    assert "\x1b" not in told
    assert len(re.findall(r"(?<!\\)\|", told)) == 2


def test_pipe_outside_of_a_table_is_read_as_it_stands() -> None:
    assert markdown.code("a|b") == "`a|b`"
    assert markdown.text("a|b") == "a|b"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("add_note to a.b", "add_note to a.b"),
        ("_all_ *of* `it`", r"\_all\_ \*of\* \`it\`"),
        ("- x", r"\- x"),
        ("1. x", r"1\. x"),
        ("# x\n## y", r"\# x \#\# y"),
        ("&lt;b&gt;<b>", r"\&lt;b\&gt;\<b\>"),
        ("@all", "@\N{ZERO WIDTH SPACE}all"),
    ],
)
def test_what_people_wrote_is_read_as_it_stands(written: str, told: str) -> None:
    assert markdown.text(written) == told


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


def card(number: int = 0, title: str = "Do it", **values: Any) -> Card:
    way = Way(f"upgrade/{number}.sql", "one transaction", Report(is_rehearsed=True), ())
    shown = Card(f"{number:012x}", (), f"versions/{number}.py", title, "", "", way, way, ())
    return replace(shown, **values)


def rendered(*cards: Card, files: Mapping[str, str] = MappingProxyType({})) -> str:
    return markdown.render(Review("These", cards, cards, files, (), Now(), ""))


def test_long_titles_are_cut() -> None:
    text = rendered(*(card(number, "*" * 1500) for number in range(60)))
    assert len(text) < markdown.MOST_CHARACTERS
    assert "revisions more" not in text
    assert text.count("\n### ") == 60


def test_what_fits_is_not_left_out() -> None:
    parts = [[markdown.Part("x" * 29_975)], [markdown.Part("y" * 29_975)]]
    assert markdown._fitted(parts) == "x" * 29_975 + "y" * 29_975


def test_long_reason_and_schema_are_cut_with_a_pointer() -> None:
    changes = tuple(FileChange(name, (), "+\n" * 40_000) for name in ("t", '"T"'))
    text = rendered(
        card(why="word " * 13_000, schema=changes), files={"schema/t.sql": "", "schema/t-1.sql": ""}
    )
    assert "Why: 1 line, too long for here; see `versions/0.py`." in text
    assert "Schema of t: 40,001 lines, too long for here; see `schema/t.sql` in the folder" in text
    assert 'Schema of "T": 40,001 lines, too long for here; see `schema/` in the folder' in text


def test_tables_that_nobody_could_fill_are_told() -> None:
    seen = Report(unfilled=("a.b", "c"), is_rehearsed=True)
    text = rendered(card(upgrade=Way("upgrade/0.sql", "one transaction", seen, ())))
    assert "No sample rows could be made for `a.b`, `c`: effects on rows were not seen." in text


# --- words and drawings ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("touch", "words"),
    [
        (Touch("t", 2, is_changed=True), "nobody waits"),
        (Touch("t", 3, is_scanned=True), "nobody waits"),
        (Touch("t", 4, is_scanned=True), "writers wait for a scan"),
        (Touch("t", 5), "writers wait for a moment"),
        (Touch("t", 7), "everybody waits for a moment"),
        (Touch("t", 7, is_rewritten=True, is_scanned=True), "everybody waits for a rewrite"),
    ],
)
def test_lock_is_told_by_who_waits_and_for_how_long(touch: Touch, words: str) -> None:
    assert wait(touch).words == words


def test_verdict_tells_the_worst_and_counts_the_rest(project: Project) -> None:
    towns = "op.create_table('towns', sa.Column('name', sa.Text()))"
    both = (
        "op.execute('ALTER TABLE cities ALTER name TYPE integer USING length(name)')\n"
        "op.add_column('towns', sa.Column('note', sa.Text()))"
    )
    project.lay_out(
        ONE,
        Revision(TWO.id, ONE.id, towns, "op.drop_table('towns')"),
        Revision(THREE.id, TWO.id, both, "raise NotImplementedError('No way.')"),
    ).done("sql")
    said = comment(project, f"{TWO.id}:head").splitlines()[0]
    told = "blocks reads and writes of cities for a rewrite, and 1 table for less"
    assert said.startswith(f"**1 revision: {told}")


def test_revision_that_nobody_rehearsed_does_not_look_harmless(branch: Project) -> None:
    branch.add(Revision("eeeeeeeeeeee", TWO.id, "raise RuntimeError('boom')"))
    text = page(branch)
    assert "blocks nothing" not in text
    assert 'class="tag s2">nobody has seen it<' in text
    assert re.findall(r'class="node (s\d)"', text)[-1] == "s2"
    assert "Not rehearsed: cannot be rendered." in comment(branch)
    assert "| nobody has seen it |" in comment(branch, "base:head")


def test_revision_without_sql_or_a_way_back_is_harmless(branch: Project) -> None:
    back = Revision("eeeeeeeeeeee", TWO.id, "pass", "raise NotImplementedError('No way.')")
    said = comment(added(branch, back, Revision("ffffffffffff", back.id)))
    assert said.startswith("**2 revisions: blocks nothing")
    assert said.count("| nobody waits |") == 2
    assert "Downgrade: cannot be undone; not rehearsed" in said


def test_many_names_are_counted() -> None:
    assert names([]) == ""
    assert names(["a"]) == "a"
    assert names(["a", "b"]) == "a and b"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_branches_are_drawn_side_by_side_and_meet_in_a_merge(project: Project) -> None:
    left = Revision("eeeeeeeeeeee", TWO.id)
    right = Revision("ffffffffffff", TWO.id)
    merge = Revision("abababababab", (left.id, right.id))
    project.lay_out(ONE, TWO, left, right, merge).done("sql")
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
    box = diagram.draw([entity], {"t": {'"a""b"'}}).boxes[0]
    assert [row.is_changed for row in box.rows] == [True, False]
    assert box.rows[0].type == "timetz"


def test_long_name_of_a_table_is_drawn_as_it_was_measured(branch: Project) -> None:
    added(branch, Revision(THREE.id, TWO.id, f"op.create_table('{'t' * 37}')"))
    assert f">{'t' * 33}…</text>" in page(branch)


def test_parents_elsewhere_are_drawn_but_not_shown(branch: Project) -> None:
    text = page(added(branch, THREE))
    assert f'href="#{THREE.id}"' in text
    assert f'href="#{TWO.id}"' not in text
    assert "Found Troy" in text


def test_revision_whose_id_has_a_blank_is_shown_with_a_database(branch: Project) -> None:
    text = page(added(branch, Revision("ff 100%", TWO.id)))
    assert '<details class="revision" id="ff 100%"' in text
    assert 'href="#ff%20100%25"' in text


def test_note_of_the_cards_is_json_that_leads_back(branch: Project) -> None:
    added(branch, *HAZARDOUS)
    first = page(branch, "base:head")
    for note in (branch.root / ".pybase" / "cache").glob("sql-*.json"):
        json.loads(note.read_text("utf-8"))
        note.unlink()
    assert page(branch, "base:head") == first
