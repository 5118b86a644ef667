"""All that a verb says to people goes through here: clean, aligned, coloured where that helps.

What is said is plain text, and colour is found in it afterwards, by the words of `STYLES`: so
nothing is lost where there is no colour, and one word has one colour whoever says it. Away from a
terminal each line is written as it is, and Rich, which takes 20 ms to import, is left alone.
At a terminal lines that are too long are wrapped, their continuation under the column that wrapped.

Results go to standard output (`say`, and `data` for programs), what a person only watches to
standard error (`note`, `error`). No other module prints.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_ARGUMENT = r'(?:--?[\w-]+(?: [\w.]+:[\w.]+)?|"[^"]*")'
_COMMAND = (
    rf"(?:\bnox -s [\w-]+(?: -- (?:{_ARGUMENT}|[\w:.+-]*\w)(?: {_ARGUMENT})*)?"
    r"|(?<=[`(])(?:alembic|git) [^`()]+(?=[`)]))"
)
_WORD = rf"\s*(?:(?<=  )\([^()]{{,70}}\)$|\S*{_COMMAND}\S*|\S+)"
_COLUMN = r"^ *(?:(?:error|warning|hint): )?|(?<=\S) {2,}(?!\()"
_PART = r"\s*[^;]+(?:;|$)"

STYLES: tuple[tuple[str, str], ...] = (
    (r"^(?:Using|Assumed, a second:) .*", "dim"),
    (r"^(?:ok|applied|wrote|moved)(?=  )", "green"),
    (r"^(?:undone|removed|--)(?=  )", "yellow"),
    (r"^Nothing to do:|^\S+ is fresh(?: and clean)?\b|^\d+ applied\.$", "green"),
    (r"^\d+ (?:pending|undone)\b", "bold"),
    (r"^[A-Z][^.:]*:$", "bold"),
    (r"^(?:DATA THAT GO|NOT COMPLETE)\b|\bdestroys data\b", "bold red"),
    (r"^error: .*?[.:](?= [A-Z\d]|$)", "red"),
    (r"^error:|^ *hint:(?= )", "bold"),
    (r"^warning:|^Waiting for\b.*?:", "bold yellow"),
    (r"^\S+:\d+(?=: (?:error|warning): )", "bold"),
    (r"(?<=\d: )error(?=: )", "bold red"),
    (r"(?<=\d: )warning(?=: )", "bold yellow"),
    (r"\b[1-9]\d* errors?\b", "bold red"),
    (r"\b[1-9]\d* warnings?\b", "bold yellow"),
    (r"\bblocks reads and writes\b|\brewritten\b", "red"),
    (r"\bblocks writes\b|\bscanned\b", "yellow"),
    (r"\bblocks nothing(?: but other DDL)?|\bno rewrite, no scan\b", "green"),
    (r"^ +loses(?=  )", "bold red"),
    (r"^ +(?:hazards|unseen|stale)(?=  )", "bold yellow"),
    (r"(?<=[ (])current(?=[,)])", "bold green"),
    (r"(?<=[ (])head(?=[,)])", "bold cyan"),
    (r"\(\d+(?:\.\d\d)? (?:s|min|h)\b[^()]*\)$|\bapplied \d{4}-\d\d-\d\d [^()]*(?=\)$)", "dim"),
    (r"\b(?=[0-9a-f]{12}\b)(?=[a-f]*\d|[0-9a-f]*[a-f])[0-9a-f]{12}\b", "magenta"),
    (_COMMAND, "bold cyan"),
    (r"(?<![\w-])--(?:force|database|rename) [\w.:-]*\w|(?<![\w-])--[a-z][a-z-]+", "bold cyan"),
    (r"^ {4}\+.*", "green"),
    (r"^ {4}-.*", "red"),
)
"""What colour which words have; of two that meet in one place, the later."""

_MOST_PADDED = 50
"""A cell that is wider than this does not push the cells of other rows to the right."""

_UNSAFE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
"""Commands to a terminal, other ends of lines, turns of direction, and halves of characters."""

_drawing: "Console | None" = None
"""What draws at this moment on standard error: lines that are said meanwhile go above it."""


def say(text: str) -> None:
    """Say a result, a line or several, on standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Tell what a person only watches, on standard error."""
    _write(sys.stderr, text)


def echo(code: str) -> None:
    """Show code that is run, on standard error: dim, and never wrapped."""
    _write(sys.stderr, code, is_code=True)


def error(problem: str, hint: str = "") -> None:
    """Tell what is wrong, and in a line of its own what mends it, on standard error."""
    note(f"error: {problem}" + (f"\nhint: {hint}" if hint else ""))


def data(text: str) -> None:
    """Write what a program reads, to standard output, exactly as it is: in UTF-8 everywhere."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def ask(question: str) -> bool:
    """Ask a person who is there; anything but yes is no."""
    return ask_name(f"{question} [y/N]").lower() in ("y", "yes")


def ask_name(question: str) -> str:
    """Ask a person for a name."""
    _write(sys.stderr, question, end=" ")
    return sys.stdin.readline().strip()


def can_ask() -> bool:
    """Tell whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def table(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Return rows as lines, their cells in columns; the last cell of a row is as long as it is."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in cells:
        for place, cell in enumerate(row[:-1]):
            if _width(cell) <= _MOST_PADDED:
                widths[place] = max(widths.get(place, 0), _width(cell))
    return [
        indent
        + "  ".join(
            cell + " " * (widths.get(place, 0) - _width(cell)) * (place + 1 < len(row))
            for place, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def clean(text: str) -> str:
    r"""Show what would command a terminal as text: `\x1b` for an escape character."""
    if text.replace("\n", "").isprintable():
        return text
    return re.sub(_UNSAFE, lambda found: ascii(found[0])[1:-1], text)


def can_draw() -> bool:
    """Tell whether standard error is a terminal on which a line can be drawn over."""
    return sys.stderr.isatty() and not _is_dumb()


@contextmanager
def drawing() -> Iterator["Console"]:
    """Yield the console on which to draw what moves, such as a bar, on standard error."""
    global _drawing
    _drawing = _console(sys.stderr)
    try:
        yield _drawing
    finally:
        _drawing = None


def _write(stream: TextIO, text: str, *, is_code: bool = False, end: str = "\n") -> None:
    encoding = stream.encoding or "utf-8"
    text = clean(text).encode(encoding, "backslashreplace").decode(encoding)
    is_terminal = stream.isatty()
    if is_terminal and _drawing is not None:
        _write_styled(_drawing, text, end, is_code=is_code)
    elif _has_colour(stream) or (is_terminal and _is_too_long(stream, text) and not is_code):
        _write_styled(_console(stream), text, end, is_code=is_code)
    else:
        stream.write(text + end)
    stream.flush()


def _is_too_long(stream: TextIO, text: str) -> bool:
    width = _columns(stream)
    return any(_width(line) > width for line in text.split("\n"))


def _write_styled(console: "Console", text: str, end: str, *, is_code: bool) -> None:
    from rich.text import Text

    lines = [Text(line, style="dim" if is_code else "") for line in text.split("\n")]
    if not is_code:
        for line in lines:
            for pattern, style in STYLES:
                line.highlight_regex(pattern, style)
        if console.file.isatty():
            lines = [piece for line in lines for piece in _wrapped(line, console)]
    console.print(Text("\n").join(lines), soft_wrap=True, end=end)


def _wrapped(line: "Text", console: "Console") -> Iterator["Text"]:
    """Wrap a line under the last column that begins in its first half, but for an aside."""
    from rich.text import Text

    if _width(line.plain) <= console.width:
        yield line
        return
    begins = [found.end() for found in re.finditer(_COLUMN, line.plain)]
    hang = max((each for each in begins if each <= console.width // 2), default=0)
    head, rest = line.divide([hang])
    for piece in rest.divide(_breaks(rest.plain, console.width - hang)):
        piece.rstrip()
        yield Text.assemble(head, piece)
        head = Text(" " * hang)


def _breaks(text: str, width: int) -> Iterator[int]:
    """Yield where a line begins anew: between the parts of a list, or else between words.

    What somebody may copy stays whole however long it is: a command, a path.
    """
    words = list(re.finditer(_PART, text))
    if text.count("; ") < 2 or any(_width(word[0]) > width for word in words):
        words = list(re.finditer(_WORD, text))
    column = 0
    for word in words:
        if column and column + _width(word[0]) > width:
            yield word.end() - len(word[0].lstrip())
            column = _width(word[0].lstrip())
        else:
            column += _width(word[0])


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    has_colour = _has_colour(stream)
    return Console(
        file=stream,
        force_terminal=has_colour or stream.isatty(),
        color_system="standard" if has_colour else None,
        width=_columns(stream),
        markup=False,
        emoji=False,
        highlight=False,
    )


def _has_colour(stream: TextIO) -> bool:
    """As https://no-color.org and https://force-color.org have it; the former wins."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and not _is_dumb())


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


def _columns(stream: TextIO) -> int:
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _width(text: str) -> int:
    """How many columns a terminal needs: a Chinese character takes two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
