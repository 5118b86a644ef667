"""Documents that are generated from data, or show a file, are fresh."""

import re
from pathlib import Path

import pytest

from pybase.cli import handbook
from pybase.migrate.record import HAZARDS

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


def test_readme_draws_the_relations_of_the_schema() -> None:
    readme, schema = (
        re.findall(r'^    "\w+" \S+ "\w+" : .*$', (ROOT / name).read_text("utf-8"), re.MULTILINE)
        for name in ("README.md", "docs/schema.md")
    )
    assert readme == schema != [], "README.md differs from docs/schema.md: copy its lines."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing
