"""Styled text: strings that carry their colours, cleaned and aligned; no output happens here.

A style is a pair of Unicode noncharacters around the text. It survives joining and formatting; only
`segments` and `unstyled` read it, and the terminal shows one or the other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

Style = Literal[
    "bold", "dim", "red", "green", "yellow", "magenta",
    "bold red", "bold green", "bold yellow", "bold cyan",
]  # fmt: skip

_STYLES: tuple[Style, ...] = get_args(Style)
_BEGIN = {name: chr(0xFDD0 + index) for index, name in enumerate(_STYLES)}
_END = "\ufdef"
_STYLED = re.compile(rf"([\ufdd0-{_BEGIN[_STYLES[-1]]}])([^\ufdd0-\ufdef]*){_END}")
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Terminal commands, other line ends, changes of direction, lone surrogates."""

_WIDEST_PADDED = 50
"""Columns of the widest cell that shifts the cells of other rows to the right."""


def style(text: str, name: Style) -> str:
    """Return `text` in a style; a style inside it is dropped."""
    return f"{_BEGIN[name]}{unstyled(text)}{_END}"


def unstyled(text: str) -> str:
    """Return `text` without its styles."""
    return text if text.isascii() else re.sub("[\ufdd0-\ufdef]", "", text)


def segments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of `text` with the style of each, empty where it has none."""
    end = 0
    for match in _STYLED.finditer(text):
        yield unstyled(text[end : match.start()]), ""
        yield match[2], _STYLES[ord(match[1]) - 0xFDD0]
        end = match.end()
    yield unstyled(text[end:]), ""


def clean(text: str) -> str:
    r"""Show control characters as text: `\x1b` for an escape character."""
    if text.replace("\n", "").isprintable():
        return text
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def width(text: str) -> int:
    """Return the columns that a terminal needs: two for a Chinese character, none for a style."""
    text = unstyled(text)
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # 20 ms, and almost all text is ASCII

    return cell_len(text)


def table(rows: Iterable[Sequence[str]], indent: str = "") -> list[str]:
    """Return rows as lines with their cells in columns; the last cell of a row is not padded."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in cells:
        for column, cell in enumerate(row[:-1]):
            if width(cell) <= _WIDEST_PADDED:
                widths[column] = max(widths.get(column, 0), width(cell))
    lines = []
    for *padded, last in cells:
        for column, cell in enumerate(padded):
            padded[column] = cell + " " * (widths.get(column, 0) - width(cell))
        lines.append(indent + "  ".join([*padded, last]).rstrip())
    return lines
