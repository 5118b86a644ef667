"""Sample rows of one table: what their values look like, and how they satisfy constraints."""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from pglast import ast
from psycopg import sql

from pybase.migrate.catalog import Column, Constraint, Relation, State
from pybase.migrate.sql.grammar import nodes, parsed
from pybase.migrate.sql.names import literal

ROWS = 3
"""Rows a table: enough for a duplicate or a difference to show, few enough to cost nothing."""

_TRIES = 6
"""How often a row is changed after a check refused it."""

_VALUES: tuple[tuple[str, str], ...] = (
    (r"\w*multirange", "'{{}}'"),
    (r"\w*range", "'empty'"),
    (r"(character|character varying)\(1\)", "'{n}'"),
    (r"(smallint|integer|bigint|oid)", "{n}"),
    (r"(numeric|real|double precision|money)", "{n}"),
    (r"(text|character|name|citext|bpchar)", "'x{n}'"),
    (r'"char"', "'x'"),
    (r"boolean", "true"),
    (r"uuid", "'00000000-0000-4000-8000-00000000000{n}'"),
    (r"timestamp|date", "'2026-01-0{n}'"),
    (r"time ", "'12:00:0{n}'"),
    (r"interval", "'{n} hours'"),
    (r"jsonb?", "'{{}}'"),
    (r"bytea", "'\\x0{n}'"),
    (r"inet|cidr", "'10.0.0.{n}'"),
    (r"macaddr", "'08:00:2b:01:02:0{n}'"),
    (r"tsvector|tsquery", "''"),
    (r"xml", "'<x/>'"),
    (r"bit", "B'1'"),
    (r"ltree", "'x{n}'"),
    (r"hstore", "''"),
    (r"point", "'(0,{n})'"),
)
"""(type, literal): the first that matches the start of the type; `{n}` counts the rows from 1."""


def identifier(relation: Relation) -> sql.Identifier:
    """Return the qualified name of a relation as an identifier."""
    return sql.Identifier(relation.schema, relation.name)


def referenced_tables(table: Relation) -> set[int]:
    """Return the tables that its foreign keys reference."""
    return {key.references for key in table.constraints.values() if key.kind == "f"}


def fill_table(connection: psycopg.Connection[Any], state: State, table: Relation) -> bool:
    """Insert the rows, all at once or one by one; return whether there is at least one."""
    numbers = range(1, ROWS + 1)
    rows = [_row(state, table, _insertable(table), number) for number in numbers]
    is_own_parent = any(state.relations.get(oid) is table for oid in referenced_tables(table))
    if not is_own_parent and _try(connection, table, *rows) is None:
        return True
    return sum(_insert(connection, state, table, number) for number in numbers) > 0


def _insert(
    connection: psycopg.Connection[Any], state: State, table: Relation, number: int
) -> bool:
    """Insert one row: with every column, then only with those that have no default."""
    columns = _insertable(table)
    mandatory = {key: c for key, c in columns.items() if c.is_required and c.default is None}
    for given in (columns, mandatory):
        values = _row(state, table, given, number)
        for _ in range(_TRIES):
            error = _try(connection, table, values)
            if error is None:
                return True
            if not _is_adjusted(table, values, error, number):
                break
    return False


def _insertable(table: Relation) -> dict[int, Column]:
    return {
        key: column
        for key, column in table.columns.items()
        if not (column.is_dropped or column.generated or column.identity)
        and "nextval(" not in (column.default or "")
    }


def _row(
    state: State, table: Relation, columns: Mapping[int, Column], number: int
) -> dict[int, str]:
    values = {key: _value(state, column, number) for key, column in columns.items()}
    return values | _references(state, table, columns, number)


def _value(state: State, column: Column, number: int) -> str:
    """Return a literal of the column's type, another one for each row where the type allows."""
    if column.type.endswith("[]"):
        return "'{}'"
    type_ = state.types.get(column.type_oid)
    if type_ is not None and type_.labels:
        labels = list(type_.labels.values())
        return literal(labels[(number - 1) % len(labels)])
    for pattern, text in _VALUES:
        if re.match(pattern, column.type):
            return text.format(n=number)
    return f"'x{number}'" if type_ is not None and type_.kind == "d" else "NULL"


def _references(
    state: State, table: Relation, columns: Mapping[int, Column], number: int
) -> dict[int, str]:
    """Return subqueries for a row of the referenced table, by column of the foreign key."""
    values = {}
    for constraint in table.constraints.values():
        target = state.relations.get(constraint.references)
        if constraint.kind != "f" or target is None:
            continue
        names = [sql.Identifier(target.columns[key].name) for key in constraint.referenced_columns]
        row = sql.SQL(" FROM {} ORDER BY {} OFFSET {} LIMIT 1)").format(
            identifier(target), sql.SQL(", ").join(names), sql.Literal((number - 1) % ROWS)
        )
        for column, name in zip(constraint.columns, names, strict=True):
            if column in columns:
                values[column] = (sql.SQL("(SELECT {}").format(name) + row).as_string()
    return values


def _try(
    connection: psycopg.Connection[Any], table: Relation, *rows: dict[int, str]
) -> psycopg.Error | None:
    names = sql.SQL(", ").join(sql.Identifier(table.columns[key].name) for key in rows[0])
    values = ", ".join(f"({', '.join(row.values())})" for row in rows)
    insert = sql.SQL("INSERT INTO {} ").format(identifier(table)).as_string()
    insert += f"({names.as_string()}) VALUES {values}" if rows[0] else "DEFAULT VALUES"
    try:
        connection.execute(insert.encode())
    except psycopg.Error as error:
        return error
    return None


def _is_adjusted(
    table: Relation, values: dict[int, str], error: psycopg.Error, number: int
) -> bool:
    """Put the next literal of the check that refused the row in place of a value, if it has any."""
    for constraint in table.constraints.values():
        if constraint.kind != "c" or constraint.name != error.diag.constraint_name:
            continue
        options = _literals(constraint)
        for column in constraint.columns:
            if column in values and options:
                is_tried = values[column] in options
                index = options.index(values[column]) + 1 if is_tried else number - 1
                values[column] = options[index % len(options)]
                return True
    return False


def _literals(check: Constraint) -> list[str]:
    """Return the texts in the expression of a check, as literals."""
    constants = nodes(parsed(f"ALTER TABLE t ADD {check.definition}"), ast.A_Const)
    texts = (node.val.sval for node in constants if isinstance(node.val, ast.String))
    return [literal(text) for text in texts if text is not None]
