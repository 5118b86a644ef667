"""Definitions as people write them, and compared as PostgreSQL reads what it has printed.

`role IN ('a', 'b')` on a varchar becomes a cast of an array, and that, read again, an array of
casts. So definitions are compared as if both had been read again, and a list is written as IN.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from pglast import ast, parse_sql, parser
from pglast.visitors import Visitor

from pybase.migrate.sql.names import literal

_FRAMES = ("{}", "ALTER TABLE x ADD {}", "ALTER TABLE x ADD c {}")
"""Statements that a definition is, or is a part of."""


class _CastElements(Visitor):
    """Gives a cast of an array to its elements, and every array no place in a text."""

    def visit_TypeCast(self, _ancestors: Any, node: ast.TypeCast) -> Any:  # noqa: N802
        of = node.typeName
        if not isinstance(node.arg, ast.A_ArrayExpr) or of is None or not of.arrayBounds:
            return None
        kind = ast.TypeName(
            names=of.names, setof=False, pct_type=False, typmods=of.typmods, typemod=of.typemod
        )
        elements = node.arg.elements or ()
        casts = tuple(ast.TypeCast(arg=element, typeName=kind) for element in elements)
        return ast.A_ArrayExpr(elements=casts)

    def visit_A_ArrayExpr(self, _ancestors: Any, node: ast.A_ArrayExpr) -> None:  # noqa: N802
        node.list_start = node.list_end = None


def read_alike(one: str, other: str) -> bool:
    """Whether two definitions are the same once PostgreSQL has read what it printed."""
    return one == other or ("ARRAY[" in one and _read(one) == _read(other))


def _read(definition: str) -> Any:
    for frame in _FRAMES:
        try:
            tree = parse_sql(frame.format(definition))
        except parser.ParseError:
            continue
        _CastElements()(tree)
        return tree
    return definition


_OPERATORS = {("=", "ANY"): "IN", ("<>", "ALL"): "NOT IN"}
_BOUNDS = ("modulus", "remainder")
_NAMES = ("PUBLIC", "VALUE")
"""What PostgreSQL prints in upper case, though it is a name like any other."""
_TEXTS = ("text", "varchar", "bpchar")


@lru_cache(4096)
def readable(sql: str) -> str:
    """Return SQL that PostgreSQL printed as a person writes it.

    That is `IN (...)`, TRUE and MODULUS in upper case as NULL is, names in lower case, and without
    the schema public, but for functions: those of pg_catalog are found first.
    """
    try:
        tokens = parser.scan(sql)
    except parser.ParseError:
        return sql
    end, kept = 0, []
    for start, stop, instead in sorted(_replacements(sql, tokens)):
        if start >= end:
            kept += [sql[end:start], instead]
            end = stop
    return "".join([*kept, sql[end:]])


def _replacements(sql: str, tokens: Sequence[Any]) -> Iterator[tuple[int, int, str]]:
    """Yield where a list of values is, and what to write instead."""
    words = [sql[token.start : token.end + 1] for token in tokens]
    for place, token in enumerate(tokens):
        if words[place : place + 2] == ["public", "."] and not _is_called(words, place):
            yield token.start, tokens[place + 1].end + 1, ""
        if token.name in ("TRUE_P", "FALSE_P"):
            yield token.start, token.end + 1, token.name.removesuffix("_P")
        if words[place] in _BOUNDS and "PARTITION" in words:
            yield token.start, token.end + 1, words[place].upper()
        if words[place] in _NAMES:
            yield token.start, token.end + 1, words[place].lower()
    for place in range(1, len(tokens) - 1):
        if words[place] not in ("ANY", "ALL") or words[place + 1] != "(":
            continue
        last = _closing(words, place + 1)
        inner = sql[tokens[place + 1].end + 1 : tokens[last].start]
        values, is_cast = _values(inner)
        operator = _OPERATORS.get((words[place - 1], words[place]))
        if operator is None or not values:
            yield tokens[place].end + 1, tokens[place + 1].start, ""  # `ANY(`, as of a function
            continue
        first, left = _operand(words, place - 1) if is_cast else (place - 1, "")
        listed = f"{operator} ({', '.join(values)})"
        yield tokens[first].start, tokens[last].end + 1, f"{left}{listed}"


def _is_called(words: Sequence[str], place: int) -> bool:
    """Whether a qualified name is that of a function that an expression calls."""
    before, after = words[place - 1] if place else "", words[place + 3 : place + 4]
    return after == ["("] and before not in ("REFERENCES", "ON", "INTO", "FUNCTION", "PROCEDURE")


def _closing(words: Sequence[str], place: int) -> int:
    """Return the place of the bracket that closes the one at `place`."""
    depth = 0
    for index in range(place, len(words)):
        depth += (words[index] == "(") - (words[index] == ")")
        if depth == 0:
            return index
    return len(words) - 1


def _operand(words: Sequence[str], operator: int) -> tuple[int, str]:
    """Return where an operand ends without the cast that a list of varchar implies."""
    if tuple(words[operator - 2 : operator]) != ("::", "text"):
        return operator, ""
    if operator >= 5 and words[operator - 3] == ")" and words[operator - 5] == "(":
        return operator - 5, f"{words[operator - 4]} "
    return operator - 2, " "


def _values(array: str) -> tuple[list[str], bool]:
    """Return the values of an array as literals, and whether it is cast to text as a whole.

    Empty where a value is of a type that the list alone would not give it.
    """
    try:
        select: Any = parse_sql(f"SELECT {array}")[0].stmt
    except parser.ParseError:
        return [], False
    node = select.targetList[0].val
    is_cast = isinstance(node, ast.TypeCast)
    elements = getattr(node.arg if is_cast else node, "elements", None) or ()
    kinds = {_kind(element) for element in elements}
    if len(kinds) != 1 or len(elements) < 2 or is_cast != (kinds == {"varchar"}):
        return [], False
    (kind,) = kinds
    if kind == "integer":
        return [str(element.val.ival) for element in elements], False
    is_known = kind in _TEXTS or "." in kind
    return [literal(e.arg.val.sval) for e in elements] if is_known else [], is_cast


def _kind(element: Any) -> str:
    """Return the type of a literal: empty for another expression."""
    if isinstance(element, ast.A_Const) and isinstance(element.val, ast.Integer):
        return "integer"
    is_text = isinstance(element, ast.TypeCast) and isinstance(element.arg, ast.A_Const)
    if not is_text or not isinstance(element.arg.val, ast.String):
        return ""
    return ".".join(n.sval for n in element.typeName.names).removeprefix("pg_catalog.")
