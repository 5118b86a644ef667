"""How SQL that PostgreSQL wrote is laid out for a reviewer: lines below 100, four spaces.

Knows nothing of catalogs or revisions. Only white space and brackets that PostgreSQL doubles are
touched, by the tokens of PostgreSQL's own scanner, so no literal and no quoted name can be harmed.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace
from pglast import parser

WIDTH = 100
"""The longest line, in characters, that is not broken."""

_CLOSING = {"(": ")", "[": "]"}
SEQUENCE_CLAUSES = frozenset({"INCREMENT", "MINVALUE", "MAXVALUE", "START", "CACHE"})
_CLAUSES = SEQUENCE_CLAUSES | {
    *("REFERENCES", "WHERE", "INCLUDE", "USING", "FOR", "EXECUTE", "WITH", "TO", "IS", "FROM")
}
_IN_BRACKETS = SEQUENCE_CLAUSES | {"AND", "OR"}
_DOUBLED_AFTER = {"CHECK", "USING"}
_VIEW_CLAUSE = re.compile(r"^(?: {1,3}(?=[A-Z])| {5}(?=[A-Z ]*JOIN ))", re.MULTILINE)
_FUNCTION_HEAD = re.compile(r"^ (?=[A-Z])", re.MULTILINE)


class _Word(Struct, frozen=True):
    """One token, and whether white space precedes it."""

    text: str
    spaced: bool


class _Group(Struct, frozen=True):
    """A pair of brackets and what is between them."""

    opening: str
    spaced: bool
    nodes: "list[_Node]" = []


_Node: TypeAlias = _Word | _Group


def lay_out(sql: str, indent: int = 0) -> str:
    """Return one statement, or one line of a CREATE TABLE, broken where it is too long.

    Every line begins with at least `indent` spaces. Text that has lines already (a table put
    together from laid out lines, a view, a function) keeps them, but for PostgreSQL's odd margins.
    What pglast's scanner refuses is returned unchanged.
    """
    margin = " " * indent
    if "\n" in sql:
        return margin + _unpadded(sql)
    try:
        nodes = _cleaned(_tree(sql))
    except parser.ParseError:
        return margin + sql
    return "\n".join(_lines(nodes, margin, _CLAUSES))


def break_line(line: str, margin: str, borders: frozenset[str]) -> str:
    """Return one line broken before `borders` where it is too long; no token of it changes.

    Raises pglast's ParseError for text that its scanner refuses.
    """
    return "\n".join(_lines(_tree(line), margin, borders))


def _unpadded(sql: str) -> str:
    """Take the margin from the clauses of a view, or from the head of a function."""
    if re.match(r"CREATE (MATERIALIZED )?VIEW ", sql):
        head, _, body = sql.partition("\n")
        body = re.sub(r"^ *SELECT (?=.*,\n)", "SELECT\n    ", body)
        return f"{head}\n{_VIEW_CLAUSE.sub('', body)}"
    if sql.startswith("CREATE OR REPLACE "):
        head, mark, body = sql.partition("\nAS ")
        return _FUNCTION_HEAD.sub("", head) + mark + body
    return sql


def _tree(sql: str) -> list[_Node]:
    """Nest the tokens of `sql` by its brackets. pglast's `end` is the last character of a token."""
    levels: list[list[_Node]] = [[]]
    end = 0
    for token in parser.scan(sql):
        word = _Word(sql[token.start : token.end + 1], token.start > end)
        end = token.end + 1
        if word.text in _CLOSING:
            group = _Group(word.text, word.spaced)
            levels[-1].append(group)
            levels.append(group.nodes)
        elif word.text in _CLOSING.values() and len(levels) > 1:
            levels.pop()
        else:
            levels[-1].append(word)
    return levels[0]


def _cleaned(nodes: list[_Node]) -> list[_Node]:
    """Write `REFERENCES t (a)`, `ANY(...)`, `CHECK (...)` and the bare predicate of an index.

    The grammar wants the brackets after WHERE in an exclusion constraint and a publication.
    """
    cleaned: list[_Node] = []
    is_index = any(_text(node) == "INDEX" for node in nodes[:3])
    is_referenced = False
    for place, node in enumerate(nodes):
        before = _text(cleaned[-1]) if cleaned else ""
        if not isinstance(node, _Group):
            is_referenced = is_referenced or node.text == "REFERENCES"
            cleaned.append(node)
            continue
        inner = _cleaned(node.nodes)
        if before in _DOUBLED_AFTER and len(inner) == 1 and isinstance(inner[0], _Group):
            inner = inner[0].nodes
        if is_index and before == "WHERE" and place == len(nodes) - 1:
            cleaned += [replace(inner[0], spaced=True), *inner[1:]]
        else:
            spaced = (node.spaced or is_referenced) and before != "ANY"
            cleaned.append(replace(node, spaced=spaced, nodes=inner))
        is_referenced = False
    return cleaned


def _text(node: _Node) -> str:
    """Return a node as it is on one line, without the space before it."""
    if isinstance(node, _Word):
        return node.text
    return node.opening + _flat(node.nodes) + _CLOSING[node.opening]


def _flat(nodes: list[_Node]) -> str:
    return "".join(" " * node.spaced + _text(node) for node in nodes).strip()


def _lines(nodes: list[_Node], margin: str, borders: frozenset[str]) -> Iterator[str]:
    """Yield `nodes` as lines: one, or cut before `borders`, or with the longest bracket open."""
    if len(margin) + len(_flat(nodes)) < WIDTH:
        yield margin + _flat(nodes)
        return
    clauses = _split(nodes, lambda node: _text(node) in borders)
    if len(clauses) == 1 and _text(nodes[0]) == "ALTER":
        clauses = _split(nodes, lambda node: _text(node) == ",", after=True)
    if len(clauses) > 1:
        for clause in clauses:
            yield from _lines(clause, margin, borders)
        return
    if _text(nodes[0]) == "SELECT" and nodes[1:]:
        yield f"{margin}SELECT"
        for target in _split(nodes[1:], lambda node: _text(node) == ",", after=True):
            yield from _lines(target, margin + " " * 4, borders)
        return
    groups = [node for node in nodes if isinstance(node, _Group) and node.nodes]
    if groups:
        yield from _opened(nodes, max(groups, key=lambda group: len(_text(group))), margin)
    else:
        yield margin + _flat(nodes)


def _opened(nodes: list[_Node], group: _Group, margin: str) -> Iterator[str]:
    """Yield `nodes` with what `group` holds on lines of its own."""
    place = next(place for place, node in enumerate(nodes) if node is group)
    yield margin + _flat([*nodes[:place], _Word(group.opening, group.spaced)])
    inner = margin + " " * 4
    parts = _split(group.nodes, lambda node: _text(node) == ",", after=True)
    if group.opening == "[":
        yield from _filled(parts, inner)
    else:
        for part in parts:
            yield from _lines(part, inner, _IN_BRACKETS)
    yield margin + _flat([_Word(_CLOSING[group.opening], False), *nodes[place + 1 :]])


def _filled(parts: list[list[_Node]], margin: str) -> Iterator[str]:
    """Yield short items, as those of an array are, as many on a line as it holds."""
    line = margin
    for part in parts:
        text = _flat(part)
        if line != margin and len(line) + 1 + len(text) >= WIDTH:
            yield line
            line = margin
        line += text if line == margin else f" {text}"
    yield line


def _split(
    nodes: list[_Node], is_border: Callable[[_Node], bool], *, after: bool = False
) -> list[list[_Node]]:
    """Cut `nodes` before each border, or behind it."""
    parts: list[list[_Node]] = [[]]
    for node in nodes:
        if not after and is_border(node) and parts[-1]:
            parts.append([])
        parts[-1].append(node)
        if after and is_border(node):
            parts.append([])
    return [part for part in parts if part]
