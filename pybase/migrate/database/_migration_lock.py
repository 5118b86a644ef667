"""The migration lock: one migration of a database at a time.

A session-level advisory lock on a connection of its own, polled: a session that waits inside
`pg_advisory_lock` holds a snapshot for which CREATE INDEX CONCURRENTLY waits in turn, forever.
The lock ends with its session: a killed holder frees it, and what relies on it verifies it.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.errors import DatabaseError
from pybase.core.files import digest
from pybase.core.settings import MigrateOptions
from pybase.core.style import style
from pybase.migrate.database._connect import Database, connect
from pybase.migrate.database._own_session import no_timeouts, own_session, transaction_pooler

KEY = 4_851_520_931
"""The advisory lock's key; an arbitrary number, the same for every version of this project."""


def _key(database: Database) -> int:
    """Return the key of a database's lock; a schema that has a history of its own has its own."""
    return KEY if database.schema is None else int(digest(database.schema.encode())[:15], 16)


_POLL_S = (0.01, 0.2)
"""Seconds between tries: first the shorter, since a killed holder is gone at once."""


class MigrationLock(Struct, frozen=True):
    """The lock, held for `connection`, an autocommit one, together with a lock that only it has.

    The key of the second, `own_key`, is random, so that any session learns by one try, without a
    look at all locks of the server, whether this holder still exists.
    """

    connection: psycopg.Connection[Any]
    own_key: int

    @property
    def held_sql(self) -> str:
        """The condition, for any other session of the database, that the lock is held."""
        return f"NOT pg_catalog.pg_try_advisory_xact_lock({self.own_key})"

    def is_held(self) -> bool:
        """Whether its session still exists."""
        try:
            return self.connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False


def lock_lost() -> DatabaseError:
    """Return the error for a migration that goes on without its lock."""
    return DatabaseError(
        "The migration lock was lost: the server ended its session.",
        "Find out why (idle_session_timeout, an administrator, a restart) in the server's log, and "
        "run the same command again.",
        code="migration-lock-lost",
    )


@contextmanager
def migration_lock(
    database: Database, report: Callable[[str], None], options: MigrateOptions
) -> Iterator[MigrationLock]:
    """Hold the database's migration lock; reports another holder meanwhile.

    Raises DatabaseError when another migration holds it for longer than the deadline, and for a
    pooler in transaction mode, where it would be left behind.
    """
    with connect(database, is_short=True, autocommit=True) as connection:
        deadline = time.monotonic() + options.deadline_s
        is_reported, pause = False, _POLL_S[0]
        own_key = secrets.randbits(62)
        for _ in _failed_tries(connection, database, own_key):
            holder = _holder(connection, _key(database))
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
        yield MigrationLock(connection, own_key)


def _failed_tries(
    connection: psycopg.Connection[Any], database: Database, own_key: int
) -> Iterator[None]:
    """Take both locks; yield after each try that fails. Raises DatabaseError for a pooler."""
    pid = connection.info.backend_pid
    while not (is_taken := _try(connection, database, own_key, pid)):
        if is_taken is not None:
            yield
        elif pid == connection.info.backend_pid:  # it is a pooler's: nothing is left there yet
            pid = own_session(connection, database).pid
        else:
            raise transaction_pooler(database)


def _try(
    connection: psycopg.Connection[Any], database: Database, own_key: int, pid: int
) -> bool | None:
    """Return whether the session `pid` has got both locks; None, and none is taken, in another.

    One message, with an end to the timeouts of the session.
    """
    query = (
        f"SELECT CASE WHEN pg_backend_pid() <> {pid} THEN NULL"
        f" WHEN pg_try_advisory_lock({_key(database)}) THEN pg_try_advisory_lock({own_key})"
        " ELSE false END"
    )
    cursor = connection.execute(f"{no_timeouts(connection, pid)};\n{query}".encode())
    cursor.nextset()
    row = cursor.fetchone()
    return None if row is None else row[0]


def _holder(connection: psycopg.Connection[Any], key: int) -> str:
    """Return the holder of the lock: process, user, host, and since when."""
    row = connection.execute(_HOLDER, {"high": key >> 32, "low": key & 0xFFFFFFFF}).fetchone()
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
