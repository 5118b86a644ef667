"""Terminal output: at a terminal of some width, into a pipe, with hostile text."""

import ast
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import pytest
from rich.text import Text

from pybase.cli import _terminal as output
from pybase.cli._reporter import ProgressBar
from pybase.core.errors import UsageError
from pybase.core.style import Style, segments, style, table, unstyled

PACKAGE = Path(output.__file__).parents[1]
SETTINGS = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM")
ESCAPE = "\x1b["


class Terminal(io.TextIOWrapper):
    """A stream in memory that calls itself a terminal."""

    is_terminal = True

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, newline="")

    def isatty(self) -> bool:
        return self.is_terminal

    @property
    def written(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode(self.encoding)

    @property
    def plain(self) -> str:
        return Text.from_ansi(self.written).plain.removesuffix("\n")


class Pipe(Terminal):
    is_terminal = False


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def _become(monkeypatch: pytest.MonkeyPatch, stdout: Terminal, stderr: Terminal) -> None:
    """Let the terminal module write there; pytest keeps standard output for itself."""
    streams = SimpleNamespace(stdin=sys.stdin, stdout=stdout, stderr=stderr)
    monkeypatch.setattr(output, "sys", streams)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output and standard error, as one terminal of 80 columns."""
    stream = Terminal()
    _become(monkeypatch, stream, stream)
    return stream


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Pipe:
    stream = Pipe()
    _become(monkeypatch, stream, stream)
    return stream


LONG = "applied  0123456789ab  " + "a title of many words " * 8 + " (0.12 s)"

# --- colour ---------------------------------------------------------------------------------------


def test_styled_text_has_its_colour_at_a_terminal(terminal: Terminal) -> None:
    output.result(f"{style('applied', 'green')}  995c641166b7  Create users  (0.12 s)")
    assert terminal.written.startswith("\x1b[32mapplied\x1b[0m  ")
    assert terminal.plain == "applied  995c641166b7  Create users  (0.12 s)"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_terminal_may_refuse_colour(
    name: str, value: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "" if name == "TERM" else "1")  # NO_COLOR wins
    monkeypatch.setenv(name, value)
    output.result(f"{style('applied', 'green')}  995c641166b7  Create users")
    output.result(style("applied", "green") + LONG.removeprefix("applied"))
    assert ESCAPE not in terminal.written
    assert terminal.plain.startswith("applied  995c641166b7  Create users\napplied  0123456789ab")


def test_pipe_has_no_colour_unless_it_is_forced(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    output.result(style("1 applied.", "green"))
    assert pipe.written == "1 applied.\n"
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.result(style("1 applied.", "green"))
    assert pipe.written == "1 applied.\n\x1b[32m1 applied.\x1b[0m\n"


def test_error_has_its_code_and_its_hint_in_a_line_of_its_own(terminal: Terminal) -> None:
    output.error(UsageError("sql/ is stale.", "Write it: nox -s sql", code="stale-sql"))
    assert terminal.plain == "error[stale-sql]: sql/ is stale.\nhint: Write it: nox -s sql"
    assert "\x1b[1merror[stale-sql]:\x1b[0m \x1b[31msql/ is stale.\x1b[0m\n" in terminal.written
    assert "\x1b[1;36mnox -s sql\x1b[0m" in terminal.written


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Undo it there: nox -s downgrade -- base. Then run it again.", "nox -s downgrade -- base"),
        (
            "If meant: nox -s downgrade -- -1 --allow-data-loss",
            "nox -s downgrade -- -1 --allow-data-loss",
        ),
        ('Write it: nox -s makemigration -- "add colour".', 'nox -s makemigration -- "add colour"'),
        ("(reach it: nox -s db -- psql, or -- url)", "nox -s db -- psql"),
        ("Run `nox -s sql` and commit what it writes.", "nox -s sql"),
    ],
)
def test_complete_command_has_the_colour_of_commands(
    text: str, command: str, terminal: Terminal
) -> None:
    output.result(text)
    written = terminal.written.replace("\x1b[0m\x1b[1;36m", "")  # it continues in the same colour
    assert f"\x1b[1;36m{command}\x1b[0m" in written


# --- width ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 200])
def test_line_is_wrapped_under_its_column(
    width: int, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    output.result(LONG)
    first, *others = terminal.plain.splitlines()
    assert first.startswith("applied  0123456789ab  a title")
    assert all(len(line) <= width for line in (first, *others))
    hang = LONG.index("a title" if width > 40 else "0123")
    assert {len(line) - len(line.lstrip()) for line in others} == {hang}


def test_line_in_a_pipe_stays_one(pipe: Pipe) -> None:
    output.result(LONG)
    assert pipe.written == f"{LONG}\n"


def test_list_is_broken_between_its_parts(terminal: Terminal) -> None:
    output.result(
        "    workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan; 0 rows"
    )
    assert terminal.plain.splitlines() == [
        "    workspaces  ACCESS EXCLUSIVE: blocks reads and writes; no rewrite, no scan;",
        "                0 rows",
    ]


def test_path_and_command_are_never_broken(terminal: Terminal) -> None:
    path = f"migrations/versions/{'x' * 90}.py"
    command = "nox -s downgrade -- 0123456789ab --allow-data-loss"
    output.result(f"wrote  {path}\n{'word ' * 13}`{command}`")
    assert path in terminal.plain
    assert f"\n`{command}`" in terminal.plain


def test_wide_characters_count_twice(terminal: Terminal) -> None:
    output.result("表 " * 40)
    assert max(len(line) for line in terminal.plain.splitlines()) <= 80 * 2 // 3


def test_cells_are_aligned_in_columns() -> None:
    rows = [("a", "one", "x"), ("bbb", "二", "y"), ("c", "z" * 60, "far"), ("d",)]
    assert table(rows, indent="  ") == [
        "  a    one  x",
        "  bbb  二   y",
        f"  c    {'z' * 60}  far",
        "  d",
    ]


def test_styled_cells_are_aligned_by_their_visible_width() -> None:
    rows = [(style("a", "red"), "one"), ("bbb", style("two", "green"))]
    assert [unstyled(line) for line in table(rows)] == ["a    one", "bbb  two"]
    assert list(segments(table(rows)[0])) == [("", ""), ("a", "red"), ("    one", "")]


def test_style_survives_joining_and_formatting() -> None:
    text = ", ".join([style("a", "red"), f"b {style('c', 'bold')}"])
    assert list(segments(text)) == [
        ("", ""), ("a", "red"), (", b ", ""), ("c", "bold"), ("", ""),
    ]  # fmt: skip


def test_outer_style_replaces_inner_ones() -> None:
    assert style(f"a{style('b', 'red')}", "bold") == style("ab", "bold")


def test_marks_without_their_counterpart_are_dropped(terminal: Terminal) -> None:
    output.result("a\ufdd2b\ufdefc\ufdd9\ufdee")
    assert terminal.plain == "abc"


@pytest.mark.parametrize("name", get_args(Style))
def test_every_style_is_one_of_rich(name: str) -> None:
    from rich.style import Style as RichStyle

    assert str(RichStyle.parse(name)) == name


# --- text that people wrote -----------------------------------------------------------------------

HOSTILE = "\x1b]0;owned\x07 \x1b[31m[red]x[/red] [link=x] \r\x08\x9b \u202eabc\u2028"
SHOWN = r"\x1b]0;owned\x07 \x1b[31m[red]x[/red] [link=x] \r\x08\x9b \u202eabc\u2028"


def test_hostile_text_is_shown_as_text(terminal: Terminal) -> None:
    output.result(HOSTILE)
    output.echo(HOSTILE)
    output.error(UsageError(HOSTILE))
    assert terminal.plain == f"{SHOWN}\n{SHOWN}\nerror: {SHOWN}"


def test_hostile_text_is_shown_as_text_in_a_pipe(pipe: Pipe) -> None:
    output.result(f"{HOSTILE}\nnext\tline")
    assert pipe.written == f"{SHOWN}\nnext\tline\n"


def test_what_a_program_reads_is_not_touched(terminal: Terminal) -> None:
    output.data(f"{HOSTILE} {'word ' * 40}")
    assert terminal.written == f"{HOSTILE} {'word ' * 40}"


@pytest.mark.parametrize("kind", [Terminal, Pipe])
def test_stream_that_lacks_a_character_shows_its_number(
    kind: type[Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = kind("ascii")
    _become(monkeypatch, stream, stream)
    output.result("caf\u00e9 \ud800")
    assert stream.plain == r"caf\xe9 \ud800"


# --- one module that prints -----------------------------------------------------------------------


def test_line_goes_above_a_bar(terminal: Terminal) -> None:
    with ProgressBar("index build") as bar:
        bar.show(1, 2)
        output.result("1 applied.")
        output.note("Waiting for a lock: pid 1")
    shown = terminal.written
    assert shown.index("index build") < shown.index("1 applied.")
    assert "\x1b[2K" in shown[: shown.index("1 applied.")]


def test_file_gets_its_lines_while_a_bar_is_drawn(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = Pipe()
    _become(monkeypatch, file, terminal)
    with ProgressBar("index build"):
        output.result("1 applied.")
    assert file.written == "1 applied.\n"
    assert "applied" not in terminal.written


ALLOWED = {
    "cli/_terminal.py",
    "migrate/environment.py",  # for plain `alembic`, where our terminal is not in use
    "cli/__init__.py",  # closes standard error, after its reader has exited
    "migrate/revisions/_again.py",  # its output is a pipe to the process that started it
    "migrate/revisions/_sandbox.py",  # keeps an env.py from printing into our output
    "__main__.py",  # reports that a package is missing, before anything else can
}


def _prints(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("print", "input"):
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr in ("stdout", "stderr", "__stderr__"):
            if getattr(node.value, "id", "") == "sys":
                yield node.lineno
        if isinstance(node, ast.ImportFrom | ast.Import):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if "rich.console" in names or "rich" in names:
                yield node.lineno


def test_only_the_terminal_module_prints() -> None:
    lines = {
        f"{name}:{line}"
        for path in PACKAGE.rglob("*.py")
        if (name := path.relative_to(PACKAGE).as_posix()) not in ALLOWED
        for line in _prints(ast.parse(path.read_bytes()))
    }
    assert lines == set()


def test_rich_is_not_imported_for_a_pipe() -> None:
    import subprocess

    code = (
        "import sys; from pybase.core import style; from pybase.core.errors import *;"
        "from pybase.cli import _terminal as terminal, main; red = style.style('a', 'red');"
        f"terminal.result({LONG!r}); terminal.error(UsageError('a', red));"
        "style.table([(red, 'b')]);"
        "sys.exit('rich' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 1), done.stderr
