"""What a revision reads of its database: the schema, or what differs between databases.

Every database at one revision has the same schema. Its rows, sequences, settings, roles, sizes and
the server itself are its own.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

from pglast import ast

from pybase.migrate.sql.grammar import WRITES, parsed

Ask: TypeAlias = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a query with parameters on the database, and returns its rows."""

_RELATION = """
    SELECT n.nspname = 'pg_catalog' AND c.relname <> ALL (%s)
        AND (c.relkind = 'r' AND NOT c.relisshared OR c.relname = ANY (%s))
        OR n.nspname = 'information_schema' AND c.relname !~ 'role|privilege|user_mapping|grants$'
    FROM pg_catalog.pg_class AS c
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = pg_catalog.to_regclass(%s)
"""
_OWN_FUNCTION = """
    SELECT FROM pg_catalog.pg_proc
    WHERE proname = %s
        AND (provolatile = 'v' OR pronamespace <> 'pg_catalog'::pg_catalog.regnamespace)
"""

_SHOWN = [
    *("pg_tables", "pg_views", "pg_indexes", "pg_matviews", "pg_policies", "pg_rules"),
    "pg_tablespace",  # SQLAlchemy joins it to find that of a table
]
"""Views of PostgreSQL that show the schema only, and the catalog that is read with it."""

_ABOUT_ROWS = ["pg_statistic", "pg_statistic_ext_data", "pg_largeobject", "pg_largeobject_metadata"]
_ESTIMATES = frozenset(("reltuples", "relpages", "relallvisible", "relallfrozen", "relfrozenxid"))

_ABOUT_SESSION = frozenset(
    (
        *("version", "current_setting", "now", "statement_timestamp", "transaction_timestamp"),
        *("pg_has_role", "pg_get_userbyid", "inet_server_addr", "inet_server_port"),
        *("pg_current_snapshot", "txid_current_snapshot", "pg_current_xact_id_if_assigned"),
        *("pg_is_other_temp_schema", "pg_my_temp_schema", "pg_encoding_to_char"),
    )
)
"""Stable functions whose result differs from server to server, or from time to time."""

_SAME_VALUES = frozenset(("SVFOP_CURRENT_SCHEMA", "SVFOP_CURRENT_CATALOG"))


def why_not_schema(sql: str, ask: Ask) -> str:
    """Return what the rows of a statement depend on besides the schema; an empty text for nothing.

    A statement that changes something does, since the rows that it returns are of a table.
    """
    tree = parsed(sql)
    if isinstance(tree, ast.VariableShowStmt):
        is_ours = tree.name == "transaction_isolation"  # Alembic's autocommit_block() restores it
        return "" if is_ours else f"it reads the setting {tree.name}"
    if not isinstance(tree, ast.SelectStmt) or any(_all(tree, *WRITES)):
        return "it reads what a statement returns that may change rows"
    relations = list(_relations(tree))
    for relation in relations:
        if not _is_of_schema(relation, ask):
            return f"it reads rows of {relation.relname}"
    for name in _functions(tree):
        is_name = name == "current_database" and not relations
        if is_name or name in _ABOUT_SESSION or ask(_OWN_FUNCTION, [name]):
            return f"it reads the result of {name}()"
    return next(_estimates(tree), "")


def _relations(tree: Any) -> Iterator[Any]:
    ctes = {cte.ctename for cte in _all(tree, ast.CommonTableExpr)}
    for relation in _all(tree, ast.RangeVar):
        if relation.schemaname or relation.relname not in ctes:
            yield relation


def _is_of_schema(relation: Any, ask: Ask) -> bool:
    names = (relation.schemaname, relation.relname)
    name = ".".join('"' + part.replace('"', '""') + '"' for part in names if part)
    return ask(_RELATION, [_ABOUT_ROWS, _SHOWN, name]) == [(True,)]


def _functions(tree: Any) -> Iterator[str]:
    for call in _all(tree, ast.FuncCall):
        constants = {getattr(constant.val, "sval", "") for constant in _all(call.args, ast.A_Const)}
        if constants != {"default_table_access_method"}:  # SQLAlchemy reflects a table with it
            yield call.funcname[-1].sval
    for value in _all(tree, ast.SQLValueFunction):
        if value.op.name not in _SAME_VALUES:
            yield value.op.name.removeprefix("SVFOP_").lower()


def _estimates(tree: Any) -> Iterator[str]:
    for column in _all(tree, ast.ColumnRef):
        name = getattr(column.fields[-1], "sval", "")
        if name in _ESTIMATES:
            yield f"it reads {name}, which depends on rows"


def _all(tree: Any, *kinds: type) -> Iterator[Any]:
    """Yield all nodes of some kinds, also those inside of one another."""
    if isinstance(tree, tuple | list):
        for item in tree:
            yield from _all(item, *kinds)
    elif isinstance(tree, ast.Node):
        if isinstance(tree, kinds):
            yield tree
        for field in tree:
            yield from _all(getattr(tree, field), *kinds)
