"""SQL text cut into statements, with tidy white space and its meaning unchanged.

What PostgreSQL's grammar cannot read is left exactly as it was written.
"""

import re
from collections.abc import Iterator, Sequence

from pglast import parser

from pybase.migrate.sql.grammar._format import SEQUENCE_CLAUSES, WIDTH, break_line

_CLAUSES = SEQUENCE_CLAUSES | {
    *("ADD", "FOREIGN", "REFERENCES", "CHECK", "FROM", "WHERE", "INCLUDE")
}
"""Words that open a new line when theirs would be too long."""

_MORE_CLAUSES = _CLAUSES | {"ALTER", "DROP", "RENAME", "VALIDATE", "TO"}
"""Those that do so where that does not suffice, as with names of 63 characters."""

_COMMENTS = {"SQL_COMMENT", "C_COMMENT"}


def split(sql: str) -> list[str]:
    """Cut `sql` into single statements, without terminators, comments kept with what follows.

    A comment at the end of a statement, or behind the last, is dropped: a terminator put after
    it would be lost in it. Text that PostgreSQL 18's grammar does not know is cut by its tokens, so
    that the server itself reports what is wrong with it.
    """
    try:
        slices = _slices(sql) if ";" in sql or "--" in sql else []
    except parser.ParseError:
        slices = []
    if not slices:
        statement = _without_last_comment(sql.strip()).rstrip("; \t\r\n")
        return [statement] if statement else []
    statements = []
    end = 0
    for place in slices:
        comment = sql[end : place.start].lstrip("; \t\r\n")
        statements.append(_without_last_comment((comment + sql[place]).strip()))
        end = place.stop
    return statements


def _slices(sql: str) -> Sequence[slice]:
    """Return the place of each statement. Raises pglast's ParseError where there are no tokens."""
    try:
        return parser.split(sql, only_slices=True)
    except parser.ParseError:
        # pglast's own split by tokens loses every statement in which no word is a keyword (8.8)
        return [] if _ATOMIC.search(sql) else list(_between_terminators(sql))


def _between_terminators(sql: str) -> Iterator[slice]:
    depth = start = 0
    for token in parser.scan(f"{sql}\n;"):
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(token.name, 0)
        if token.name == "ASCII_59" and depth <= 0:
            if words(sql[start : token.start]):
                yield slice(start, token.start)
            start = token.start + 1


_ATOMIC = re.compile(r"\bBEGIN\s+ATOMIC\b", re.IGNORECASE)
"""The beginning of a body with terminators inside."""


def _without_last_comment(statement: str) -> str:
    if "--" not in statement.rpartition("\n")[2]:
        return statement
    try:
        tokens = [token for token in parser.scan(statement) if token.name not in _COMMENTS]
    except parser.ParseError:
        return statement
    return statement[: tokens[-1].end + 1] if tokens else ""


def words(sql: str) -> list[str]:
    """Return what PostgreSQL sees of `sql`: its tokens, without comments and white space."""
    try:
        tokens = [token for token in parser.scan(sql) if token.name not in _COMMENTS]
    except parser.ParseError:
        return [sql]
    return [sql[token.start : token.end + 1] for token in tokens]


def is_inside_token(sql: str, line: int, column: int) -> bool:
    """Whether a cut before this character, both counted from 1, divides a token."""
    place = sum(len(text) + 1 for text in sql.split("\n")[: line - 1]) + column - 1
    try:
        tokens = [token for token in parser.scan(sql) if token.name not in _COMMENTS]
    except parser.ParseError:
        return False
    return any(token.start < place <= token.end for token in tokens)


def tidy(sql: str) -> str:
    """Indent by blanks and from the margin, end no line with one, and break what is too long.

    Only the white space between tokens changes, so no literal and no comment can be harmed.
    """
    if not _NEEDS_CARE.search(sql) and max(map(len, sql.split("\n"))) < WIDTH:
        return sql
    try:
        lines = list(_lines(sql))
        common = min((len(margin) for margin, tokens in lines[1:] if tokens), default=0)
        tidied = "\n".join(_tidy_line(margin[common:], tokens) for margin, tokens in lines)
        return tidied if _tokens(tidied) == _tokens(sql) else sql
    except parser.ParseError:
        return sql


def _tokens(sql: str) -> list[str]:
    return [sql[token.start : token.end + 1] for token in parser.scan(sql)]


_NEEDS_CARE = re.compile(r"\t|[ \t]$|\n[ \t]|KEY\(", re.MULTILINE)


def _lines(sql: str) -> Iterator[tuple[str, list[str]]]:
    """Each line as its margin and its tokens, these with the white space before them."""
    margin = ""
    line: list[str] = []
    end = 0
    for token in parser.scan(sql):
        gap = sql[end : token.start]
        text = sql[token.start : token.end + 1].rstrip()
        if "\n" in gap:
            yield margin, line
            yield from (("", []) for _ in range(gap.count("\n") - 1))
            margin, line, gap = gap.rpartition("\n")[2].expandtabs(4), [], ""
            margin = "" if margin == " " else margin  # as SQLAlchemy begins PARTITION BY
        if text == "(" and line and line[-1].endswith("KEY"):
            gap = " "  # Alembic writes FOREIGN KEY(a)
        line.append(gap + text)
        end = token.end + 1
    yield margin, line


def _tidy_line(margin: str, tokens: list[str]) -> str:
    line = "".join(tokens)
    if len(margin) + len(line) < WIDTH or "\n" in line or "--" in line:
        return (margin + line).rstrip()
    words = [token.strip() for token in tokens]
    if any(words.count(one) != words.count(other) for one, other in ("()", "[]")):
        return (margin + line).rstrip()  # a bracket that is closed on another line
    broken = break_line(line, margin, _CLAUSES)
    if max(map(len, broken.split("\n"))) < WIDTH:
        return broken
    is_created = words[0] == "CREATE"  # an index; a COMMENT ON is one clause
    return break_line(line, margin, _MORE_CLAUSES | {"ON"} if is_created else _MORE_CLAUSES)
