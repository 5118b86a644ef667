"""A server session that is ours alone, without the limits that a role sets for its application.

A pooler in transaction mode gives each of our transactions another session, or several clients one:
a lock or a setting would stay there after us. It is refused before either is left.
"""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.errors import CheckFailedError, DatabaseError
from pybase.migrate.database._connect import Database, connect, has_answered
from pybase.migrate.database._limited import LimitedConnection

_TIMEOUTS = {
    "statement_timeout": 0,
    "lock_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "idle_session_timeout": 140000,
    "transaction_timeout": 170000,
}
"""The timeouts of a session, and the first version of the server that has each."""

_ROUNDS = 8
"""Comparisons of sessions behind a pooler: a busy one separates two by chance, but not each time.
"""

_TRIES = 20
"""A timeout of a millisecond may end even the statement that puts it aside."""


class Backend(Struct, frozen=True):
    """A process of the server; its id may be used again, so it has the time of its start."""

    pid: int
    started: float


def own_session(connection: psycopg.Connection[Any], database: Database) -> Backend:
    """Return the server process of an autocommit connection, whose session has no timeouts then.

    Raises DatabaseError for a pooler that gives a session to several clients.
    """
    backend = Backend(*_unlimited(connection))
    if backend.pid == connection.info.backend_pid:
        return backend
    require_session_pool(connection, database)
    backend = Backend(*_unlimited(connection, backend.pid))
    if isinstance(connection, LimitedConnection):
        connection.has_answered = partial(has_answered, database, backend.pid)
    return backend


def require_session_pool(connection: psycopg.Connection[Any], database: Database) -> None:
    """Refuse a pooler unless each client keeps its session; it invents the pid that it reports.

    In transaction mode, an idle pooler gives two of our connections the session that it used
    last, or the sessions by turns, and a busy one gives a connection the session that is free.
    Two queries of the first in a row, since sessions by turns could be one for each.
    """
    with ExitStack() as around:
        second = around.enter_context(connect(database, is_short=True, autocommit=True))
        first_pid, second_pid = _pid(connection), _pid(second)
        rounds = [(_pid(connection), _pid(connection), _pid(second)) for _ in range(_ROUNDS)]
    if first_pid == second_pid or set(rounds) != {(first_pid, first_pid, second_pid)}:
        raise transaction_pooler(database)


def transaction_pooler(database: Database) -> DatabaseError:
    """Return the error for a pooler in whose sessions neither locks nor settings are kept."""
    return DatabaseError(
        f"A pooler in transaction mode, such as PgBouncer, is in front of the server "
        f"({database.name}): locks and settings of a session are lost there.",
        "Point DATABASE_URL at the server itself, or at a pool in session mode.",
        code="transaction-pooler",
    )


def put_aside(connection: psycopg.Connection[Any], *settings: str) -> list[str]:
    """Replace what a role or a database sets for its application; returns the statements in force.

    These are `settings`, no timeouts, and an end to a statement whose client is gone.
    """
    sent = [*(f"SET {name} = 0" for name in _timeouts(connection)), *settings]
    connection.execute("; ".join(sent).encode())
    with suppress(psycopg.Error):  # not every platform can detect that a client is gone
        connection.execute(_CLIENT_CHECK.encode())
        sent.append(_CLIENT_CHECK)
    return sent


def require_schema(connection: psycopg.Connection[Any], database: Database) -> None:
    """Refuse a session that does not search the schema of a database only, where it has one.

    Raises CheckFailedError.
    """
    if database.schema is None:
        return
    row = connection.execute("SELECT current_schemas(false)::text[]", prepare=False).fetchone()
    path: list[str] = row[0] if row else []
    if path != [database.schema]:
        raise CheckFailedError(
            f"The session searches {', '.join(path) or 'no schema'}, and not only the schema "
            f"{database.schema}.",
            "Let env.py set no search_path, and GRANT USAGE ON SCHEMA to the role.",
            code="other-schema",
        )


_CLIENT_CHECK = "SET client_connection_check_interval = '2s'"


def no_timeouts(connection: psycopg.Connection[Any], pid: int) -> str:
    """Return the query that puts aside the timeouts of a role, in the session `pid` only."""
    changes = ", ".join(f"set_config('{name}', '0', false)" for name in _timeouts(connection))
    return f"SELECT {changes} WHERE pg_backend_pid() = {pid}"


def _timeouts(connection: psycopg.Connection[Any]) -> Sequence[str]:
    version = connection.info.server_version
    return [name for name, since in _TIMEOUTS.items() if version >= since]


def _unlimited(connection: psycopg.Connection[Any], pid: int = 0) -> tuple[Any, ...]:
    """Return the server process; the session `pid`, or the one that was reported, is unlimited.

    One message. Behind a pooler, the session may be of other clients in a moment.
    """
    change = no_timeouts(connection, pid or connection.info.backend_pid)
    message = f"{change};\n{_BACKEND}".encode()
    for _ in range(_TRIES):
        with suppress(psycopg.errors.QueryCanceled):
            return _backend(connection.execute(message))
    return _backend(connection.execute(message))


def _backend(cursor: psycopg.Cursor[Any]) -> tuple[Any, ...]:
    """Return the row of the second of two statements."""
    cursor.nextset()
    row: tuple[Any, ...] | None = cursor.fetchone()
    assert row is not None
    return row


_BACKEND = (
    "SELECT pid, extract(epoch FROM backend_start)::float8"
    " FROM pg_stat_get_activity(pg_backend_pid())"
)


def _pid(connection: psycopg.Connection[Any]) -> int:
    # a statement that psycopg prepares would stay in the session of other clients
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    assert row is not None
    return int(row[0])
