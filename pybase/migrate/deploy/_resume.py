"""What a statement outside a transaction leaves behind when it is stopped half-way."""

from typing import Any

import psycopg
from pglast import ast
from pglast.stream import RawStream
from psycopg import sql

from pybase.migrate.sql.grammar._parse import parsed

_PARTLY = (ast.CallStmt, ast.DoStmt, ast.ReindexStmt, ast.VacuumStmt, ast.ClusterStmt)
"""They may commit on their way."""


def is_undone_whole(statement: str) -> bool:
    """Whether the server undoes all of it when it fails; what nobody can read is not trusted."""
    tree = parsed(statement)
    if tree is None or isinstance(tree, _PARTLY) or getattr(tree, "concurrent", False):
        return False
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    return not any(getattr(each.def_, "concurrent", False) for each in commands)


def is_done_already(statement: str, error: psycopg.Error) -> bool:
    """Whether the server refuses a statement because there is nothing left of it to be done."""
    tree = parsed(statement)
    if isinstance(error, psycopg.errors.DuplicateObject):
        return isinstance(tree, ast.AlterEnumStmt) and tree.newVal is not None and not tree.oldVal
    return isinstance(tree, ast.DropStmt) and bool(tree.concurrent)


def new_index(statement: str) -> tuple[str, str] | None:
    """Return (table, name) of the index that a CREATE INDEX CONCURRENTLY makes, else None."""
    tree = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or not tree.concurrent or not tree.idxname:
        return None
    assert tree.relation is not None
    parts = [part for part in (tree.relation.schemaname, tree.relation.relname) if part]
    return sql.Identifier(*parts).as_string(None), tree.idxname


def makes(statement: str, definition: str) -> bool:
    """Whether a CREATE INDEX statement makes what `pg_get_indexdef` tells of an index."""
    return _plain(statement) == _plain(definition)


def _plain(statement: str) -> str | None:
    """Return a CREATE INDEX without what says how and not what, and without its schema."""
    tree: Any = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or tree.relation is None:
        return None
    tree = ast.IndexStmt(tree(skip_none=True))  # parsed statements are shared: this is a copy
    tree.concurrent = tree.if_not_exists = False
    tree.relation.schemaname = None
    return str(RawStream()(tree))
