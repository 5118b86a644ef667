"""Terminal output: control characters shown as text, passwords hidden, styles as colours.

Results go to standard output (`result`, and `data` for programs), everything else to standard error
(`note`, `echo`, `error`). No other module prints. Output that cannot be written is dropped: it is
not worth stopping a migration midway. Away from a terminal each line is written without
its styles, and Rich, which takes 20 ms to import, is not imported.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from pybase.core.errors import PybaseError
from pybase.core.style import clean, segments, style, width
from pybase.core.urls import redacted

if TYPE_CHECKING:
    from rich.console import Console  # 50 ms, at a terminal only
    from rich.text import Text  # 50 ms, at a terminal only

_ARGUMENT = r'(?:--?[\w-]+(?: [\w.]+:[\w.]+)?|"[^"]*")'
_COMMAND = (
    rf"(?:\bnox -s [\w-]+(?: -- (?:{_ARGUMENT}|[\w:.+-]*\w)(?: {_ARGUMENT})*)?"
    r"|(?<=[`(])(?:alembic|git) [^`()]+(?=[`)]))"
)
_OPTION = r"(?<![\w-])--(?:force|database|rename) [\w.:-]*\w|(?<![\w-])--[a-z][a-z-]+"
_WORD = rf"\s*(?:(?<=  )\([^()]{{,70}}\)$|\S*{_COMMAND}\S*|\S+)"
_COLUMN = r"^ *(?:(?:error|warning|hint): )?|(?<=\S) {2,}(?!\()"
_PART = r"\s*[^;]+(?:;|$)"

_drawing: "Console | None" = None
"""Console of the progress bar on standard error: lines written meanwhile go above it."""


def open_streams() -> None:
    """Give a process without standard streams (`>&-`) those of the null device.

    Else the next file that is opened would be its standard output.
    """
    _lost.clear()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def close_streams() -> OSError | None:
    """Flush both streams, as Python does at its end; return why output is lost, if it is.

    A reader that has gone has lost nothing that it waited for.
    """
    for stream in (sys.stdout, sys.stderr):
        with _droppable(stream):
            stream.flush()
    return _lost[0] if _lost else None


_lost: list[OSError] = []
"""Why output of this command is lost."""


@contextmanager
def _droppable(stream: TextIO) -> Iterator[None]:
    """Point a stream that cannot be written to the null device, with what it holds still."""
    try:
        yield
    except (OSError, ValueError) as error:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            _lost.append(error)


def result(text: str) -> None:
    """Write a result, one line or several, to standard output."""
    _write(sys.stdout, text)


def note(text: str) -> None:
    """Write what a person follows to standard error."""
    _write(sys.stderr, text)


def echo(code: str) -> None:
    """Write a statement that runs to standard error: dim, and never wrapped."""
    _write(sys.stderr, style(code, "dim"), is_code=True)


def error(error: PybaseError) -> None:
    """Write the code, the problem and the hint of an error to standard error."""
    label = f"error[{error.code}]:" if error.code else "error:"
    sentence = re.match(r".*?[.:](?= [A-Z\d]|$)", error.problem, re.MULTILINE)
    first = sentence[0] if sentence else ""
    problem = (style(first, "red") if first else "") + error.problem[len(first) :]
    hint = f"\n{style('hint:', 'bold')} {error.hint}" if error.hint else ""
    note(f"{style(label, 'bold')} {problem}{hint}")


def data(text: str) -> None:
    """Write what a program reads to standard output, unchanged, in UTF-8."""
    with _droppable(sys.stdout):
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.buffer.flush()


def ask(question: str) -> bool:
    """Ask the user a question; any answer but yes is no."""
    return ask_name(f"{question} [y/N]").lower() in ("y", "yes")


def ask_name(question: str) -> str:
    """Ask the user for a name."""
    _write(sys.stderr, question, end=" ")
    return sys.stdin.readline().strip()


def can_ask() -> bool:
    """Return whether a user can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def can_draw() -> bool:
    """Return whether standard error is a terminal on which a line can be drawn over."""
    return sys.stderr.isatty() and not _is_dumb()


@contextmanager
def drawing() -> Iterator["Console"]:
    """Yield the console on which a progress bar is drawn, on standard error."""
    global _drawing
    _drawing = _console(sys.stderr)
    try:
        yield _drawing
    finally:
        _drawing = None


def _write(stream: TextIO, text: str, *, is_code: bool = False, end: str = "\n") -> None:
    encoding = stream.encoding or "utf-8"
    parts = [
        (part.encode(encoding, "backslashreplace").decode(encoding), name)
        for part, name in segments(clean(redacted(text)))
    ]
    plain = "".join(part for part, _ in parts)
    is_terminal = stream.isatty()
    with _droppable(stream):
        if is_terminal and _drawing is not None:
            _write_rich(_drawing, parts, end, is_code=is_code)
        elif _has_colour(stream) or (is_terminal and not is_code and _is_long(plain, stream)):
            console = _console(stream)
            with console.capture() as captured:  # Rich ends the process where it cannot write
                _write_rich(console, parts, end, is_code=is_code)
            stream.write(captured.get())
        else:
            stream.write(plain + end)
        stream.flush()


def _is_long(text: str, stream: TextIO) -> bool:
    columns = _columns(stream)
    return any(width(line) > columns for line in text.split("\n"))


def _write_rich(
    console: "Console", parts: list[tuple[str, str]], end: str, *, is_code: bool
) -> None:
    from rich.text import Text  # 50 ms, at a terminal only

    text = Text.assemble(*parts)
    if not is_code:
        text.highlight_regex(_COMMAND, "bold cyan")
        text.highlight_regex(_OPTION, "bold cyan")
        if console.file.isatty():
            lines = text.split("\n", allow_blank=True)
            text = Text("\n").join(piece for line in lines for piece in _wrapped(line, console))
    console.print(text, soft_wrap=True, end=end)


def _wrapped(line: "Text", console: "Console") -> Iterator["Text"]:
    """Wrap a line under the last column that begins in its left half, except a final aside."""
    if width(line.plain) <= console.width:
        yield line
        return
    columns = [match.end() for match in re.finditer(_COLUMN, line.plain)]
    hang = max((column for column in columns if column <= console.width // 2), default=0)
    head, rest = line.divide([hang])
    for piece in rest.divide(_breaks(rest.plain, console.width - hang)):
        piece.rstrip()
        yield head + piece
        head = line.blank_copy(" " * hang)


def _breaks(text: str, columns: int) -> Iterator[int]:
    """Yield where a line is broken: between the parts of a list, or else between words.

    A command or a path, which the user may copy, is never broken.
    """
    words = list(re.finditer(_PART, text))
    if text.count("; ") < 2 or any(width(word[0]) > columns for word in words):
        words = list(re.finditer(_WORD, text))
    column = 0
    for word in words:
        if column and column + width(word[0]) > columns:
            yield word.end() - len(word[0].lstrip())
            column = width(word[0].lstrip())
        else:
            column += width(word[0])


def _console(stream: TextIO) -> "Console":
    from rich.console import Console  # 50 ms, at a terminal only

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
    """Apply https://no-color.org and https://force-color.org; the former wins."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and not _is_dumb())


def _is_dumb() -> bool:
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


def _columns(stream: TextIO) -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80
