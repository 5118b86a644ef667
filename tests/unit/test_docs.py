"""The pages that are made from data, or show a file, are as fresh as these."""

import re
from pathlib import Path

import pytest

from pybase.cli import handbook
from pybase.migrate.rehearsal._hazards import HAZARDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_page_of_hazards_is_fresh() -> None:
    committed = (ROOT / "docs/hazards.md").read_text("utf-8")
    assert committed == handbook.render(), f"docs/hazards.md is stale. Run: {handbook.COMMAND}"


def test_each_hazard_has_one_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", handbook.render(), re.MULTILINE)
    assert rows == list(HAZARDS)


def test_rows_have_as_many_cells_as_the_table() -> None:
    rows = [line for line in handbook.render().splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5}


def test_readme_shows_a_file_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"\]\((sql/upgrade/\S+\.sql)\):\n\n```sql\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    path, text = shown.groups()
    actual = (ROOT / path).read_text("utf-8")
    assert text == actual, f"README.md does not show {path} as it is. Copy it there."


def test_readme_draws_what_refers_to_what_as_it_is() -> None:
    drawn, known = (
        re.findall(r'^    "\w+" \S+ "\w+" : .*$', (ROOT / name).read_text("utf-8"), re.MULTILINE)
        for name in ("README.md", "docs/schema.md")
    )
    assert drawn == known != [], "README.md does not draw docs/schema.md: copy its lines."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [each for each in targets if not (page.parent / each).exists()]
    assert not missing
