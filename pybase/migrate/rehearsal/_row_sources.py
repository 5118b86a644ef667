"""The tables that a statement writes, and those whose rows it takes, resolved by its text."""

from collections.abc import Iterator
from typing import Any

from pglast import ast

from pybase.migrate.catalog._state import Relation, State
from pybase.migrate.sql.grammar._parse import WRITES, parsed


def find(state: State, name: Any) -> int | None:
    """Return the oid of the relation that a RangeVar names, public where it says no schema."""
    for oid, each in state.relations.items():
        if each.name == name.relname and each.schema == (name.schemaname or "public"):
            return oid
    return None


def target(sql: str, state: State) -> int | None:
    """Return the table that an INSERT, UPDATE, DELETE or MERGE writes to."""
    tree = parsed(sql)
    return find(state, tree.relation) if isinstance(tree, WRITES) else None


def keeps_to_key(sql: str, state: State) -> bool:
    """Whether an UPDATE or DELETE is held to given keys: `WHERE id = 1`, IN (...), BETWEEN."""
    tree = parsed(sql)
    if not isinstance(tree, ast.UpdateStmt | ast.DeleteStmt):
        return False
    oid = find(state, tree.relation)
    if oid is None or tree.whereClause is None:
        return False
    return _is_held(tree.whereClause, state.relations[oid])


def _is_held(where: Any, table: Relation) -> bool:
    bound = set(_bound_columns(where))
    return any(key <= bound for key in _keys(table))


def sources(sql: str, state: State) -> Iterator[int | None]:
    """Yield the relations from which an INSERT takes its rows; None for what is no relation.

    Those that conditions or single values look into are not among them, nor one that is held to
    given keys.
    """
    tree = parsed(sql)
    if isinstance(tree, ast.InsertStmt):
        common = {each.ctename for each in _common(tree)}
        yield from _sources(tree.selectStmt, state, common)
        for each in _common(tree):
            yield from _sources(each.ctequery, state, common)


def _common(tree: Any) -> tuple[Any, ...]:
    clause = getattr(tree, "withClause", None)
    return tuple(clause.ctes) if clause is not None else ()


def _sources(node: Any, state: State, common: set[str]) -> Iterator[int | None]:
    if isinstance(node, ast.SelectStmt):
        common = common | {each.ctename for each in _common(node)}
        parts = [node.larg, node.rarg, *(each.ctequery for each in _common(node))]
        tables: Any = node.fromClause or ()
        if len(tables) == 1 and isinstance(tables[0], ast.RangeVar) and node.whereClause:
            oid = find(state, tables[0])
            if oid is not None and _is_held(node.whereClause, state.relations[oid]):
                tables = ()
        parts += tables
    elif isinstance(node, ast.JoinExpr):
        parts = [node.larg, node.rarg]
    elif isinstance(node, ast.RangeSubselect):
        parts = [node.subquery]
    elif isinstance(node, ast.RangeVar):
        if node.schemaname or node.relname not in common:
            yield find(state, node)
        return
    else:
        if isinstance(node, ast.RangeFunction):
            yield None
        return
    for part in parts:
        yield from _sources(part, state, common)


def _keys(table: Relation) -> Iterator[set[str]]:
    for constraint in table.constraints.values():
        if constraint.kind in "pu":
            yield {table.columns[number].name for number in constraint.columns}


def _bound_columns(where: Any) -> Iterator[str]:
    """Return the columns that a condition holds to constants, in every row that it lets through."""
    kind = type(where)  # pglast types every field as optional; the grammar fills these
    if kind is ast.BoolExpr and where.boolop.name == "AND_EXPR":
        for each in where.args:
            yield from _bound_columns(each)
    elif kind is ast.A_Expr and where.kind.name in _BINDING:
        column: Any = where.lexpr
        is_bound = where.name[-1].sval in ("=", "BETWEEN") and _is_constant(where.rexpr)
        if is_bound and isinstance(column, ast.ColumnRef):
            yield column.fields[-1].sval  # type: ignore[index]


_BINDING = ("AEXPR_OP", "AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_OP_ANY")


def _is_constant(node: Any) -> bool:
    if isinstance(node, tuple | list):
        return all(map(_is_constant, node))
    if isinstance(node, ast.TypeCast):
        return _is_constant(node.arg)
    if isinstance(node, ast.A_ArrayExpr):
        return _is_constant(node.elements)
    return isinstance(node, ast.A_Const)
