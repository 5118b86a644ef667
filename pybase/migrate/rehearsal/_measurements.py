"""Measurements of what a statement has locked, scanned and written.

In a transaction the server shows it to the session itself. A statement outside of any is blocked by
a writer session until its locks are read.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from pybase.migrate.catalog import FIRST_USER_OID, State
from pybase.migrate.rehearsal._observation import Rows, Scans
from pybase.migrate.sql.lock_modes import MODES
from pybase.postgres import connect_scratch


class Meter:
    """The counters of a session's transaction; each reading has what is new since the last."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Measure on a connection, from the next `begin`."""
        self._connection = connection
        self._counters: dict[int, tuple[int, ...]] = {}

    def begin(self) -> None:
        """Let the counters of the next transaction begin at zero."""
        self._counters = {}
        self._connection.execute("SELECT pg_stat_force_next_flush()")

    def read(self) -> tuple[dict[int, int], dict[int, Scans], dict[int, Rows]]:
        """Return the locks that the transaction holds, and what it has scanned and written."""
        locks: dict[int, int] = {}
        scans: dict[int, Scans] = {}
        rows: dict[int, Rows] = {}
        for oid, mode, *counts in self._connection.execute(_LOCKS):
            locks[oid] = max(locks.get(oid, 0), MODES.index(mode))
            last = self._counters.get(oid, _NO_COUNTS)
            if any(new < old for new, old in zip(counts, last, strict=True)):
                last = _NO_COUNTS  # the server has flushed its counters
            number, read, *written = (new - old for new, old in zip(counts, last, strict=True))
            self._counters[oid] = tuple(counts)
            if number:
                scans[oid] = Scans(number, read)
            if any(written):
                rows[oid] = Rows(*written)
        return locks, scans, rows


_NO_COUNTS = (0, 0, 0, 0, 0)

_LOCKS = f"""
SELECT
    l.relation::bigint, l.mode,
    coalesce(pg_stat_get_xact_numscans(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_returned(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_inserted(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_updated(l.relation), 0),
    coalesce(pg_stat_get_xact_tuples_deleted(l.relation), 0)
FROM pg_locks AS l
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.relation >= {FIRST_USER_OID}
"""

# --- outside a transaction --------------------------------------------------------------------

_TIMEOUT_S = 30
"""A wait for other sessions begins in milliseconds; later only on a machine that does no work."""

_AWAITED = f"""
SELECT
    pg_backend_pid() = ANY(pg_blocking_pids(%(pid)s)),
    (
        SELECT json_agg(json_build_array(l.relation::bigint, l.mode)) FROM pg_locks AS l
        WHERE l.pid = %(pid)s AND l.locktype = 'relation' AND l.relation >= {FIRST_USER_OID}
    )
"""

_COUNTERS = f"""
SELECT
    oid::bigint, pg_stat_get_tuples_inserted(oid), pg_stat_get_tuples_updated(oid),
    pg_stat_get_tuples_deleted(oid)
FROM pg_class WHERE relkind = 'r' AND oid >= {FIRST_USER_OID}
"""


def locks_of(execute: Callable[[], None], pid: int, url: str, state: State) -> dict[int, int]:
    """Run `execute`, a statement of the server process `pid`, and return the locks that it took.

    The writer holds ROW EXCLUSIVE on every table: CREATE INDEX CONCURRENTLY and its like take their
    own locks and then wait for writers, so what is read does not depend on chance.
    """
    tables = [
        sql.Identifier(relation.schema, relation.name)
        for relation in state.relations.values()
        if relation.kind in "rp"
    ]
    with connect_scratch(url, application_name="pybase") as writer:
        if tables:
            names = sql.SQL(", ONLY ").join(tables)
            writer.execute(sql.SQL("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE").format(names))
        running = threading.Thread(target=execute)
        running.start()
        locks = _awaited_locks(writer, pid, running)
        writer.rollback()
        running.join()
    return locks


def _awaited_locks(
    writer: psycopg.Connection[Any], pid: int, running: threading.Thread
) -> dict[int, int]:
    """Return the locks of the server process `pid`, as soon as it waits for this connection."""
    deadline = time.monotonic() + _TIMEOUT_S
    locks: dict[int, int] = {}
    while running.is_alive() and time.monotonic() < deadline:
        waits, held = writer.execute(_AWAITED, {"pid": pid}).fetchone() or (False, None)
        locks = {oid: MODES.index(mode) for oid, mode in held or ()}
        if waits:
            break
        time.sleep(0.002)
    return locks


def row_counters(connection: psycopg.Connection[Any]) -> dict[int, tuple[int, ...]]:
    """Return the numbers of rows inserted, updated and deleted so far, by table."""
    connection.execute("SELECT pg_stat_force_next_flush()")  # or it may take the server a second
    return {oid: tuple(counts) for oid, *counts in connection.execute(_COUNTERS)}


def rows_since(
    before: Mapping[int, tuple[int, ...]], connection: psycopg.Connection[Any]
) -> dict[int, Rows]:
    """Return the rows that were written since the counters were `before`."""
    changed = {
        oid: (counts, before.get(oid, (0, 0, 0)))
        for oid, counts in row_counters(connection).items()
        if counts != before.get(oid, (0, 0, 0))
    }
    return {
        oid: Rows(*(new - old for new, old in zip(counts, last, strict=True)))
        for oid, (counts, last) in changed.items()
    }
