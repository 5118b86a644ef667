"""Resumption: what a statement outside a transaction leaves behind when it is interrupted."""

from collections.abc import Callable
from typing import Any

import psycopg
from pglast import ast
from pglast.stream import RawStream
from psycopg import sql

from pybase.migrate.sql.grammar import parsed

_PARTLY = (ast.CallStmt, ast.DoStmt, ast.ReindexStmt, ast.VacuumStmt, ast.ClusterStmt)
"""These may commit in between."""


def is_rolled_back(statement: str) -> bool:
    """Whether the server rolls it back completely on failure; unparsable text is not trusted."""
    tree = parsed(statement)
    if tree is None or isinstance(tree, _PARTLY) or getattr(tree, "concurrent", False):
        return False
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    return not any(getattr(command.def_, "concurrent", False) for command in commands)


def is_built(
    connection: psycopg.Connection[Any], statement: str, note: Callable[[str], None]
) -> bool:
    """Whether an interrupted run has built the index; one that it left invalid is dropped.

    IF NOT EXISTS would accept that one, and without it the name would be taken.
    """
    index = _new_index(statement)
    row = connection.execute(_INDEX, index).fetchone() if index else None
    if row is None:
        return False
    schema, name, is_valid, definition = row
    if not is_valid:
        note(f"dropping {name}, which an interrupted run has left invalid")
        connection.execute("SET lock_timeout = 0")
        connection.execute(
            sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(schema, name))
        )
        return False
    if not _creates(statement, definition):
        return False
    note(f"{name} is there, and valid: an interrupted run has built it")
    return True


_INDEX = """
SELECT n.nspname, c.relname, i.indisvalid, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%s) AND c.relname = %s
"""


def is_done_already(statement: str, error: psycopg.Error) -> bool:
    """Whether the server refuses a statement because it was done before."""
    tree = parsed(statement)
    if isinstance(error, psycopg.errors.DuplicateObject):
        return isinstance(tree, ast.AlterEnumStmt) and tree.newVal is not None and not tree.oldVal
    return isinstance(tree, ast.DropStmt) and bool(tree.concurrent)


def _new_index(statement: str) -> tuple[str, str] | None:
    """Return (table, name) of the index that a CREATE INDEX CONCURRENTLY creates, else None."""
    tree = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or not tree.concurrent or not tree.idxname:
        return None
    assert tree.relation is not None
    parts = [part for part in (tree.relation.schemaname, tree.relation.relname) if part]
    return sql.Identifier(*parts).as_string(None), tree.idxname


def _creates(statement: str, definition: str) -> bool:
    """Whether a CREATE INDEX statement creates what `pg_get_indexdef` returns."""
    return _plain(statement) == _plain(definition)


def _plain(statement: str) -> str | None:
    """Return a CREATE INDEX without its schema and without CONCURRENTLY and IF NOT EXISTS."""
    tree: Any = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or tree.relation is None:
        return None
    tree = ast.IndexStmt(tree(skip_none=True))  # parsed statements are shared: this is a copy
    tree.concurrent = tree.if_not_exists = False
    tree.relation.schemaname = None
    return str(RawStream()(tree))
