"""One migration of a database at a time.

A session-level advisory lock on a connection of its own, polled: a session that waits inside
`pg_advisory_lock` holds a snapshot for which CREATE INDEX CONCURRENTLY waits in turn, for ever.
The lock goes with its session, so a killed holder frees it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pybase.errors import DatabaseError
from pybase.migrate.target import Database, connect

KEY = 4_851_520_931
"""The advisory lock's key; an arbitrary number, the same for every version of this project."""

DEADLINE_S = 600
"""Seconds to wait for another migration."""

_POLL_S = 0.2


@contextmanager
def only_one(database: Database, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the database's migration lock; says who has it while it waits.

    Raises DatabaseError when another migration holds it for longer than DEADLINE_S.
    """
    with connect(database, autocommit=True) as connection:
        deadline = time.monotonic() + DEADLINE_S
        is_told = False
        while not _try(connection):
            holder = _holder(connection)
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"Another migration has run for {DEADLINE_S} s: {holder} ({database.name}).",
                    "Wait until it is done, or end it, and run the same command again.",
                )
            if not is_told:
                report(f"Waiting for another migration: {holder}.")
                is_told = True
            time.sleep(_POLL_S)
        yield


def _try(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", [KEY]).fetchone()
    return row == (True,)


def _holder(connection: psycopg.Connection[Any]) -> str:
    """Who has the lock: process, user, host, and since when."""
    row = connection.execute(_HOLDER, {"high": KEY >> 32, "low": KEY & 0xFFFFFFFF}).fetchone()
    if row is None:
        return "it has just ended"
    pid, user, host, since = row
    return f"pid {pid}, user {user}, from {host}, since {since:%H:%M:%S}"


_HOLDER = """
SELECT a.pid, a.usename, coalesce(a.client_addr::text, 'this host'), a.backend_start
FROM pg_locks AS l
JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted
AND l.classid = %(high)s::bigint::oid AND l.objid = %(low)s::bigint::oid
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
