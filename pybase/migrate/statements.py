"""SQL text: cut it into statements, and tidy its white space, without changing its meaning.

Owns no knowledge of Alembic or of files. What PostgreSQL's own grammar (pglast) cannot read is
left exactly as it was written.
"""

from collections.abc import Iterator
from itertools import pairwise

from pglast import parser

LINE_WIDTH = 100
"""Longest line, in characters, that `tidy` leaves unbroken. The same number as ruff's."""

_CLAUSES = {"ADD_P", "FOREIGN", "REFERENCES", "CHECK", "ON", "WHERE", "INCLUDE", "USING"}
"""Tokens that open a new line when theirs would be too long."""


def split(sql: str) -> list[str]:
    """Cut `sql` into single statements, without terminators, comments kept with what follows.

    Comments behind the last statement are dropped: a terminator put after them would be lost
    in them. Text that PostgreSQL 18's grammar does not know comes back whole, as one statement,
    so that the server itself says what is wrong with it.
    """
    try:
        slices = parser.split(sql, only_slices=True) if ";" in sql or "--" in sql else None
    except parser.ParseError:
        slices = None
    if slices is None:
        whole = sql.strip().rstrip(";").rstrip()
        return [whole] if whole else []
    statements = []
    end = 0
    for each in slices:
        comment = sql[end : each.start].lstrip("; \t\r\n")
        statements.append((comment + sql[each]).strip())
        end = each.stop
    return statements


def tidy(sql: str) -> str:
    """Indent by blanks, end no line with one, and break lines that are too long.

    Only the white space between tokens changes, so no literal and no comment can be harmed.
    """
    if "\t" not in sql and all(
        len(line) <= LINE_WIDTH and line == line.rstrip() for line in sql.split("\n")
    ):
        return sql
    try:
        lines = list(_token_lines(sql))
    except parser.ParseError:
        return sql
    return "".join(text for gap, line in lines for text in (gap, *_broken(gap, line)))


def _token_lines(sql: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Each line as its leading white space and its tokens: (gap before, name, text)."""
    leading, line = "", []
    end = 0
    for token in parser.scan(sql):
        gap = sql[end : token.start]
        text = sql[token.start : token.end + 1]
        if "\n" in gap:
            yield leading, line
            newlines, _, indent = gap.rpartition("\n")
            leading = "\n" * (newlines.count("\n") + 1) + indent.expandtabs(4)
            line = []
            gap = ""
        line.append((gap, token.name, text.rstrip()))
        end = token.end + 1
    yield leading, line


def _broken(leading: str, line: list[tuple[str, str, str]]) -> Iterator[str]:
    """The texts of one line, with line ends before its clauses when it is too long."""
    indent = leading.rpartition("\n")[2]
    length = len(indent) + sum(len(gap) + len(text) for gap, _, text in line)
    depth = 0
    for (gap, name, text), (_, following, _) in pairwise([*line, ("", "", "")]):
        depth += {"(": 1, ")": -1}.get(text, 0)
        opens = name in _CLAUSES and (name != "ON" or following not in ("DELETE_P", "UPDATE"))
        if length > LINE_WIDTH and gap and depth == 0 and opens:
            gap = f"\n{indent or '    '}"
        yield gap + text
