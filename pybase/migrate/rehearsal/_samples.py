"""A few synthetic rows in every table, so that data statements and validations do something.

Owns what the values look like. Rows respect every constraint; a table that refuses them stays
empty, and `fill` says so. Never used on a database that is not scratch.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from pybase.migrate.catalog._state import Column, Constraint, Relation, State
from pybase.migrate.sql._names import literal

ROWS = 3
"""Rows a table: enough for a duplicate or a difference to show, few enough to cost nothing."""

_TRIES = 6
"""How often a row is mended after a check refused it."""

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


class Samples:
    """The sample rows of one scratch database; `unfilled` are the tables that have none."""

    def __init__(
        self, connection: psycopg.Connection[Any], state: State, kept: Iterable[str]
    ) -> None:
        """Take the database as it is. `kept` are tables, named as in a catalog, to leave alone."""
        self.connection = connection
        self._kept = {name.replace('"', "") for name in kept}
        self._filled: Mapping[int, Relation] = {}
        asked = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone()
        self._is_free = asked == (True,)
        self.unfilled = set(self._empty(self._own(state)))

    def fill(self, state: State, emptied: Iterable[int] = ()) -> None:
        """Put rows into the tables that are new, changed or in `emptied`, where they have none.

        Tables that others refer to come first; what depends on itself in a circle stays empty
        unless the reference may be null. A table that refused is asked again when it or one that
        it refers to has changed: asking all of them after each revision takes most of the time.
        """
        old, again = self._filled, set(emptied)
        own = self._own(state)
        self._filled = state.relations
        self.unfilled &= own.keys()
        waiting = dict.fromkeys(
            oid for oid, each in own.items() if oid in again or old.get(oid) != each
        )
        waiting = dict.fromkeys(self._empty({oid: own[oid] for oid in waiting}))
        self.unfilled |= waiting.keys()
        while waiting:
            filled = {
                oid: own[oid] for oid in waiting if _fill_table(self.connection, state, own[oid])
            }
            self.unfilled -= filled.keys()
            waiting = {
                oid: None
                for oid in own
                if oid in self.unfilled and _referred(own[oid]) & filled.keys()
            }

    def keep(self, state: State) -> None:
        """Take it that every table was filled that can be."""
        self._filled = state.relations

    def delete(self, state: State) -> None:
        """Take every row away, in the transaction that is open now."""
        own = self._own(state)
        for text in _deletion([*map(_name, own.values())], is_free=self._is_free):
            self.connection.execute(text)

    def clear(self, state: State, source: psycopg.Connection[Any] | None = None) -> None:
        """Take every row away, and put those of another database into their place."""
        with self.connection.transaction():
            self.delete(state)
            if source is not None:
                self._copy_rows(state, source)
        self._filled = {}

    def _copy_rows(self, state: State, source: psycopg.Connection[Any]) -> None:
        waiting = [each for each in self._own(state).values() if _has_rows(source, each)]
        if self._is_free:
            self.connection.execute(_UNCHECKED)
        while waiting:
            left = [each for each in waiting if not self._copy_table(each, source)]
            if len(left) == len(waiting):
                break
            waiting = left
        if self._is_free:
            self.connection.execute(_CHECKED)

    def _copy_table(self, table: Relation, source: psycopg.Connection[Any]) -> bool:
        names = [c.name for c in table.columns.values() if not (c.is_dropped or c.generated)]
        place = {
            "table": _name(table),
            "columns": sql.SQL(", ").join(map(sql.Identifier, names)),
        }
        read = sql.SQL("COPY (SELECT {columns} FROM {table}) TO STDOUT").format(**place)
        write = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(**place)
        try:
            with (
                self.connection.transaction(),
                source.cursor().copy(read) as rows,
                self.connection.cursor().copy(write) as into,
            ):
                for data in rows:
                    into.write(data)
        except psycopg.Error:
            return False
        return True

    def _own(self, state: State) -> dict[int, Relation]:
        """Return the tables that may hold sample rows; a partition gets those of its parent."""
        return {
            oid: each
            for oid, each in state.relations.items()
            if each.kind in "rp"
            and each.parent not in state.relations
            and f"{each.schema}.{each.name}" not in self._kept
        }

    def _empty(self, tables: Mapping[int, Relation]) -> list[int]:
        """Those of the tables that hold no row."""
        if not tables:
            return []
        parts = [
            sql.SQL("SELECT {} WHERE NOT EXISTS (SELECT FROM {})").format(oid, _name(each))
            for oid, each in tables.items()
        ]
        rows = self.connection.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()
        empty = {oid for (oid,) in rows}
        return [oid for oid in tables if oid in empty]


_UNCHECKED = "SET LOCAL session_replication_role = replica"
_CHECKED = "SET LOCAL session_replication_role = origin"


def _deletion(tables: list[sql.Identifier], *, is_free: bool) -> list[sql.Composed | str]:
    """Statements that empty tables: with the weakest lock, if foreign keys can be switched off."""
    if not tables:
        return []
    if not is_free:
        return [sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables))]
    deletes = sql.SQL("; ").join(sql.SQL("DELETE FROM {}").format(each) for each in tables)
    return [_UNCHECKED, deletes, _CHECKED]


def _has_rows(connection: psycopg.Connection[Any], table: Relation) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(_name(table))
    try:
        return connection.execute(query).fetchone() == (True,)
    except psycopg.Error:  # it is not there
        return False


def _referred(table: Relation) -> set[int]:
    """Return the tables that its foreign keys point to."""
    return {each.references for each in table.constraints.values() if each.kind == "f"}


def _name(relation: Relation) -> sql.Identifier:
    return sql.Identifier(relation.schema, relation.name)


def _fill_table(connection: psycopg.Connection[Any], state: State, table: Relation) -> bool:
    """Insert the rows, all at once or one by one; true when there is at least one."""
    numbers = range(1, ROWS + 1)
    rows = [_row(state, table, _insertable(table), number) for number in numbers]
    is_own_parent = any(state.relations.get(each) is table for each in _referred(table))
    if not is_own_parent and _try(connection, table, *rows) is None:
        return True
    return sum(_insert(connection, state, table, number) for number in numbers) > 0


def _row(state: State, table: Relation, columns: dict[int, Column], number: int) -> dict[int, str]:
    values = {key: _value(state, column, number) for key, column in columns.items()}
    return values | _references(state, table, columns, number)


def _insert(
    connection: psycopg.Connection[Any], state: State, table: Relation, number: int
) -> bool:
    """Insert one row: every column first, then only those that must be given."""
    for columns in (_insertable(table), {k: c for k, c in _insertable(table).items() if _must(c)}):
        values = _row(state, table, columns, number)
        for _ in range(_TRIES):
            refused = _try(connection, table, values)
            if refused is None:
                return True
            if not _mended(table, values, refused, number):
                break
    return False


def _insertable(table: Relation) -> dict[int, Column]:
    return {
        key: column
        for key, column in table.columns.items()
        if not (column.is_dropped or column.generated or column.identity)
        and "nextval(" not in (column.default or "")
    }


def _must(column: Column) -> bool:
    return column.is_required and column.default is None


def _value(state: State, column: Column, number: int) -> str:
    """Return a literal of the column's type, another one for each row where the type allows."""
    if column.type.endswith("[]"):
        return "'{}'"
    found = state.types.get(column.type_oid)
    if found is not None and found.labels:
        labels = list(found.labels.values())
        return literal(labels[(number - 1) % len(labels)])
    for pattern, text in _VALUES:
        if re.match(pattern, column.type):
            return text.format(n=number)
    return f"'x{number}'" if found is not None and found.kind == "d" else "NULL"


def _references(
    state: State, table: Relation, columns: dict[int, Column], number: int
) -> dict[int, str]:
    """For columns of a foreign key, a subquery for a row of the table that it points to."""
    found = {}
    for constraint in table.constraints.values():
        target = state.relations.get(constraint.references)
        if constraint.kind != "f" or target is None:
            continue
        names = [sql.Identifier(name) for name in _referenced(target, constraint)]
        row = sql.SQL(" FROM {} ORDER BY {} OFFSET {} LIMIT 1)").format(
            _name(target), sql.SQL(", ").join(names), sql.Literal((number - 1) % ROWS)
        )
        for column, name in zip(constraint.columns, names, strict=False):
            if column in columns:
                found[column] = (sql.SQL("(SELECT {}").format(name) + row).as_string()
    return found


def _referenced(target: Relation, constraint: Constraint) -> list[str]:
    """Return the columns that a foreign key points to, by the key behind its index."""
    for key in target.constraints.values():
        if key.kind in "pu" and key.index_oid == constraint.index_oid:
            return [target.columns[number].name for number in key.columns]
    return []


def _try(
    connection: psycopg.Connection[Any], table: Relation, *rows: dict[int, str]
) -> psycopg.Error | None:
    if rows[0]:
        names = (sql.Identifier(table.columns[key].name) for key in rows[0])
        head = sql.SQL("INSERT INTO {} ({}) VALUES ").format(
            _name(table), sql.SQL(", ").join(names)
        )
        insert = head.as_string() + ", ".join(f"({', '.join(row.values())})" for row in rows)
    else:
        insert = sql.SQL("INSERT INTO {} DEFAULT VALUES").format(_name(table)).as_string()
    try:
        connection.execute(insert.encode())
    except psycopg.Error as error:
        return error
    return None


def _mended(table: Relation, values: dict[int, str], refused: psycopg.Error, number: int) -> bool:
    """Try the literals of a check that refused the row, one after the other; else give up."""
    name = refused.diag.constraint_name
    for constraint in table.constraints.values():
        if constraint.kind != "c" or constraint.name != name:
            continue
        literals = re.findall(r"'((?:[^']|'')*)'::", constraint.definition)
        for column in constraint.columns:
            if column in values and literals:
                options = [f"'{each}'" for each in literals]
                place = (
                    options.index(values[column]) + 1 if values[column] in options else number - 1
                )
                values[column] = options[place % len(options)]
                return True
    return False
