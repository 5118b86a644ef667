"""The migration lock: one migration of a database at a time.

A session-level advisory lock on a connection of its own, polled: a session that waits inside
`pg_advisory_lock` holds a snapshot for which CREATE INDEX CONCURRENTLY waits in turn, forever.
The lock ends with its session: a killed holder frees it, and what relies on it verifies it.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.errors import DatabaseError
from pybase.core.settings import MigrateOptions
from pybase.core.style import style
from pybase.migrate.database._connect import Database, connect, has_answered
from pybase.migrate.database._limited import LimitedConnection

KEY = 4_851_520_931
"""The advisory lock's key; an arbitrary number, the same for every version of this project."""

_TIMEOUTS = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 140000,
    "transaction_timeout": 170000,
}
"""The timeouts of a session, and the first version of the server that has each."""

_POLL_S = (0.01, 0.2)
"""Seconds between tries: first the shorter, since a killed holder is gone at once."""

_ROUNDS = 5
"""Comparisons of two sessions behind a pooler, which may separate them by chance."""


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

    Raises DatabaseError when another migration holds it for longer than the deadline.
    """
    with connect(database, is_short=True, autocommit=True) as connection:
        deadline = time.monotonic() + options.deadline_s
        is_reported, pause = False, _POLL_S[0]
        own_key = secrets.randbits(62)
        while not _try(connection, own_key):
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
        yield MigrationLock(connection, own_key)


def put_aside(connection: psycopg.Connection[Any], *settings: str) -> list[str]:
    """Replace what a role or a database sets for its application; returns the statements in force.

    These are `settings`, no timeouts, and an end to a statement whose client is gone.
    """
    sent = [*_no_timeouts(connection), *settings]
    connection.execute("; ".join(sent).encode())
    with suppress(psycopg.Error):  # not every platform can detect that a client is gone
        connection.execute(_CLIENT_CHECK.encode())
        sent.append(_CLIENT_CHECK)
    return sent


_CLIENT_CHECK = "SET client_connection_check_interval = '2s'"


def _no_timeouts(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the statements that put aside the timeouts of a role, meant for its application."""
    return [f"SET {name} = 0" for name in _timeouts(connection)]


def _timeouts(connection: psycopg.Connection[Any]) -> list[str]:
    version = connection.info.server_version
    return [name for name, since in _TIMEOUTS.items() if version >= since]


class Backend(Struct, frozen=True):
    """A process of the server; its id may be used again, so it has the time of its start."""

    pid: int
    started: float


def require_own_session(
    guard: psycopg.Connection[Any], other: psycopg.Connection[Any], database: Database
) -> Backend:
    """Refuse a pooler that gives the same server session to two of ours: no lock would hold.

    A pooler invents the process id that it reports at the start. In session mode two of our
    sessions never share one of the server's; in transaction mode they do when no other client is
    busy. Returns the server process of `other`. Raises DatabaseError.
    """
    backend = Backend(*_unlimited(other, _BACKEND))
    if backend.pid == other.info.backend_pid:
        return backend
    if any(_pid(guard) == _pid(other) for _ in range(_ROUNDS)):
        raise DatabaseError(
            f"A pooler in transaction mode, such as PgBouncer, is in front of the server "
            f"({database.name}): locks and settings of a session are lost there.",
            "Point DATABASE_URL at the server itself, or at a pool in session mode.",
            code="transaction-pooler",
        )
    if isinstance(other, LimitedConnection):
        other.has_answered = partial(has_answered, database, backend.pid)
    for connection in (guard, other):
        connection.execute("; ".join(_no_timeouts(connection)).encode())
    return backend


_BACKEND = (
    "SELECT pid, extract(epoch FROM backend_start)::float8"
    " FROM pg_stat_get_activity(pg_backend_pid())"
)


def _pid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def _try(connection: psycopg.Connection[Any], own_key: int) -> bool:
    """Return whether the session has got both locks."""
    query = (
        f"SELECT CASE WHEN pg_try_advisory_lock({KEY}) THEN pg_try_advisory_lock({own_key})"
        " ELSE false END"
    )
    return bool(_unlimited(connection, query)[0])


def _unlimited(connection: psycopg.Connection[Any], query: str) -> tuple[Any, ...]:
    """Return the row of a query, and let the session have no timeouts: one message.

    Behind a pooler it keeps them, since the session may be of other clients in a moment.
    """
    changes = ", ".join(f"set_config('{name}', '0', false)" for name in _timeouts(connection))
    condition = f"pg_backend_pid() = {connection.info.backend_pid}"
    cursor = connection.execute(f"SELECT {changes} WHERE {condition};\n{query}".encode())
    cursor.nextset()
    row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    return row


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
