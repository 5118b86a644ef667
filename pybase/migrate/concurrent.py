"""What a statement outside a transaction leaves behind when it is stopped half-way."""

from pglast import ast
from psycopg import sql

from pybase.migrate.syntax import parsed

_PARTLY = (ast.CallStmt, ast.DoStmt, ast.ReindexStmt, ast.VacuumStmt, ast.ClusterStmt)
"""They may commit on their way."""


def is_undone_whole(statement: str) -> bool:
    """Whether the server undoes all of it when it fails; what nobody can read is not trusted."""
    tree = parsed(statement)
    if tree is None or isinstance(tree, _PARTLY) or getattr(tree, "concurrent", False):
        return False
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    return not any(getattr(each.def_, "concurrent", False) for each in commands)


def new_index(statement: str) -> tuple[str, str] | None:
    """Return (table, name) of the index that a CREATE INDEX CONCURRENTLY makes, else None."""
    tree = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or not tree.concurrent or not tree.idxname:
        return None
    assert tree.relation is not None
    parts = [part for part in (tree.relation.schemaname, tree.relation.relname) if part]
    return sql.Identifier(*parts).as_string(None), tree.idxname
