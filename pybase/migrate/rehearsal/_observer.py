"""Observation of a script on a scratch database, statement by statement.

Inside a transaction pg_locks shows what was locked, pg_stat_get_xact_* what was scanned and
written, the catalogs what changed. A statement that refuses to run in a transaction is blocked by a
second connection for as long as it takes to read its locks. `_rules` evaluates the observations.
"""

import re
from collections.abc import Callable, Iterator

import psycopg
from msgspec.structs import replace
from pglast import ast

from pybase.migrate.catalog import (
    FIRST_USER_OID,
    State,
    prepare_reread,
    read_state,
    reread_state,
)
from pybase.migrate.record import Script, StatementKind
from pybase.migrate.rehearsal._measurements import Meter, locks_of, row_counters, rows_since
from pybase.migrate.rehearsal._observation import Observation, Rows, Run, Scans
from pybase.migrate.rehearsal._plans import AS_USUAL, BY_INDEX, changes
from pybase.migrate.sql.grammar import is_kind, is_opaque, names
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, ROW_EXCLUSIVE, SHARE
from pybase.postgres import connect_scratch

STATEMENT_TIMEOUT = "60s"
"""Tables have few rows in a rehearsal; what takes longer waits for a lock for ever."""


class Observer:
    """One connection to a scratch database, on which scripts are run and observed."""

    def __init__(self, url: str) -> None:
        """Connect to the database at `url`. Raises psycopg.Error."""
        self._url = url
        # psycopg would deallocate the prepared query of `reread_state` with its own
        self.connection = connect_scratch(
            url, autocommit=True, prepare_threshold=None, application_name="pybase"
        )
        self._notices: list[str] = []
        self.connection.add_notice_handler(self._note)
        self.state = read_state(self.connection)
        prepare_reread(self.connection)
        self._meter = Meter(self.connection)
        self._held: dict[int, int] = {}
        self._unwatched: frozenset[str] = frozenset()
        self._start = self.state

    def close(self) -> None:
        """Close the connection; the database can be cloned only after that."""
        self.connection.close()

    def run(
        self,
        script: Script,
        *,
        keep: bool = True,
        at_start: Callable[[], None] | None = None,
        at_end: Callable[[], None] | None = None,
    ) -> Run:
        """Run and observe all of it; stops at the first error.

        `at_start` is called before the first statement, if that is in a transaction, and not
        observed; `at_end` after the last one, in its transaction. Unless `keep`, a script
        that is a single transaction is rolled back after that.
        """
        self._reset()
        self._unwatched = frozenset(s.sql for s in script.statements if s.kind in _UNWATCHED)
        start = self._start = self.state
        observations: list[Observation] = []
        for block in script.blocks:
            is_last = block is script.blocks[-1]
            if block.transactional:
                hook = at_end if is_last else None
                observations += self._transaction(
                    block.statements, len(observations), keep=keep, at_start=at_start, at_end=hook
                )
                at_start = None
            else:
                observations += self._alone(block.statements, len(observations))
                if is_last and at_end is not None and not observations[-1].error:
                    at_end()
            if observations and observations[-1].error:
                break
        end = observations[-1].after if observations else start
        return Run(start, end, tuple(observations))

    def _reset(self) -> None:
        """Give the session the settings of a new one."""
        self.connection.execute(
            "RESET SESSION AUTHORIZATION; RESET ALL; DISCARD TEMP;"
            f" SET statement_timeout = '{STATEMENT_TIMEOUT}'"
        )

    def has_changed_catalog(self) -> bool:
        """Whether the open transaction has written to any system catalog: what DDL does."""
        return self.connection.execute(_CATALOG_WRITES).fetchone() == (True,)

    def refresh(self) -> None:
        """Read the state again, after other code has changed it."""
        self.state = read_state(self.connection)

    def _transaction(
        self,
        statements: tuple[str, ...],
        first: int,
        *,
        keep: bool,
        at_start: Callable[[], None] | None = None,
        at_end: Callable[[], None] | None = None,
    ) -> Iterator[Observation]:
        before = self.state
        self._held = {}
        self._meter.begin()
        self.connection.execute("BEGIN")
        if at_start is not None:
            at_start()
            self._held, _, _ = self._measure()
        for index, text in enumerate(statements, first):
            observation = self._statement(index, text)
            yield observation
            if observation.error:
                self.connection.execute("ROLLBACK")
                self.state = before
                return
        if at_end is not None:
            at_end()
        try:
            self.connection.execute("COMMIT" if keep else "ROLLBACK")
        except psycopg.Error as error:  # of a deferred constraint
            self.state = before
            yield Observation(first + len(statements), "COMMIT", True, before, before, error=error)
        if not keep:
            self.state = before

    def _alone(self, statements: tuple[str, ...], first: int) -> Iterator[Observation]:
        """Run each on its own: in a transaction if possible, else observed from outside."""
        for index, text in enumerate(statements, first):
            *_, observation = self._transaction((text,), index, keep=True)
            if isinstance(observation.error, _NEEDS_NO_TRANSACTION):
                observation = self._outside(index, text)
            yield replace(observation, transactional=False)
            if observation.error:
                return

    def _statement(self, index: int, text: str) -> Observation:
        before = self.state
        is_watched = text not in self._unwatched
        planned = changes(self.connection, text, before) if is_watched else ()
        self._notices.clear()
        try:
            self._execute(text)
        except psycopg.Error as error:
            return Observation(index, text, True, before, before, error=error)
        if fault := self._other_encoding():
            return Observation(index, text, True, before, before, error=fault)
        if not is_watched:
            return Observation(index, text, True, before, before, self._held)
        if _DEALLOCATES.search(text):
            prepare_reread(self.connection)
        locks, scans, rows = self._measure()
        gained = {oid: rank for oid, rank in locks.items() if rank > self._held.get(oid, -1)}
        self._held = locks
        touched = {oid for oid, rank in locks.items() if rank > ROW_EXCLUSIVE}
        if is_kind(text, *_ADDING):
            touched &= gained.keys() | _named(before, text)
        # USING INDEX changes what an index guarantees under the lock of its table
        touched |= {oid for oid, item in before.relations.items() if item.table in touched}
        self.state = reread_state(self.connection, before, touched)
        notices = tuple(self._notices)
        return Observation(
            *(index, text, True, before, self.state, locks, gained, scans, rows, notices),
            changes=planned,
            emptied=self._emptied(before, touched) if _may_truncate(text) else frozenset(),
        )

    def _execute(self, text: str) -> None:
        """Run a statement; a query, and hidden code, with the plans that it has on large tables."""
        if not is_kind(text, *_QUERIES):
            self.connection.execute(text.encode())
            return
        self.connection.execute(BY_INDEX)
        self.connection.execute(text.encode())
        self.connection.execute(AS_USUAL)

    def _emptied(self, before: State, touched: set[int]) -> frozenset[int]:
        """Return the tables that have a new file without a row: what TRUNCATE leaves."""
        new = [oid for oid in touched if _has_new_file(before, self.state, oid)]
        rows = self.connection.execute(_EMPTY, [new]).fetchall() if new else ()
        return frozenset(oid for (oid,) in rows)

    def _other_encoding(self) -> psycopg.Error | None:
        """Return the error for code that has changed the encoding of the session, and undo that."""
        pgconn = self.connection.pgconn
        encoding = (pgconn.parameter_status(b"client_encoding") or b"").decode()
        if encoding == "UTF8":
            return None
        pgconn.exec_(b"SET client_encoding = 'UTF8'")
        return psycopg.NotSupportedError(
            f"it sets client_encoding to {encoding}, and all SQL of a migration is sent as UTF-8"
        )

    def _measure(self) -> tuple[dict[int, int], dict[int, Scans], dict[int, Rows]]:
        """Read the locks that the transaction holds, and what was scanned and written since."""
        locks, scans, rows = self._meter.read()
        return self._with_tables(locks), scans, rows

    def _with_tables(self, locks: dict[int, int]) -> dict[int, int]:
        """Add the tables whose index is locked: every query on them waits for it."""
        locked = (oid for oid, rank in locks.items() if rank == ACCESS_EXCLUSIVE)
        tables = {self._start.table_of(oid) for oid in locked if oid in self._start.relations}
        return locks | dict.fromkeys(tables, ACCESS_EXCLUSIVE)

    def _outside(self, index: int, text: str) -> Observation:
        """Run a statement that refuses a transaction, blocked until its locks are read.

        A block that commits need not wait for any session: the server's counters show what it
        wrote.
        """
        before = self.state
        is_block = is_kind(text, ast.DoStmt, ast.CallStmt)
        counters = row_counters(self.connection) if is_block else {}
        self._notices.clear()
        failure: list[psycopg.Error] = []

        def execute() -> None:
            try:
                self.connection.execute(text.encode())
            except psycopg.Error as error:
                failure.append(error)

        locks = locks_of(execute, self.connection.info.backend_pid, self._url, before)
        self.state = read_state(self.connection)
        error = failure[0] if failure else None
        rows = rows_since(counters, self.connection) if is_block else {}
        if is_block:
            locks = {oid: rank for oid, rank in locks.items() if rank >= SHARE}
            locks = dict.fromkeys(rows, ROW_EXCLUSIVE) | locks
        locks = self._with_tables(
            locks | dict.fromkeys(_locked_later(before, self.state), ACCESS_EXCLUSIVE)
        )
        return Observation(
            index, text, False, before, self.state, locks, locks, {}, rows, (*self._notices,), error
        )

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(f"{diagnostic.sqlstate} {diagnostic.message_primary}")


def _named(state: State, text: str) -> set[int]:
    """Return the relations whose names a statement has, in any schema."""
    named = {name.relname for name in names(text)}
    return {oid for oid, relation in state.relations.items() if relation.name in named}


def _may_truncate(text: str) -> bool:
    return is_opaque(text) or is_kind(text, ast.TruncateStmt)


def _has_new_file(before: State, after: State, oid: int) -> bool:
    """Whether a table that was there has another file."""
    old, new = before.relations.get(oid), after.relations.get(oid)
    return old is not None and new is not None and old.kind == "r" and old.file != new.file


def _locked_later(before: State, after: State) -> Iterator[int]:
    """Yield what was locked against readers after the statement had waited for writers.

    An index that was built in place, and a partition that was detached.
    """
    for oid, old in before.relations.items():
        new = after.relations.get(oid)
        is_built = new is not None and new.index is not None and new.file != old.file
        is_detached = new is not None and old.is_partition and not new.is_partition
        if is_built or is_detached:
            yield oid


_UNWATCHED = (StatementKind.VERSION, StatementKind.LEDGER)
"""Statements that change a row of the workflow's own tables: no rule is about them."""

_ADDING = (ast.CreateStmt, ast.IndexStmt, ast.CommentStmt)
"""Statements that change what they name, and nothing else that the transaction has locked before:
to read all of that again after each of 300 new tables would take minutes."""

_QUERIES = (ast.SelectStmt, ast.CreateTableAsStmt, ast.DoStmt, ast.CallStmt)

_DEALLOCATES = re.compile(r"\b(deallocate|discard)\b", re.IGNORECASE)
"""Statements that may deallocate the prepared ones of the session."""

_NEEDS_NO_TRANSACTION = (
    psycopg.errors.ActiveSqlTransaction,
    psycopg.errors.InvalidTransactionTermination,
)


_CATALOG_WRITES = f"""
SELECT EXISTS (
    SELECT FROM pg_class AS c
    WHERE c.oid < {FIRST_USER_OID} AND c.relkind = 'r'
    AND c.relnamespace = 'pg_catalog'::regnamespace
    AND pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
        + pg_stat_get_xact_tuples_deleted(c.oid) > 0
)
"""

_EMPTY = """
SELECT oid FROM unnest(%s::bigint[]) AS t (oid) WHERE pg_relation_size(oid::oid) = 0
"""
