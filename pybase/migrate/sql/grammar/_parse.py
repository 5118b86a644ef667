"""Single statements, read by PostgreSQL's own grammar."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any

from pglast import ast, parser
from pglast import parse_sql as _parse
from pglast.enums import ObjectType

from pybase.migrate.sql.grammar._split import words

WRITES = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


@lru_cache(maxsize=512)
def parsed(sql: str) -> Any:
    """Return the tree of one statement, or None where the grammar does not know it."""
    try:
        statements = _parse(sql)
    except parser.ParseError:
        return None
    return statements[0].stmt if statements else None


def is_kind(sql: str, *kinds: type) -> bool:
    """Whether the statement is one of these."""
    return isinstance(parsed(sql), kinds)


def is_opaque(sql: str) -> bool:
    """Whether it runs code that its text does not show: a DO block, CALL, a function."""
    return is_kind(sql, ast.DoStmt, ast.SelectStmt, ast.CallStmt)


def names(sql: str) -> Iterator[Any]:
    """Return the relations that a statement names, as RangeVars, in the order of its text."""
    tree = parsed(sql)
    if isinstance(tree, ast.DropStmt):
        yield from dropped_names(tree)
    elif tree is not None:
        yield from nodes(tree, ast.RangeVar)


def dropped_names(tree: ast.DropStmt) -> Iterator[Any]:
    """Return the relations that a DROP names, or what it drops is on, as RangeVars."""
    end = -1 if tree.removeType in _OF_RELATIONS else None
    is_named = end or tree.removeType in _RELATIONS
    for *schema, name in (item[:end] for item in tree.objects or () if is_named):
        yield ast.RangeVar(relname=name.sval, schemaname=schema[-1].sval if schema else None)


_RELATIONS = (
    *(ObjectType.OBJECT_TABLE, ObjectType.OBJECT_FOREIGN_TABLE, ObjectType.OBJECT_INDEX),
    *(ObjectType.OBJECT_VIEW, ObjectType.OBJECT_MATVIEW, ObjectType.OBJECT_SEQUENCE),
)
_OF_RELATIONS = (ObjectType.OBJECT_TRIGGER, ObjectType.OBJECT_RULE, ObjectType.OBJECT_POLICY)
"""What DROP names behind its table."""


def nodes(tree: Any, kind: type) -> Iterator[Any]:
    """Return the outermost nodes of a kind, in the order of the text."""
    if isinstance(tree, kind):
        yield tree
    elif isinstance(tree, tuple | list):
        for item in tree:
            yield from nodes(item, kind)
    elif isinstance(tree, ast.Node):
        for field in tree:
            yield from nodes(getattr(tree, field), kind)


def code_words(sql: str) -> list[str]:
    """Return the tokens of a statement in lower case; of a DO block, those of its code.

    What such code has in literals may be SQL too, for EXECUTE: their tokens follow them.
    """
    if not is_kind(sql, ast.DoStmt):
        return [word.lower() for word in words(sql)]
    return [inner.lower() for word in block_words(sql) for inner in _literal(word)]


def block_words(sql: str) -> list[str]:
    """Return the tokens of the code of a DO block."""
    options = parsed(sql).args or ()
    bodies = (option.arg.sval for option in options if option.defname == "as")
    return [word for body in bodies for word in words(body)]


@lru_cache(maxsize=512)
def statements(sql: str) -> tuple[str, ...]:
    """Return the statements that a DO block contains, or runs as a literal; else the one itself.

    Those in conditions are left out, and so is what the block composes when it runs.
    """
    if not is_kind(sql, ast.DoStmt):
        return (sql,)
    return tuple(statement for _, statement in block_parts(sql) if statement)


def trees(sql: str) -> Iterator[Any]:
    """Yield the tree of each of its `statements`, None where the grammar does not know it."""
    return map(parsed, statements(sql))


def block_parts(sql: str) -> Iterator[tuple[str, str]]:
    """Return the parts of a DO block: words of the block, and the statement behind them, if any."""
    for is_end, tokens in groupby(block_words(sql), ";".__eq__):
        text = " ".join(tokens)
        match = None if is_end else _STATEMENT.match(text)
        yield (match["block"], _executed(match["sql"])) if match else (text, "")


_STATEMENT = re.compile(
    r"(?P<block>|.*?\b(begin|then|else|loop) )"
    r"(?P<sql>(execute|alter|create|drop|truncate|insert|update|delete|merge|lock|comment|grant|"
    r"revoke|cluster|reindex|refresh|analyze|set|call) .*)",
    re.IGNORECASE | re.DOTALL,
)
"""A statement behind words of the block, as tokens with a blank between them."""


def _executed(sql: str) -> str:
    """Return the text of an EXECUTE with a literal; any other statement is itself."""
    execute, *rest = words(sql)
    match = _LITERAL.fullmatch(rest[0]) if rest and execute.lower() == "execute" else None
    is_plain = match and (len(rest) == 1 or rest[1].lower() in ("using", "into"))
    return match["text"].replace("''", "'") if match and is_plain else sql


def _literal(word: str) -> list[str]:
    match = _LITERAL.fullmatch(word)
    return [word, *(words(match["text"].replace("''", "'")) if match else ())]


_LITERAL = re.compile(r"(?s)e?(?P<quote>'|\$\w*\$)(?P<text>.*)(?P=quote)", re.IGNORECASE)


def is_write(sql: str) -> bool:
    """Whether the statement is plain DML."""
    return is_kind(sql, *WRITES)
