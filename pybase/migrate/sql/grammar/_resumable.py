"""Statements that an interrupted `migrate` can continue behind, although they are committed."""

from typing import Any

from pglast import ast
from pglast.enums import AlterTableType, ConstrType

from pybase.migrate.sql.grammar._newer import REPACK, REPACK_CONCURRENTLY, newer_form
from pybase.migrate.sql.grammar._parse import parsed

_REPEATABLE = (ast.ReindexStmt, ast.VacuumStmt, ast.ClusterStmt, ast.VariableSetStmt)


def is_resumable(statement: str) -> bool:
    """Whether what it leaves behind can be found, or it can be run again."""
    tree = parsed(statement)
    match tree:
        case ast.IndexStmt():
            return bool(tree.concurrent) or is_findable(statement)
        case ast.DropStmt():
            return bool(tree.concurrent or tree.missing_ok)
        case ast.AlterEnumStmt():
            return tree.newVal is not None and not tree.oldVal
        case ast.AlterTableStmt():
            return is_findable(statement) or all(map(_is_repeatable, tree.cmds or ()))
    return isinstance(tree, _REPEATABLE) or newer_form(statement) in (REPACK, REPACK_CONCURRENTLY)


def is_findable(statement: str) -> bool:
    """Whether it only creates an index or NOT VALID constraints, by a name of their own."""
    tree = parsed(statement)
    if isinstance(tree, ast.AlterTableStmt):
        return all(map(_adds_unvalidated, tree.cmds or ()))
    return isinstance(tree, ast.IndexStmt) and bool(tree.idxname)


def _adds_unvalidated(command: Any) -> bool:
    kinds = (ConstrType.CONSTR_CHECK, ConstrType.CONSTR_FOREIGN)
    return (
        command.subtype == AlterTableType.AT_AddConstraint
        and command.def_.contype in kinds
        and bool(command.def_.skip_validation and command.def_.conname)
    )


def _is_repeatable(command: Any) -> bool:
    is_detach = bool(getattr(command.def_, "concurrent", False))
    is_validation = command.subtype == AlterTableType.AT_ValidateConstraint
    return is_detach or is_validation or bool(command.missing_ok)
