"""The page of review in a browser: both themes, a narrow window, no request to another address."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect, sync_playwright
from projects import ONE, THREE, TWO, Project, Revision

from pybase.postgres import scratch_database

from .test_review import HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium (Debian: apt-get install chromium)"
)

LINE = (
    ONE,
    TWO,
    THREE,
    *(
        Revision(
            f"{number:012x}",
            THREE.id if number == 1 else f"{number - 1:012x}",
            f"op.execute('COMMENT ON TABLE cities IS $$word{number}$$')",
            "op.execute('COMMENT ON TABLE cities IS NULL')",
            f"Write word {number}.",
        )
        for number in range(1, 6)
    ),
)


class Opened:
    """A page in a browser, with its messages and requests."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.messages: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: self.messages.append(message.text))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())

    def _dialog(self, dialog: Dialog) -> None:
        self.messages.append(dialog.message)
        dialog.dismiss()

    def shown(self) -> list[str]:
        return self.page.locator(".revision:visible").evaluate_all("all => all.map(e => e.id)")

    def unfolded(self) -> list[str]:
        return self.page.locator(".revision[open]").evaluate_all("all => all.map(e => e.id)")

    def paper(self) -> str:
        color: str = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return color


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # a browser that runs as root has no sandbox, and one that is tested looks for no updates
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*root, "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, server18_url: str) -> Iterator[Path]:
    """The page of a history of which three revisions are applied."""
    with scratch_database(server18_url, prefix="page") as url:
        variables = {"DATABASE_URL": url, "PYBASE_REHEARSAL_URL": server18_url}
        project = Project(tmp_path_factory.mktemp("page"), variables).lay_out(*LINE)
        project.write_sql()
        project.done("migrate", THREE.id)
        project.done("review")
        yield project.root / ".pybase" / "review.html"


@pytest.fixture
def opened(browser: Browser, page_file: Path) -> Iterator[Opened]:
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        yield Opened(page, page_file)


def test_page_opens_without_an_error_or_a_request(opened: Opened) -> None:
    expect(opened.page.locator(".headline")).to_contain_text(f"{len(LINE)} revisions: ")
    opened.page.click("#unfold")
    assert opened.messages == []
    assert opened.requests == [opened.page.url]


def test_search_finds_revisions_with_every_word(opened: Opened) -> None:
    assert opened.shown() == [revision.id for revision in LINE]
    opened.page.fill("#search", "comment $$WORD3$$")
    assert opened.shown() == ["000000000003"]
    expect(opened.page.locator("#matches")).to_have_text(f"1 of {len(LINE)}")
    opened.page.fill("#search", "no such word")
    assert opened.shown() == []
    opened.page.fill("#search", "")
    assert opened.shown() == [revision.id for revision in LINE]
    expect(opened.page.locator("#matches")).to_have_text("")


def test_revisions_are_folded_and_unfolded(opened: Opened) -> None:
    assert opened.unfolded() == []
    opened.page.locator(f"[id='{TWO.id}'] summary").click()
    assert opened.unfolded() == [TWO.id]
    opened.page.click("#unfold")
    assert opened.unfolded() == [revision.id for revision in LINE]
    opened.page.click("#fold")
    assert opened.unfolded() == []


def test_revision_in_the_history_leads_to_its_section(opened: Opened) -> None:
    opened.page.click(f"svg a[href='#{THREE.id}']")
    assert opened.unfolded() == [THREE.id]
    expect(opened.page.locator(f"[id='{THREE.id}'] .directions")).to_be_in_viewport()


def test_applied_revisions_are_filled_in_the_history(opened: Opened) -> None:
    expect(opened.page.locator("circle.applied")).to_have_count(3)


def test_both_themes_have_their_colours_and_the_button_changes_them(opened: Opened) -> None:
    opened.page.emulate_media(color_scheme="dark")
    dark = opened.paper()
    opened.page.emulate_media(color_scheme="light")
    assert opened.paper() == "rgb(255, 255, 255)" != dark
    opened.page.click("#theme")
    assert opened.paper() == dark
    opened.page.click("#theme")
    assert opened.paper() == "rgb(255, 255, 255)"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(opened: Opened, width: int) -> None:
    opened.page.set_viewport_size({"width": width, "height": 800})
    opened.page.click("#unfold")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


def test_print_shows_all_and_no_buttons(opened: Opened) -> None:
    opened.page.emulate_media(media="print")
    expect(opened.page.locator("#unfold")).to_be_hidden()
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert opened.unfolded() == [revision.id for revision in LINE]


def test_table_in_the_diagram_has_its_columns(opened: Opened) -> None:
    expect(opened.page.locator("svg g", has_text="cities")).to_contain_text("note text")


def test_text_that_people_wrote_does_not_run(browser: Browser, project: Project) -> None:
    project.lay_out(ONE, TWO, HOSTILE).write_sql()
    project.done("review")
    with browser.new_page() as page:
        opened = Opened(page, project.root / ".pybase" / "review.html")
        page.click("#unfold")
        page.fill("#search", "<script>")
        assert opened.shown() == [HOSTILE.id]
        assert opened.messages == []
        assert opened.requests == [page.url]


def test_revision_with_a_strange_id_has_a_link_that_leads_to_it(
    browser: Browser, project: Project
) -> None:
    strange = Revision("ff 100%", TWO.id)
    project.lay_out(ONE, TWO, strange).write_sql()
    project.done("review")
    with browser.new_page() as page:
        opened = Opened(page, project.root / ".pybase" / "review.html")
        page.click("#fold")
        page.click("svg a >> nth=2")
        assert opened.unfolded() == [strange.id]
        page.reload()
        assert opened.unfolded() == [ONE.id, TWO.id, strange.id]
        assert opened.messages == []
