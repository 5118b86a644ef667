"""Verbs at a real terminal, 80 and 200 columns wide, and without one."""

import fcntl
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest
from projects import LINE, ONE, THREE, TWO, Project, Revision
from waiting import wait_for_query

WIDTHS = (80, 200)
HURTING = Revision(
    "dddddddddddd",
    THREE.id,
    "op.drop_column('cities', 'note')\nop.alter_column('cities', 'name', type_=sa.String(99))",
    "op.add_column('cities', sa.Column('note', sa.Text()))",
    "Say [red]goodbye[/red] to the notes of all the cities that we have ever known by their name.",
)


@dataclass(frozen=True)
class Shown:
    """Exit code and output of a verb at a terminal."""

    code: int
    written: str

    @property
    def lines(self) -> list[str]:
        """The output without its colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.written).splitlines()

    @property
    def colours(self) -> set[str]:
        return set(re.findall(r"\x1b\[[\d;]*m", self.written))


@dataclass(frozen=True)
class Screen:
    """A terminal of a given width."""

    project: Project
    width: int

    def show(
        self,
        *arguments: str,
        answer: str = "",
        until: str = "[y/N] ",
        wait: Callable[[], object] = lambda: None,
        **variables: str,
    ) -> Shown:
        """Run a verb; `answer` is typed when `until` has been shown and `wait` has returned."""
        terminal, theirs = pty.openpty()
        size = struct.pack("HHHH", 40, self.width, 0, 0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
        given = {"TERM": "xterm"} | variables
        command = self.project.start(*arguments, terminal=os.ttyname(theirs), **given)
        command.at_end(partial(os.close, theirs))
        written = b""
        while part := _read(terminal):
            written += part
            if answer and until.encode() in written:
                wait()
                os.write(terminal, answer.encode())
                answer = ""
        os.close(terminal)
        code, _, _ = command.wait()
        return Shown(code, written.decode().replace("\r\n", "\n"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the process has exited
        return b""


@pytest.fixture
def three(project: Project) -> Project:
    return project.lay_out(*LINE).write_sql()


@pytest.fixture(params=WIDTHS)
def screen(three: Project, request: pytest.FixtureRequest) -> Screen:
    return Screen(three, request.param)


def test_migrate_is_shown_in_colour(screen: Screen) -> None:
    shown = screen.show("migrate")
    assert shown.code == 0
    *_, one, two, three, last = shown.lines
    assert [line.split()[:2] for line in (one, two, three)] == [
        ["applied", revision.id] for revision in LINE
    ]
    assert last == "3 applied."
    assert f"\x1b[32mapplied\x1b[0m  \x1b[35m{ONE.id}\x1b[0m  Create cities" in shown.written
    assert screen.show("migrate").lines[-1] == "Nothing to do: the database is up to date."


@pytest.mark.parametrize("verb", ["history", "pending", "sql-lint", "check", "current"])
def test_no_line_is_wider_than_the_terminal(verb: str, screen: Screen) -> None:
    screen.project.add(HURTING)
    screen.project.done("sql")
    shown = screen.show(verb)
    assert "Traceback" not in shown.written
    broken = [line for line in shown.lines if len(line) > screen.width]
    assert [
        line for line in broken if f"{HURTING.name}.sql:" not in line
    ] == []  # a path is never broken


def test_colours_are_omitted_on_request(screen: Screen) -> None:
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        shown = screen.show("pending", **variables)
        assert shown.colours == set()
        assert shown.lines == screen.show("pending").lines


def test_piped_text_is_what_a_wide_terminal_shows(three: Project) -> None:
    piped = three.run("pending")
    assert piped.text.count("\x1b") == 0
    assert Screen(three, 500).show("pending").lines == [
        *piped.err.splitlines(),
        *piped.out.splitlines(),
    ]
    forced = three.run("pending", FORCE_COLOR="1", NO_COLOR="")
    assert Shown(0, forced.out).lines == piped.out.splitlines()
    assert Shown(0, forced.out).colours


def test_output_for_programs_has_no_colour_and_no_wrapping_at_a_terminal(three: Project) -> None:
    at_terminal = Screen(three, 80).show("sql-lint", "--format", "json", FORCE_COLOR="1")
    assert at_terminal.written == three.done("sql-lint", "--format", "json")
    at_terminal = Screen(three, 80).show("migrate", "--sql")
    assert at_terminal.written == three.done("migrate", "--sql")


def test_title_is_not_markup(screen: Screen) -> None:
    screen.project.add(HURTING)
    text = " ".join(" ".join(screen.show("history").lines).split())
    assert HURTING.title.removesuffix(".") in text


def test_error_has_its_hint_below_it(screen: Screen) -> None:
    shown = screen.show("migrate", "nosuch")
    assert shown.code == 2
    assert shown.lines[-2:] == [
        "error[alembic]: Can't locate revision identified by 'nosuch'.",
        "hint: List the revisions: nox -s history",
    ]
    assert "\x1b[1;36mnox -s history\x1b[0m" in shown.written


def test_question_is_asked_at_a_terminal_and_no_is_no(three: Project) -> None:
    three.done("migrate")
    with psycopg.connect(three.environment["DATABASE_URL"]) as connection:
        connection.execute("UPDATE cities SET note = 'burnt'")
    shown = Screen(three, 80).show("downgrade", "-1", answer="n\n")
    assert shown.code == 1
    assert any(line.startswith("Go on? [y/N] ") for line in shown.lines)
    assert "Nothing was undone." in shown.lines
    assert Screen(three, 80).show("downgrade", "-1", answer="y\n").lines[-1] == "1 undone."


IS_ASLEEP = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event = 'PgSleep'
"""


def test_interruption_is_one_line(three: Project) -> None:
    is_ours = "current_database() LIKE 'test%'"  # the rehearsal does not wait
    slow = f'op.execute("SELECT pg_sleep(30) WHERE {is_ours}")'
    three.add(Revision("eeeeeeeeeeee", THREE.id, slow, "pass", "Wait."))
    three.write_sql().done("migrate", THREE.id, "--python-revisions")
    screen = Screen(three, 200)
    url = three.environment["DATABASE_URL"]
    shown = screen.show(
        "migrate", "--python-revisions", "--force", "hazards", answer="\x03", until="Alembic runs",
        wait=lambda: wait_for_query(url, IS_ASLEEP),
    )  # fmt: skip
    assert shown.code == 130
    assert shown.lines[-1].startswith("Interrupted. Finished steps are kept;")
    assert "Traceback" not in shown.written


def test_history_is_aligned_in_columns(three: Project) -> None:
    three.done("migrate", TWO.id)
    lines = Screen(three, 200).show("history").lines
    assert len({line.index("(") for line in lines}) == 1
