"""Plans of statements that read or write rows: what PostgreSQL reads from end to end for them.

A sample has few rows, so what a statement reads shows nothing about a large table. The planner
does, kept from sequential scans: rows that are found by a unique key are few on any table.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg
from msgspec import Struct
from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType
from pglast.stream import RawStream

from pybase.migrate.catalog import State
from pybase.migrate.sql.grammar import WRITES, block_parts, code_words, is_write, nodes, parsed

_Plan = Mapping[str, Any]

_SAVEPOINT = "pybase_plan"
_OPTIONS = ("seqscan", "indexonlyscan", "hashjoin", "mergejoin", "material", "memoize")
BY_INDEX, AS_USUAL = (
    "; ".join(f"SET LOCAL enable_{option} = {value}" for option in _OPTIONS)
    for value in ("off", "on")
)
"""Settings with which few rows are read by an index wherever a large table has one, and without.

Queries of the catalogs take twenty times as long with them.
"""

_END = f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}"

_EXPLAIN = "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON)"

_SHORT_RANGE = 10_000
"""Keys between two bounds: at most so many rows have them."""


class Change(Struct, frozen=True):
    """One table, or view, that a statement writes to; 0 for a SELECT.

    `found` are the relations that are read for it, `read` those that are from end to end; `calls`
    whether rows come from a function, which may read others or give any number of them.
    `is_limited` where the rows to change have given keys.
    """

    operation: str
    target: int
    found: frozenset[int]
    read: frozenset[int]
    calls: bool
    is_limited: bool


def changes(connection: psycopg.Connection[Any], text: str, state: State) -> tuple[Change, ...]:
    """Return what a statement is going to do, in the open transaction; nothing if it fails.

    Nor of a block of which one statement has no plan of its own, as it has variables.
    """
    statements = _planned(text)
    if not statements:
        return ()
    connection.execute(f"SAVEPOINT {_SAVEPOINT}; {BY_INDEX}".encode())
    try:
        rows = [connection.execute(f"{_EXPLAIN} {sql}".encode()).fetchall() for sql in statements]
    except psycopg.Error:  # the statement itself fails too
        rows = []
    connection.execute(_END.encode())
    plans = [item["Plan"] for found in rows for (plan,) in found for item in plan if "Plan" in item]
    return tuple(change for plan in plans for change in _Reader(plan, state).changes())


def _planned(text: str) -> list[str]:
    """Return the statements whose plans show what is written."""
    tree = parsed(text)
    if isinstance(tree, ast.ExplainStmt):
        is_run = any(option.defname == "analyze" for option in tree.options or ())
        return _planned(str(RawStream()(tree.query))) if is_run else []  # type: ignore[arg-type]
    if isinstance(tree, ast.DoStmt):
        return _planned_in_block(text)
    return [text] if isinstance(tree, _WITH_PLANS) else []


_WITH_PLANS = (*WRITES, ast.SelectStmt, ast.ExecuteStmt, ast.CreateTableAsStmt)


def _planned_in_block(text: str) -> list[str]:
    """Return what a DO block writes by plain statements, if all that it writes is that."""
    parts = [(words, sql, is_write(sql)) for words, sql in block_parts(text)]
    rest = (words if is_planned else words + sql for words, sql, is_planned in parts)
    is_plain = not any(map(_MAY_WRITE.search, rest))
    return [sql for _, sql, is_planned in parts if is_planned] if is_plain else []


_MAY_WRITE = re.compile(r"\b(update|delete|insert|merge|execute|perform|call)\b", re.IGNORECASE)


class _Reader:
    """One plan, read by the relations of a state."""

    def __init__(self, plan: _Plan, state: State) -> None:
        self._plan = plan
        self._state = state
        self._oids = {(item.schema, item.name): oid for oid, item in state.relations.items()}
        self._tables = {
            node["Subplan Name"].removeprefix("CTE "): node
            for node in _all(plan)
            if node.get("Subplan Name", "").startswith("CTE ")
        }

    def changes(self) -> Iterator[Change]:
        """Yield the changes of the statement and of its common table expressions."""
        writes = [node for node in _all(self._plan) if node["Node Type"] == "ModifyTable"]
        for node in writes or [{"Operation": "Select", "Plans": [self._plan]}]:
            yield self._change(node)

    def _change(self, node: _Plan) -> Change:
        target = self._oid(node)
        scans = [scan for child in _inputs(node) for scan in self._scans(child)]
        if node["Operation"] == "Select":  # what it compares with is read too
            scans += [scan for scan in _all(self._plan) if scan["Node Type"] == "Seq Scan"]
        family = set(self._state.family(target))
        own = [scan for scan in scans if self._oid(scan) in family]
        return Change(
            node["Operation"],
            target,
            frozenset(map(self._oid, scans)) - {0},
            frozenset(self._oid(scan) for scan in scans if not self._is_lookup(scan)) - {0},
            any(scan["Node Type"] == "Function Scan" and self._is_call(scan) for scan in scans),
            bool(own) and all(self._is_lookup(scan, constant=True) for scan in own),
        )

    def _oid(self, node: _Plan) -> int:
        return self._oids.get((node.get("Schema", ""), node.get("Relation Name", "")), 0)

    def _scans(self, node: _Plan) -> Iterator[_Plan]:
        """Yield the nodes that read rows for a node, also through a common table expression."""
        if node["Node Type"] == "CTE Scan" and node["CTE Name"] in self._tables:
            node = self._tables[node["CTE Name"]]
        if "Relation Name" in node and node["Node Type"] != "ModifyTable":
            yield node
            return
        if node["Node Type"] == "Function Scan":
            yield node
        for child in _inputs(node):
            yield from self._scans(child)

    def _is_call(self, scan: _Plan) -> bool:
        """Whether a function may give any number of rows: not one that takes a list apart."""
        call = scan.get("Function Call", "")
        tree = parsed(f"SELECT {_VALUE.sub('$1', call)}")
        may_read = {function.name for function in self._state.functions.values()}
        is_open = any(any(nodes(tree, kind)) for kind in (ast.ColumnRef, ast.ParamRef))
        many = {"generate_series", *may_read}
        return tree is None or is_open or not many.isdisjoint(code_words(call))

    def _is_lookup(self, scan: _Plan, *, constant: bool = False) -> bool:
        """Whether a scan finds its rows by a unique key, or by `constant` ones."""
        match scan["Node Type"]:
            case "Tid Scan":
                return "ctid" in _restricted((scan.get("TID Cond"),), constant)
            case "Index Scan" | "Index Only Scan":
                return self._has_key(scan, scan, constant)
            case "Bitmap Heap Scan":
                return all(self._is_member_few(child, scan, constant) for child in _inputs(scan))
        return False

    def _is_member_few(self, node: _Plan, scan: _Plan, constant: bool) -> bool:
        parts = [self._is_member_few(child, scan, constant) for child in _inputs(node)]
        match node["Node Type"]:
            case "BitmapOr":
                return all(parts)
            case "BitmapAnd":
                return any(parts)
        return self._has_key(node, scan, constant)

    def _has_key(self, node: _Plan, scan: _Plan, constant: bool) -> bool:
        table = self._oid(scan)
        columns = _restricted((node.get("Index Cond"), scan.get("Filter")), constant)
        return table != 0 and any(key <= columns for key in self._keys(table))

    def _keys(self, table: int) -> Iterator[set[str]]:
        columns = self._state.relations[table].columns
        for oid in self._state.indexes_of(table):
            index = self._state.relations[oid].index
            if index is not None and index.is_unique:
                yield {columns[number].name for number in index.columns[: index.key_length]}


def _all(node: _Plan) -> Iterator[_Plan]:
    yield node
    for child in node.get("Plans", ()):
        yield from _all(child)


def _inputs(node: _Plan) -> Iterator[_Plan]:
    """Yield the plans whose rows a node processes; conditions and single values have others."""
    for child in node.get("Plans", ()):
        if child.get("Parent Relationship") not in ("InitPlan", "SubPlan"):
            yield child


def _restricted(conditions: Iterable[str | None], constant: bool) -> set[str]:
    """Return the columns that conditions compare with few values, or with `constant` ones."""
    columns: set[str] = set()
    bounds: dict[str, dict[str, int]] = {}
    for comparison in (part for text in conditions if text for part in _comparisons(text)):
        name, operator = _column(comparison.lexpr), comparison.name[-1].sval
        if operator == "=" and _is_few(comparison, constant):
            columns.add(name)
        elif operator in _BOUNDS and (bound := _integer(comparison.rexpr)) is not None:
            bounds.setdefault(name, {})[operator[0]] = bound
    short = (n for n, b in bounds.items() if len(b) == 2 and b["<"] - b[">"] < _SHORT_RANGE)
    return columns.union(short) - {""}


_BOUNDS = ("<", "<=", ">", ">=")


def _comparisons(condition: str) -> Iterator[Any]:
    """Yield the comparisons of which every row satisfies all; of an OR, none."""
    tree = parsed(f"SELECT {_VALUE.sub('$1', condition)}")
    waiting = [target.val for target in getattr(tree, "targetList", None) or ()]
    for node in waiting:
        if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
            waiting.extend(node.args or ())
        elif isinstance(node, ast.A_Expr):
            yield node


_VALUE = re.compile(r"\((?:InitPlan|SubPlan) \w+\)\.col\d+")
"""The single value of a subquery, as EXPLAIN prints it since PostgreSQL 17; before, `$0`.

Up to 18 a subquery has a number, since 19 a name.
"""


def _column(node: Any) -> str:
    while isinstance(node, ast.TypeCast):
        node = node.arg
    name = (node.fields or ("",))[-1] if isinstance(node, ast.ColumnRef) else ""
    return getattr(name, "sval", None) or ""


def _is_few(comparison: Any, constant: bool) -> bool:
    """Whether it compares with few values: a subquery gives one, but an array any number."""
    is_array = comparison.kind == A_Expr_Kind.AEXPR_OP_ANY
    is_constant = not any(nodes(comparison.rexpr, ast.ColumnRef))
    is_open = is_array and any(nodes(comparison.rexpr, ast.ParamRef))
    return not is_open and (is_constant or not (constant or is_array))


def _integer(node: Any) -> int | None:
    """Return a whole number, also one that is written as a literal of its type."""
    while isinstance(node, ast.TypeCast):
        node = node.arg
    value = getattr(node, "val", None)
    number = getattr(value, "ival", None)
    text = getattr(value, "sval", None) or ""
    return int(text) if number is None and re.fullmatch(r"-?\d+", text) else number
