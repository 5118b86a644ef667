"""Run one rendering on a scratch database and see, statement by statement, what it does.

Inside a transaction PostgreSQL itself tells: pg_locks what was locked, pg_stat_get_xact_* what
was scanned and written, the catalogs what changed. What refuses to run in a transaction is held
up by a second connection for as long as it takes to read its locks.

It watches and never judges; `rules` does.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import psycopg
from pglast import ast
from psycopg import sql

from pybase.migrate.catalog import _state as state
from pybase.migrate.catalog._state import FIRST_USER_OID, Relation, State
from pybase.migrate.record import Script
from pybase.migrate.sql._lock_modes import MODES, ROW_EXCLUSIVE, SHARE
from pybase.migrate.sql.grammar._parse import is_kind

STATEMENT_TIMEOUT = "60s"
"""Nothing in a rehearsal has many rows; what takes longer waits for something that never comes."""

_PROBE_TIMEOUT_S = 5


@dataclass(frozen=True)
class Rows:
    """How many rows of one table a statement wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True)
class Observation:
    """What one statement was seen to do. Relations are named by oid.

    `locks` is the strongest rank in MODES that its transaction holds on each relation afterwards,
    `gained` what this statement itself added to that.
    """

    index: int
    sql: str
    transactional: bool
    before: State
    after: State
    locks: Mapping[int, int] = field(default_factory=dict)
    gained: Mapping[int, int] = field(default_factory=dict)
    scans: Mapping[int, int] = field(default_factory=dict)
    rows: Mapping[int, Rows] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    error: psycopg.Error | None = None

    # Every rule asks for these, of every statement: once is enough for hundreds of tables.

    @cached_property
    def changed(self) -> tuple[tuple[int, Relation, Relation], ...]:
        """The relations that were there before and after, and are not the same."""
        after = self.after.relations
        return tuple(
            (oid, before, after[oid])
            for oid, before in self.before.relations.items()
            if oid in after and before is not after[oid] and before != after[oid]
        )

    @cached_property
    def gone(self) -> tuple[tuple[int, Relation], ...]:
        """The relations that it made disappear."""
        after = self.after.relations
        return tuple(item for item in self.before.relations.items() if item[0] not in after)

    @cached_property
    def made(self) -> tuple[tuple[int, Relation], ...]:
        """The relations that it made."""
        before = self.before.relations
        return tuple(item for item in self.after.relations.items() if item[0] not in before)


@dataclass(frozen=True)
class Run:
    """One direction of one revision on the scratch database, from `start` to `end`."""

    start: State
    end: State
    observations: tuple[Observation, ...]

    @property
    def error(self) -> psycopg.Error | None:
        """What stopped it, if anything did."""
        return next((each.error for each in self.observations if each.error), None)


class Watcher:
    """One connection to a scratch database, on which renderings are run and watched."""

    def __init__(self, url: str, known: State | None = None) -> None:
        """Connect to the database at `url`; its state may be known. Raises psycopg.Error."""
        self._url = url
        # a prepared read of the catalog survives only where psycopg leaves prepared ones alone
        self.connection = psycopg.connect(
            url, autocommit=True, prepare_threshold=None, application_name="pybase"
        )
        self._notices: list[str] = []
        self.connection.add_notice_handler(self._noted)
        self.state = known or state.read(self.connection)
        state.prepare(self.connection)
        self._counted: dict[int, tuple[int, ...]] = {}
        self._held: dict[int, int] = {}

    def close(self) -> None:
        """Close the connection, as has to be before the database can be cloned."""
        self.connection.close()

    def run(
        self,
        script: Script,
        *,
        keep: bool = True,
        at_start: Callable[[], None] | None = None,
        at_end: Callable[[], None] | None = None,
    ) -> Run:
        """Run all of it and see what it does; stops at the first error.

        `at_start` is called before the first statement, if that is in a transaction, and not
        watched; `at_end` after the last one, in its transaction. Unless `keep`, a rendering
        that is a single transaction is rolled back after that.
        """
        self._settle()
        start = self.state
        seen: list[Observation] = []
        for block in script.blocks:
            is_last = block is script.blocks[-1]
            if block.transactional:
                hook = at_end if is_last else None
                seen += self._transaction(
                    block.statements, len(seen), keep=keep, at_start=at_start, at_end=hook
                )
                at_start = None
            else:
                seen += self._alone(block.statements, len(seen))
                if is_last and at_end is not None and not seen[-1].error:
                    at_end()
            if seen and seen[-1].error:
                break
        end = seen[-1].after if seen else start
        return Run(start, end, tuple(seen))

    def _settle(self) -> None:
        """Begin as a new session would: no settings left, and every counter at nothing."""
        self.connection.execute("RESET SESSION AUTHORIZATION")
        self.connection.execute("RESET ALL; DISCARD TEMP")
        self.connection.execute(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'")

    def has_changed_catalog(self) -> bool:
        """Whether the open transaction has written to any system catalog: what DDL does."""
        return self.connection.execute(_CATALOG_WRITES).fetchone() == (True,)

    def look_again(self) -> None:
        """Read the state anew, after somebody else has changed it."""
        self.state = state.read(self.connection)

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
        self._counted = {}
        self.connection.execute("SELECT pg_stat_force_next_flush()")  # counters begin at nothing
        self.connection.execute("BEGIN")
        if at_start is not None:
            at_start()
            self._held, _, _ = self._look()
        for index, text in enumerate(statements, first):
            seen = self._statement(index, text)
            yield seen
            if seen.error:
                self.connection.execute("ROLLBACK")
                self.state = before
                return
        if at_end is not None:
            at_end()
        try:
            self.connection.execute("COMMIT" if keep else "ROLLBACK")
        except psycopg.Error as error:  # a deferred constraint speaks last
            self.state = before
            yield Observation(first + len(statements), "COMMIT", True, before, before, error=error)
        if not keep:
            self.state = before

    def _alone(self, statements: tuple[str, ...], first: int) -> Iterator[Observation]:
        """Run each on its own: watched in a transaction if it permits one, else from outside."""
        for index, text in enumerate(statements, first):
            *_, seen = self._transaction((text,), index, keep=True)
            if isinstance(seen.error, _NEEDS_NO_TRANSACTION):
                seen = self._outside(index, text)
            yield replace(seen, transactional=False)
            if seen.error:
                return

    def _statement(self, index: int, text: str) -> Observation:
        before = self.state
        self._notices.clear()
        try:
            self.connection.execute(text.encode())
        except psycopg.Error as error:
            return Observation(index, text, True, before, before, error=error)
        if _FORGETS.search(text):
            state.prepare(self.connection)
        locks, scans, rows = self._look()
        gained = {oid: rank for oid, rank in locks.items() if rank > self._held.get(oid, -1)}
        self._held = locks
        # a lock that was there already hides that the statement touched the relation again
        touched = {oid for oid, rank in locks.items() if rank > ROW_EXCLUSIVE}
        self.state = state.reread(self.connection, before, touched)
        noticed = tuple(self._notices)
        return Observation(
            index, text, True, before, self.state, locks, gained, scans, rows, noticed
        )

    def _look(self) -> tuple[dict[int, int], dict[int, int], dict[int, Rows]]:
        """Read the locks that the transaction holds, and what was scanned and written since."""
        locks: dict[int, int] = {}
        scans: dict[int, int] = {}
        rows: dict[int, Rows] = {}
        for oid, mode, *counts in self.connection.execute(_LOOK):
            locks[oid] = max(locks.get(oid, 0), MODES.index(mode))
            last = self._counted.get(oid, (0, 0, 0, 0))
            if any(now < then for now, then in zip(counts, last, strict=True)):
                last = (0, 0, 0, 0)  # the server has sent its counters off, and counts anew
            scanned, *written = (now - then for now, then in zip(counts, last, strict=True))
            self._counted[oid] = tuple(counts)
            if scanned:
                scans[oid] = scanned
            if any(written):
                rows[oid] = Rows(*written)
        return locks, scans, rows

    def _outside(self, index: int, text: str) -> Observation:
        """Run a statement that refuses a transaction, held up until its locks are read.

        The other connection holds ROW EXCLUSIVE on every table, as a writer in the middle of its
        work would: CREATE INDEX CONCURRENTLY and its like wait for writers with their own locks
        already taken, so what is read does not depend on chance. A block that commits need not
        wait for anybody: what it wrote is told by the server's counters.
        """
        before = self.state
        is_block = is_kind(text, ast.DoStmt, ast.CallStmt)
        counted = _rows_written(self.connection) if is_block else {}
        self._notices.clear()
        failure: list[psycopg.Error] = []

        def execute() -> None:
            try:
                self.connection.execute(text.encode())
            except psycopg.Error as error:
                failure.append(error)

        pid = self.connection.info.backend_pid
        with psycopg.connect(self._url, application_name="pybase") as writer:
            _lock_tables(writer, before)
            running = threading.Thread(target=execute)
            running.start()
            locks = _awaited_locks(writer, pid, running)
            writer.rollback()
            running.join()
        self.state = state.read(self.connection)
        error = failure[0] if failure else None
        rows = _newly_written(self.connection, counted) if is_block else {}
        if is_block:
            locks = {oid: rank for oid, rank in locks.items() if rank >= SHARE}
            locks = dict.fromkeys(rows, ROW_EXCLUSIVE) | locks
        return Observation(
            index, text, False, before, self.state, locks, locks, {}, rows, (*self._notices,), error
        )

    def _noted(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._notices.append(f"{diagnostic.sqlstate} {diagnostic.message_primary}")


_FORGETS = re.compile(r"\b(deallocate|discard)\b", re.IGNORECASE)
"""What may take the prepared statements of the session away."""

_NEEDS_NO_TRANSACTION = (
    psycopg.errors.ActiveSqlTransaction,
    psycopg.errors.InvalidTransactionTermination,
)


def _lock_tables(writer: psycopg.Connection[Any], known: State) -> None:
    names = [
        sql.Identifier(each.schema, each.name)
        for each in known.relations.values()
        if each.kind in "rp"
    ]
    if names:
        writer.execute(
            sql.SQL("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE").format(
                sql.SQL(", ONLY ").join(names)
            )
        )


def _awaited_locks(
    writer: psycopg.Connection[Any], pid: int, running: threading.Thread
) -> dict[int, int]:
    """Return the locks of the server process `pid`, as soon as it waits for this connection."""
    deadline = time.monotonic() + _PROBE_TIMEOUT_S
    locks: dict[int, int] = {}
    while running.is_alive() and time.monotonic() < deadline:
        waits, found = writer.execute(_AWAITED, {"pid": pid}).fetchone() or (False, None)
        locks = {oid: MODES.index(mode) for oid, mode in found or ()}
        if waits:
            break
        time.sleep(0.002)
    return locks


def _rows_written(connection: psycopg.Connection[Any]) -> dict[int, tuple[int, ...]]:
    """Return how many rows were ever inserted, updated and deleted, by table."""
    connection.execute("SELECT pg_stat_force_next_flush()")  # or it may take the server a second
    return {oid: tuple(counts) for oid, *counts in connection.execute(_WRITTEN)}


def _newly_written(
    connection: psycopg.Connection[Any], before: Mapping[int, tuple[int, ...]]
) -> dict[int, Rows]:
    after = _rows_written(connection)
    none = (0, 0, 0)
    return {
        oid: Rows(*(now - then for now, then in zip(counts, before.get(oid, none), strict=True)))
        for oid, counts in after.items()
        if counts != before.get(oid, none)
    }


_WRITTEN = f"""
SELECT
    oid::bigint, pg_stat_get_tuples_inserted(oid), pg_stat_get_tuples_updated(oid),
    pg_stat_get_tuples_deleted(oid)
FROM pg_class WHERE relkind = 'r' AND oid >= {FIRST_USER_OID}
"""

_CATALOG_WRITES = f"""
SELECT EXISTS (
    SELECT FROM pg_class AS c
    WHERE c.oid < {FIRST_USER_OID} AND c.relkind = 'r'
    AND c.relnamespace = 'pg_catalog'::regnamespace
    AND pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
        + pg_stat_get_xact_tuples_deleted(c.oid) > 0
)
"""

_AWAITED = f"""
SELECT
    pg_backend_pid() = ANY(pg_blocking_pids(%(pid)s)),
    (
        SELECT json_agg(json_build_array(l.relation::bigint, l.mode)) FROM pg_locks AS l
        WHERE l.pid = %(pid)s AND l.locktype = 'relation' AND l.relation >= {FIRST_USER_OID}
    )
"""

_LOOK = f"""
SELECT
    l.relation::bigint, l.mode,
    coalesce(pg_stat_get_xact_numscans(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_inserted(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_updated(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_deleted(l.relation), 0)
FROM pg_locks AS l
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.relation >= {FIRST_USER_OID}
"""
