"""Resumption: what a statement outside a transaction leaves behind when it is interrupted."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from pglast import ast
from pglast.enums import ReindexObjectType
from pglast.stream import RawStream
from psycopg import sql

from pybase.migrate.sql.grammar import is_findable, nodes, parsed

_PARTLY = (ast.CallStmt, ast.DoStmt, ast.ReindexStmt, ast.VacuumStmt, ast.ClusterStmt)
"""These may commit in between."""


def is_rolled_back(statement: str) -> bool:
    """Whether the server rolls it back completely on failure; unparsable text is not trusted."""
    tree = parsed(statement)
    if tree is None or isinstance(tree, _PARTLY) or getattr(tree, "concurrent", False):
        return False
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    return not any(getattr(command.def_, "concurrent", False) for command in commands)


def remaining(
    connection: psycopg.Connection[Any], statement: str, note: Callable[[str], None]
) -> str | None:
    """Return what is left to run of a statement that an interrupted run may have begun.

    None where it is done. An index that was left invalid is dropped: IF NOT EXISTS would accept
    one, without it the name would be taken, and REINDEX would pass it by.
    """
    tree = parsed(statement)
    if is_findable(statement) and _is_there(connection, statement, note):
        return None
    if isinstance(tree, ast.IndexStmt) and tree.concurrent:
        return None if _is_built(connection, statement, tree, note) else statement
    if isinstance(tree, ast.ReindexStmt) and _is_concurrent(tree):
        for schema, name in connection.execute(_LEFTOVERS, _scope(tree)).fetchall():
            _drop(connection, schema, name, note)
    partition = _detached(tree)
    if partition is not None:
        return _rest_of_detach(connection, statement, *partition, note)
    return statement


def is_committed(
    connection: psycopg.Connection[Any], statements: Sequence[str], note: Callable[[str], None]
) -> bool:
    """Whether an interrupted run has committed a transaction: all that it creates is there."""
    created = [statement for statement in statements if is_findable(statement)]
    return bool(created) and all(_is_there(connection, text, note) for text in created)


def _is_there(
    connection: psycopg.Connection[Any], statement: str, note: Callable[[str], None]
) -> bool:
    """Whether the index or the constraints of a statement are there, as it creates them."""
    tree = parsed(statement)
    if isinstance(tree, ast.IndexStmt):
        return not tree.concurrent and _is_built(connection, statement, tree, note)
    table = _identifier(tree.relation)
    for constraint in (command.def_ for command in tree.cmds):
        keys = constraint.fk_attrs or [ref.fields[-1] for ref in nodes(constraint, ast.ColumnRef)]
        values = {
            "table": table,
            "name": constraint.conname,
            "target": _identifier(constraint.pktable) if constraint.pktable else None,
            "columns": sorted({key.sval for key in keys}),
        }
        if connection.execute(_CONSTRAINT, values).fetchone() != (True,):
            return False
        note(f"{constraint.conname} of {table} is there: an interrupted run has added it")
    return True


_CONSTRAINT = """
SELECT coalesce(confrelid = to_regclass(%(target)s), confrelid = 0) AND %(columns)s::name[] = ARRAY(
    SELECT attname FROM pg_attribute
    WHERE attrelid = conrelid AND attnum = ANY(conkey) ORDER BY attname
)
FROM pg_constraint
WHERE conrelid = to_regclass(%(table)s) AND conname = %(name)s AND contype IN ('c', 'f')
"""
"""Whether a table has a constraint of this name over these columns, to this table if to any."""


def _is_built(
    connection: psycopg.Connection[Any],
    statement: str,
    tree: ast.IndexStmt,
    note: Callable[[str], None],
) -> bool:
    """Whether an index is there; without a name, an equal one that the server has named."""
    names = {"table": _identifier(tree.relation), "name": tree.idxname}
    is_shell = tree.relation is not None and not tree.relation.inh
    for schema, name, is_valid, definition in connection.execute(_INDEXES, names).fetchall():
        is_equal = _plain(statement) == _plain(definition, is_named=bool(tree.idxname))
        if tree.concurrent and not is_valid and (is_equal or tree.idxname):
            _drop(connection, schema, name, note)
        elif (is_valid or is_shell) and is_equal:
            note(f"{name} is there, and valid: an interrupted run has built it")
            return True
    return False


_INDEXES = """
SELECT n.nspname, c.relname, i.indisvalid, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%(table)s)
AND CASE
    WHEN %(name)s::text IS NULL THEN c.relname ~ '_idx[0-9]*$' ELSE c.relname = %(name)s::text
END
"""
"""The index of a name, or all that the server has named."""


def _drop(
    connection: psycopg.Connection[Any], schema: str, name: str, note: Callable[[str], None]
) -> None:
    note(f"dropping {name}, which an interrupted run has left invalid")
    connection.execute("SET lock_timeout = 0")
    drop = sql.SQL("DROP INDEX CONCURRENTLY IF EXISTS {}")
    connection.execute(drop.format(sql.Identifier(schema, name)))


def _is_concurrent(tree: ast.ReindexStmt) -> bool:
    options = {option.defname: option.arg for option in tree.params or ()}
    value = getattr(options.get("concurrently"), "sval", "on")
    return "concurrently" in options and value not in ("false", "off")


def _scope(tree: ast.ReindexStmt) -> dict[str, str | None]:
    """Return what a REINDEX is about: an index or table, a schema, or else the database."""
    schema = tree.name if tree.kind == ReindexObjectType.REINDEX_OBJECT_SCHEMA else None
    return {
        "relation": _identifier(tree.relation) if tree.relation else None,
        "schema": sql.Identifier(schema).as_string(None) if schema else None,
    }


_LEFTOVERS = """
WITH named AS (
    SELECT to_regclass(%(relation)s)::oid AS oid
    UNION SELECT relid FROM pg_partition_tree(to_regclass(%(relation)s))
)
SELECT n.nspname, c.relname
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_class AS t ON t.oid = i.indrelid OR t.reltoastrelid = i.indrelid
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname ~ '_cc(new|old)[0-9]*$'
AND CASE
    WHEN %(relation)s::text IS NOT NULL THEN t.oid IN (SELECT oid FROM named) OR EXISTS (
        SELECT FROM pg_index AS whole JOIN pg_class AS name ON name.oid = whole.indexrelid
        WHERE whole.indexrelid IN (SELECT oid FROM named) AND whole.indrelid = i.indrelid
        AND starts_with(name.relname, regexp_replace(c.relname, '_cc(new|old)[0-9]*$', ''))
    )
    WHEN %(schema)s::text IS NOT NULL THEN t.relnamespace = to_regnamespace(%(schema)s)
    ELSE true
END
GROUP BY 1, 2 ORDER BY 1, 2
"""
"""The indexes that REINDEX CONCURRENTLY has not completed, or not dropped yet."""


def _detached(tree: Any) -> tuple[str, str] | None:
    """Return table and partition of a DETACH PARTITION CONCURRENTLY, else None."""
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    for command in commands:
        if isinstance(command.def_, ast.PartitionCmd) and command.def_.concurrent:
            return _identifier(tree.relation), _identifier(command.def_.name)
    return None


def _rest_of_detach(
    connection: psycopg.Connection[Any],
    statement: str,
    table: str,
    partition: str,
    note: Callable[[str], None],
) -> str | None:
    row = connection.execute(_PARTITION, {"table": table, "partition": partition}).fetchone()
    is_there, is_partition, is_pending = row or (False, False, False)
    if is_pending:
        note(f"{partition} is detached in part: an interrupted run has begun it")
        return f"ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"
    if is_there and not is_partition:
        note(f"{partition} is a table of its own: an interrupted run has detached it")
        return None
    return statement


_PARTITION = """
SELECT
    to_regclass(%(table)s) IS NOT NULL AND to_regclass(%(partition)s) IS NOT NULL,
    count(*) > 0,
    coalesce(bool_or(inhdetachpending AND inhparent = to_regclass(%(table)s)), false)
FROM pg_inherits WHERE inhrelid = to_regclass(%(partition)s)
"""


def is_done_already(statement: str, error: psycopg.Error) -> bool:
    """Whether the server refuses a statement because it was done before."""
    tree = parsed(statement)
    if isinstance(error, psycopg.errors.DuplicateObject):
        return isinstance(tree, ast.AlterEnumStmt) and tree.newVal is not None and not tree.oldVal
    return isinstance(tree, ast.DropStmt) and bool(tree.concurrent)


def _identifier(relation: ast.RangeVar | None) -> str:
    assert relation is not None
    parts = [part for part in (relation.schemaname, relation.relname) if part]
    return sql.Identifier(*parts).as_string(None)


def _plain(statement: str, *, is_named: bool = True) -> str | None:
    """Return a CREATE INDEX without its schema and without CONCURRENTLY and IF NOT EXISTS."""
    tree: Any = parsed(statement)
    if not isinstance(tree, ast.IndexStmt) or tree.relation is None:
        return None
    tree = ast.IndexStmt(tree(skip_none=True))  # parsed statements are shared: this is a copy
    tree.concurrent = tree.if_not_exists = False
    tree.relation.schemaname = None
    if not is_named:
        tree.idxname = None
    return str(RawStream()(tree))
