"""Sample rows in every table, so that data statements and validations have something to work on.

Rows satisfy every constraint; a table that refuses them stays empty, and is listed in `unfilled`.
Used on scratch databases only.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from pybase.migrate.catalog import Relation, State
from pybase.migrate.rehearsal._sample_rows import fill_table, identifier, referenced_tables

_NO_TRIGGERS = "SET LOCAL session_replication_role = replica"
_TRIGGERS = "SET LOCAL session_replication_role = origin"


class Samples:
    """The sample rows of one scratch database; `unfilled` are the tables that have none."""

    def __init__(
        self, connection: psycopg.Connection[Any], state: State, ignored: Iterable[str]
    ) -> None:
        """Begin with the rows that are there. `ignored` are tables, quoted and qualified."""
        self.connection = connection
        self._ignored = set(ignored)
        self._filled: Mapping[int, Relation] = {}
        row = connection.execute("SELECT current_setting('is_superuser') = 'on'").fetchone()
        self._is_superuser = row == (True,)
        self.unfilled = set(self._empty(self._tables(state)))

    def fill(self, state: State, emptied: Iterable[int] = ()) -> None:
        """Insert rows into the tables that are new, changed or in `emptied`, and have none.

        Referenced tables come first; a circle of tables stays empty unless a reference may be null.
        A table that refused is tried again when it or one that it references has changed: trying
        all of them after each revision takes most of the time.
        """
        before, again = self._filled, set(emptied)
        tables = self._tables(state)
        self._filled = state.relations
        self.unfilled &= tables.keys()
        changed = {
            oid: table for oid, table in tables.items() if oid in again or before.get(oid) != table
        }
        waiting = self._empty(changed)
        self.unfilled |= set(waiting)
        while waiting:
            waiting = _referenced_first(waiting, tables)
            filled = {oid for oid in waiting if fill_table(self.connection, state, tables[oid])}
            self.unfilled -= filled
            waiting = [
                oid
                for oid, table in tables.items()
                if oid in self.unfilled and referenced_tables(table) & filled
            ]

    def keep(self, state: State) -> None:
        """Assume that every table was filled that can be."""
        self._filled = state.relations

    def delete(self, state: State) -> None:
        """Delete every row, in the open transaction: with the weakest lock that is possible.

        A server that publishes a table without a replica identity refuses to delete its rows.
        """
        tables = self._tables(state)
        fixed = {oid for oid in tables if state.without_identity & {*state.family(oid)}}
        deleted = tables.keys() - fixed if self._is_superuser else set()
        if deleted:
            deletes = (sql.SQL("DELETE FROM {}").format(identifier(tables[oid])) for oid in deleted)
            self.connection.execute(_NO_TRIGGERS)
            self.connection.execute(sql.SQL("; ").join(deletes))
            self.connection.execute(_TRIGGERS)
        if truncated := [identifier(tables[oid]) for oid in tables.keys() - deleted]:
            names = sql.SQL(", ").join(truncated)
            self.connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(names))

    def clear(self, state: State, source: psycopg.Connection[Any] | None = None) -> None:
        """Delete every row, and copy the rows of another database instead."""
        with self.connection.transaction():
            self.delete(state)
            if source is not None:
                self._copy_rows(state, source)
        self._filled = {}

    def _copy_rows(self, state: State, source: psycopg.Connection[Any]) -> None:
        waiting = [table for table in self._tables(state).values() if _has_rows(source, table)]
        if self._is_superuser:
            self.connection.execute(_NO_TRIGGERS)
        is_copied = True
        while waiting and is_copied:  # without superuser, referenced tables have to come first
            left = [table for table in waiting if not self._copy_table(table, source)]
            is_copied = len(left) < len(waiting)
            waiting = left
        if self._is_superuser:
            self.connection.execute(_TRIGGERS)

    def _copy_table(self, table: Relation, source: psycopg.Connection[Any]) -> bool:
        columns = sql.SQL(", ").join(
            sql.Identifier(column.name)
            for column in table.columns.values()
            if not (column.is_dropped or column.generated)
        )
        names = {"table": identifier(table), "columns": columns}
        read = sql.SQL("COPY (SELECT {columns} FROM {table}) TO STDOUT").format(**names)
        write = sql.SQL("COPY {table} ({columns}) FROM STDIN").format(**names)
        try:
            with (
                self.connection.transaction(),
                source.cursor().copy(read) as rows,
                self.connection.cursor().copy(write) as target,
            ):
                for data in rows:
                    target.write(data)
        except psycopg.Error:
            return False
        return True

    def _tables(self, state: State) -> dict[int, Relation]:
        """Return the tables that may contain sample rows; a partition gets those of its parent.

        Not those with a foreign partition: rows are stored on a server that no scratch one reaches.
        """
        parents = {table.parent for table in state.relations.values() if table.kind == "f"}
        return {
            oid: table
            for oid, table in state.relations.items()
            if table.kind in "rp"
            and table.parent not in state.relations
            and table.quoted not in self._ignored
            and not (oid in parents and table.kind == "p")
        }

    def _empty(self, tables: Mapping[int, Relation]) -> list[int]:
        """Return those of the tables that have no row."""
        if not tables:
            return []
        queries = (
            sql.SQL("SELECT {} WHERE NOT EXISTS (SELECT FROM {})").format(oid, identifier(table))
            for oid, table in tables.items()
        )
        rows = self.connection.execute(sql.SQL(" UNION ALL ").join(queries)).fetchall()
        empty = {oid for (oid,) in rows}
        return [oid for oid in tables if oid in empty]


def _referenced_first(waiting: Iterable[int], tables: Mapping[int, Relation]) -> list[int]:
    """Order tables so that each follows those that it references, as far as there is no circle."""
    references = {oid: referenced_tables(tables[oid]) - {oid} for oid in waiting}
    ordered = []
    while references:
        free = (oid for oid, others in references.items() if not others & references.keys())
        ordered.append(next(free, next(iter(references))))
        del references[ordered[-1]]
    return ordered


def _has_rows(connection: psycopg.Connection[Any], table: Relation) -> bool:
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(identifier(table))
    try:
        return connection.execute(query).fetchone() == (True,)
    except psycopg.Error:  # the table does not exist there
        return False
