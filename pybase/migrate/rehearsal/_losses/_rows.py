"""Rows that statements delete or overwrite in tables that stay, with the condition for them."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pglast import ast, enums
from pglast.stream import RawStream

from pybase.migrate.catalog import State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.sql import parse_backfill, quote
from pybase.migrate.sql.grammar import WRITES, is_opaque, nodes, parsed
from pybase.migrate.sql.lock_modes import ROW_EXCLUSIVE

_CHANGES = (ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)


def changed_rows(start: State, observation: Observation, is_first: bool) -> Iterator[Loss]:
    """Yield the rows and values, of tables at the start, that a statement may destroy.

    Only of the first statement does its condition select at the start what it will select.
    """
    if parse_backfill(observation.sql) is not None:
        tree = _backfill_update(observation.sql)
        yield from _by_text(start, observation.before, tree, is_first)
        return
    tree = parsed(observation.sql)
    writes = [*_writes(tree)]
    targets = [find_relation(observation.before, write.relation) for write in writes]
    relations = observation.before.relations
    is_read = all(oid is not None and relations[oid].kind in "rp" for oid in targets)
    if is_read:
        for write in writes:
            yield from _by_text(start, observation.before, write, is_first and len(writes) == 1)
    if not is_read or not isinstance(tree, _CHANGES):  # a trigger, a view, a DO block
        yield from _observed(start, observation, set(targets) if is_read else set())


def _writes(tree: Any) -> Iterator[Any]:
    """Yield a statement that writes rows, and those in its WITH."""
    if isinstance(tree, WRITES):
        yield tree
    for kind in WRITES:
        yield from nodes(getattr(tree, "withClause", None), kind)


def _backfill_update(sql: str) -> Any:
    """Return the UPDATE of a backfill, with the condition of the backfill only."""
    text = re.search(r"\bUPDATE .*?(?=\bRETURNING\b)", sql, re.DOTALL)
    tree = parsed(text[0]) if text else None
    if isinstance(tree, ast.UpdateStmt) and isinstance(tree.whereClause, ast.BoolExpr):
        return ast.UpdateStmt(
            relation=tree.relation,
            targetList=tree.targetList,
            whereClause=(tree.whereClause.args or ())[-1],
        )
    return tree


def _by_text(start: State, before: State, write: Any, has_rows: bool) -> Iterator[Loss]:
    oid = find_relation(before, write.relation) if isinstance(write, WRITES) else None
    if oid is None or oid not in start.relations:
        return
    table = start.relations[oid]
    rows = _rows(write) if has_rows else ""
    if _deletes(write):
        yield Loss(table.qualified_name, kind=LossKind.DELETED, rows=rows)
    unset = set(_null_columns(getattr(write, "whereClause", None)))
    names = {column.name: number for number, column in before.relations[oid].columns.items()}
    for name in {target.name for target in _assignments(write)} - unset:
        column = table.columns.get(names.get(name, 0))
        if column is not None and not column.is_dropped:
            yield Loss(table.qualified_name, column.name, LossKind.OVERWRITTEN, rows)


def _rows(write: Any) -> str:
    """Return what follows the table in a FROM for the rows of a statement; "" for all of them."""
    is_joined = any(getattr(write, name, None) for name in ("usingClause", "fromClause"))
    where = getattr(write, "whereClause", None)
    if where is None or is_joined or write.withClause is not None:
        return ""
    alias = write.relation.alias.aliasname if write.relation.alias else write.relation.relname
    return f"AS {quote(alias)} WHERE ({RawStream()(where)})"


def _deletes(write: Any) -> bool:
    commands = (clause.commandType for clause in getattr(write, "mergeWhenClauses", None) or ())
    return isinstance(write, ast.DeleteStmt) or enums.CmdType.CMD_DELETE in commands


def _assignments(write: Any) -> Iterable[Any]:
    """Return the assignments to columns of rows that are there."""
    match write:
        case ast.UpdateStmt():
            return write.targetList or ()
        case ast.InsertStmt() if write.onConflictClause:
            return write.onConflictClause.targetList or ()
        case ast.MergeStmt():
            clauses = write.mergeWhenClauses or ()
            updates = (c for c in clauses if c.commandType == enums.CmdType.CMD_UPDATE)
            return [target for clause in updates for target in clause.targetList or ()]
    return ()


def _null_columns(where: Any) -> Iterator[str]:
    """Yield the columns that are null in every row that a condition selects."""
    if isinstance(where, ast.BoolExpr) and where.boolop == enums.BoolExprType.AND_EXPR:
        for condition in where.args or ():
            yield from _null_columns(condition)
    elif isinstance(where, ast.NullTest) and isinstance(where.arg, ast.ColumnRef):
        if where.nulltesttype == enums.NullTestType.IS_NULL:
            yield where.arg.fields[-1].sval  # type: ignore[index]


def _observed(start: State, observation: Observation, covered: set[Any]) -> Iterator[Loss]:
    """Yield the tables with rows that were changed, or looked for, by code that is not read."""
    is_hidden = is_opaque(observation.sql)
    for oid, table in start.relations.items():
        rows = observation.rows.get(oid)
        if table.kind not in "rp" or oid in covered:
            continue
        is_changed = rows is not None and (rows.updated or rows.deleted)
        is_sought = is_hidden and rows is None and observation.is_scanned(oid)
        if is_changed or (is_sought and observation.gained.get(oid) == ROW_EXCLUSIVE):
            kind = LossKind.DELETED if rows and rows.deleted else LossKind.OVERWRITTEN
            yield Loss(table.qualified_name, kind=kind)
