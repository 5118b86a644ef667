"""Outcome of a step whose answer was lost: looked up in the database, never assumed."""

import time
from collections.abc import Set as AbstractSet
from typing import Any

import psycopg

from pybase.core.errors import DatabaseError
from pybase.migrate.database import Backend, Ledger, connect
from pybase.migrate.deploy._plan import Step
from pybase.migrate.deploy._sources import Source

RECONNECT_S = 10.0
"""How long a new connection is tried for: a server or a pooler may be restarting."""

_PAUSE_S = 0.5
_END_MS = 10_000
"""How long the server may take to end the session that was lost."""


class UnclearError(Exception):
    """The outcome of a step cannot be determined, for the reason that it has as text."""


def was_applied(
    source: Source,
    step: Step,
    lost: Backend,
    before: AbstractSet[str],
    after: AbstractSet[str],
) -> bool:
    """Whether a step that moves the version from `before` to `after` was committed.

    Ends the lost session first, which could commit it later. Raises UnclearError, DatabaseError
    and psycopg.Error where that cannot be determined.
    """
    with _reconnected(source) as connection:
        _end(connection, lost)
        source.prepare(connection)
        heads = set(source.heads(connection))
        ledger = Ledger(source.version_table)
        entries = ledger.readable_entries(lambda query: connection.execute(query.encode()))
    entry = entries.get(step.revision.id)
    is_recorded = entry is None or entry.direction == step.direction.value
    if heads == after and is_recorded:
        return True
    if heads == before:
        return False
    raise UnclearError(f"the database is at {', '.join(sorted(heads)) or 'base'}")


def _reconnected(source: Source) -> psycopg.Connection[Any]:
    limit = time.monotonic() + RECONNECT_S
    while True:
        try:
            return connect(source.database, is_short=True, autocommit=True)
        except DatabaseError:
            if time.monotonic() >= limit:
                raise
            time.sleep(_PAUSE_S)


def _end(connection: psycopg.Connection[Any], lost: Backend) -> None:
    """End the lost session, as the role that logged in, whatever role that assumes."""
    connection.execute("SET ROLE NONE")
    row = connection.execute(_END, {"pid": lost.pid, "started": lost.started, "ms": _END_MS})
    if row.fetchone() == (False,):
        raise UnclearError(f"its session, with pid {lost.pid}, does not end")
    connection.execute("RESET ROLE")


_END = """
SELECT pg_terminate_backend(pid, %(ms)s) FROM pg_stat_activity
WHERE pid = %(pid)s
AND coalesce(abs(extract(epoch FROM backend_start)::float8 - %(started)s) < 0.001, true)
"""
