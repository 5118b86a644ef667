"""Tables that a statement writes, and those whose rows it copies, resolved from its text."""

from collections.abc import Iterator
from typing import Any

from pglast import ast

from pybase.migrate.catalog import Relation, State
from pybase.migrate.sql.grammar import WRITES, nodes, parsed

_COMPARISONS = ("AEXPR_OP", "AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_OP_ANY")


def find_relation(state: State, name: Any) -> int | None:
    """Return the oid of the relation that a RangeVar names, in public if it names no schema."""
    path = (name.schemaname or "public", name.relname)
    relations = state.relations.items()
    return next((oid for oid, item in relations if (item.schema, item.name) == path), None)


def target_table(sql: str, state: State) -> int | None:
    """Return the table that an INSERT, UPDATE, DELETE or MERGE writes to."""
    tree = parsed(sql)
    return find_relation(state, tree.relation) if isinstance(tree, WRITES) else None


def restricts_key(sql: str, state: State) -> bool:
    """Whether an UPDATE or DELETE is limited to given keys: `WHERE id = 1`, IN (...), BETWEEN."""
    tree = parsed(sql)
    if not isinstance(tree, ast.UpdateStmt | ast.DeleteStmt):
        return False
    return _restricts_key(tree.whereClause, tree.relation, state)


def source_tables(sql: str, state: State) -> Iterator[int | None]:
    """Yield the relations from which an INSERT or SELECT takes its rows; None for a function.

    Not those that only conditions or single values read, nor one that is limited to given keys.
    """
    tree = parsed(sql)
    if isinstance(tree, ast.SelectStmt):
        yield from _sources(tree, state, set())
    elif isinstance(tree, ast.InsertStmt):
        ctes = _ctes(tree)
        for query in (tree.selectStmt, *ctes.values()):
            yield from _sources(query, state, set(ctes))


def _sources(node: Any, state: State, cte_names: set[str]) -> Iterator[int | None]:
    parts: list[Any] = []
    match node:
        case ast.SelectStmt():
            ctes = _ctes(node)
            cte_names = cte_names | set(ctes)
            parts = [node.larg, node.rarg, *ctes.values()]
            tables = node.fromClause or ()
            is_single = len(tables) == 1 and isinstance(tables[0], ast.RangeVar)
            if not (is_single and _is_lookup(node, tables[0], state)):
                parts += tables
        case ast.JoinExpr():
            parts = [node.larg, node.rarg]
        case ast.RangeSubselect():
            parts = [node.subquery]
        case ast.RangeVar() if node.schemaname or node.relname not in cte_names:
            yield find_relation(state, node)
        case ast.RangeFunction():
            yield None
    for part in parts:
        yield from _sources(part, state, cte_names)


def _is_lookup(select: Any, name: Any, state: State) -> bool:
    """Whether a query of one table needs few of its rows: given keys, or the ends of an index."""
    if select.whereClause is not None:
        return _restricts_key(select.whereClause, name, state)
    calls = list(_calls(select.targetList))
    ends = [call.args for call in calls if call.funcname[-1].sval in ("max", "min")]
    found = [_column(argument) for arguments in ends for argument in arguments or ()]
    every = list(nodes(select.targetList, ast.ColumnRef))
    oid = find_relation(state, name)
    if oid is None or not found or len(found) < len(every) or any(call.agg_star for call in calls):
        return False
    indexes = (state.relations[index].index for index in state.indexes_of(oid))
    first = {index.columns[0] for index in indexes if index is not None}
    columns = state.relations[oid].columns
    return set(found) <= {columns[number].name for number in first if number}


def _calls(tree: Any) -> Iterator[Any]:
    for call in nodes(tree, ast.FuncCall):
        yield call
        yield from _calls(call.args)


def _column(node: Any) -> str:
    return node.fields[-1].sval if type(node) is ast.ColumnRef else ""  # type: ignore[index]


def _ctes(tree: Any) -> dict[str, Any]:
    clause = getattr(tree, "withClause", None)
    return {cte.ctename: cte.ctequery for cte in clause.ctes} if clause is not None else {}


def _restricts_key(where: Any, name: Any, state: State) -> bool:
    oid = find_relation(state, name)
    if oid is None or where is None:
        return False
    columns = set(_restricted_columns(where))
    return any(key <= columns for key in _keys(state.relations[oid]))


def _keys(table: Relation) -> Iterator[set[str]]:
    for constraint in table.constraints.values():
        if constraint.kind in "pu":
            yield {table.columns[number].name for number in constraint.columns}


def _restricted_columns(where: Any) -> Iterator[str]:
    """Return the columns that a condition compares with constants, in every row that passes."""
    kind = type(where)  # pglast types every field as optional; the grammar fills these
    if kind is ast.BoolExpr and where.boolop.name == "AND_EXPR":
        for condition in where.args:
            yield from _restricted_columns(condition)
    elif kind is ast.A_Expr and where.kind.name in _COMPARISONS:
        column: Any = where.lexpr
        operator = where.name[-1].sval
        is_few = _is_constant(where.rexpr) if operator == "=" else _is_short_range(where)
        if is_few and isinstance(column, ast.ColumnRef):
            yield column.fields[-1].sval  # type: ignore[index]


def _is_short_range(where: Any) -> bool:
    """Whether a BETWEEN has room for few keys; one over all of them is no condition."""
    if where.name[-1].sval != "BETWEEN":
        return False
    low, high = (getattr(getattr(bound, "val", None), "ival", None) for bound in where.rexpr)
    return low is not None and high is not None and high - low < _SHORT_RANGE


_SHORT_RANGE = 10_000
"""Keys between the bounds: at most so many rows have them."""


def _is_constant(node: Any) -> bool:
    match node:
        case tuple() | list():
            return all(map(_is_constant, node))
        case ast.TypeCast():
            return _is_constant(node.arg)
        case ast.A_ArrayExpr():
            return _is_constant(node.elements)
    return isinstance(node, ast.A_Const)
