"""The migration lock: one migration of a database at a time.

A session-level advisory lock on a connection of its own, polled: a session that waits inside
`pg_advisory_lock` holds a snapshot for which CREATE INDEX CONCURRENTLY waits in turn, forever.
The lock ends with its session, so a killed holder frees it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pybase.core.errors import DatabaseError
from pybase.core.settings import MigrateOptions
from pybase.core.style import style
from pybase.migrate.database._connect import Database, connect

KEY = 4_851_520_931
"""The advisory lock's key; an arbitrary number, the same for every version of this project."""

_POLL_S = (0.01, 0.2)
"""Seconds between tries: first the shorter, since a killed holder is gone at once."""

_ROUNDS = 5
"""Comparisons of two sessions behind a pooler, which may separate them by chance."""


@contextmanager
def migration_lock(
    database: Database, report: Callable[[str], None], options: MigrateOptions
) -> Iterator[psycopg.Connection[Any]]:
    """Hold the database's migration lock, and yield its session; reports the holder meanwhile.

    Raises DatabaseError when another migration holds it for longer than the deadline.
    """
    with connect(database, autocommit=True) as connection:
        deadline = time.monotonic() + options.deadline_s
        is_reported, pause = False, _POLL_S[0]
        while not _try(connection):
            holder = _holder(connection)
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"Another migration has run for {options.deadline_s} s: {holder} "
                    f"({database.name}).",
                    "Wait until it is done, or end it, and run the same command again.",
                    code="migration-running",
                )
            if not is_reported and pause == _POLL_S[1]:
                label = style("Waiting for another migration:", "bold yellow")
                report(f"{label} {holder}.")
                is_reported = True
            time.sleep(pause)
            pause = min(2 * pause, _POLL_S[1])
        yield connection


def require_own_session(
    guard: psycopg.Connection[Any], other: psycopg.Connection[Any], database: Database
) -> None:
    """Refuse a pooler that gives the same server session to two of ours: no lock would hold.

    A pooler invents the process id that it reports at the start. In session mode two of our
    sessions never share one of the server's; in transaction mode they do when no other client is
    busy. Raises DatabaseError.
    """
    if _pid(other) == other.info.backend_pid:
        return
    if any(_pid(guard) == _pid(other) for _ in range(_ROUNDS)):
        raise DatabaseError(
            f"A pooler in transaction mode, such as PgBouncer, is in front of the server "
            f"({database.name}): locks and settings of a session are lost there.",
            "Point DATABASE_URL at the server itself, or at a pool in session mode.",
            code="transaction-pooler",
        )


def _pid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def _try(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", [KEY]).fetchone()
    return row == (True,)


def _holder(connection: psycopg.Connection[Any]) -> str:
    """Return the holder of the lock: process, user, host, and since when."""
    row = connection.execute(_HOLDER, {"high": KEY >> 32, "low": KEY & 0xFFFFFFFF}).fetchone()
    if row is None:
        return "it has just ended"
    pid, user, host, since = row
    return f"pid {pid}, user {user}, from {host}, since {since}"


_HOLDER = """
SELECT a.pid, a.usename, coalesce(a.client_addr::text, 'this host'),
to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"')
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted
AND l.classid = %(high)s::bigint::oid AND l.objid = %(low)s::bigint::oid
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
