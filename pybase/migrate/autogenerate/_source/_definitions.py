"""Definitions that PostgreSQL printed, parsed by PostgreSQL's own grammar.

The structure is that of the parse tree, the text of an expression from the definition itself.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

from msgspec import Struct
from pglast import parse_sql, parser

from pybase.migrate.autogenerate._source._printed import readable
from pybase.migrate.sql.names import quote

_OPEN, _CLOSE, _COMMA = ("ASCII_40", "ASCII_91"), ("ASCII_41", "ASCII_93"), "ASCII_44"


def parse_statement(sql: str) -> Any:
    """Return the parse tree of one statement."""
    return parse_sql(sql)[0].stmt


@lru_cache(4096)
def parse_constraint(definition: str) -> Any:
    """Return the parse tree of what `pg_get_constraintdef` printed."""
    return parse_statement(f"ALTER TABLE x ADD {definition}").cmds[0].def_


def names(nodes: Iterable[Any] | None) -> list[str]:
    """Return the text of the name nodes of a parse tree, unquoted."""
    return [node.sval for node in nodes or ()]


def option_values(nodes: Iterable[Any] | None) -> dict[str, str]:
    """Return options, as of `WITH (...)` or of a sequence, as text."""
    return {node.defname: _value(node.arg) for node in nodes or ()}


def _value(node: Any) -> str:
    for attribute in ("sval", "ival", "fval", "boolval"):
        if hasattr(node, attribute):
            return str(getattr(node, attribute))
    return ".".join(names(node.names)) if hasattr(node, "names") else "true"


def _tokens(sql: str) -> Iterator[tuple[int, Any]]:
    """Yield the tokens, each with the number of brackets that are open around it."""
    depth = 0
    for token in parser.scan(sql):
        depth -= token.name in _CLOSE
        yield depth, token
        depth += token.name in _OPEN


def first_bracket(sql: str) -> str:
    """Return what the first bracket holds, empty where there is none."""
    outer = [token for depth, token in _tokens(sql) if depth == 0]
    start = next((token.end for token in outer if token.name == _OPEN[0]), None)
    if start is None:
        return ""
    return sql[start + 1 : next(token.start for token in outer if token.name == _CLOSE[0])]


def unbracketed(expression: str) -> str:
    """Return an expression without its outermost brackets, if they hold all of it."""
    inner = first_bracket(expression)
    return inner if expression == f"({inner})" else expression


def check_expression(definition: str) -> str:
    """Return the expression of a check."""
    return readable(unbracketed(first_bracket(definition)))


def renamed(expression: str, old: str, new: str) -> str:
    """Return an expression with another name for a column."""
    for token in reversed(parser.scan(expression)):
        if expression[token.start : token.end + 1] == old:
            expression = f"{expression[: token.start]}{new}{expression[token.end + 1 :]}"
    return expression


class Index(Struct, frozen=True):
    """An index: the parse tree, and the text of its elements and of its predicate."""

    tree: Any
    elements: tuple[str, ...]
    where: str
    tail: str
    """The definition from USING on."""

    @property
    def table(self) -> str:
        """The name of its table, quoted and qualified."""
        return table_name(self.tree.relation)

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The names of its elements, None for each that is more than a column."""
        return tuple(
            None if part.collation or part.opclass or part.ordering or part.nulls_ordering
            else part.name
            for part in self.tree.indexParams
        )  # fmt: skip

    @property
    def keys(self) -> list[str]:
        """The columns and expressions alone, without collation, operator class and order."""
        return [
            quote(part.name)
            if part.name
            else f"{element.partition('(')[0]}({first_bracket(element)})"
            for part, element in zip(self.tree.indexParams, self.elements, strict=True)
        ]


def table_name(node: Any) -> str:
    """Return the quoted and qualified name of a table in a parse tree."""
    return f"{quote(node.schemaname or 'public')}.{quote(node.relname)}"


@lru_cache(4096)
def parse_index(definition: str) -> Index:
    """Parse what `pg_get_indexdef` printed."""
    definition = readable(definition)
    tokens = list(_tokens(definition))
    outer = [token for depth, token in tokens if depth == 0]
    using, start, end = (
        next(token.start for token in outer if token.name == name)
        for name in ("USING", _OPEN[0], _CLOSE[0])
    )
    commas = (t.start for depth, t in tokens if depth == 1 and t.name == _COMMA and t.start < end)
    where = (definition[token.end + 1 :].strip() for token in outer if token.name == "WHERE")
    return Index(
        parse_statement(definition),
        tuple(
            definition[one + 1 : other].strip() for one, other in pairwise([start, *commas, end])
        ),
        next(where, ""),
        definition[using:],
    )
