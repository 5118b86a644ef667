"""A database under the migration lock, and what is applied to it.

What runs a plan is in `_apply`, which a database with nothing to do never imports.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate.database import (
    Backend,
    Database,
    Ledger,
    LedgerEntry,
    MigrationLock,
    connect,
    migration_lock,
    require_own_session,
    server_error,
)
from pybase.migrate.deploy._plan import (
    Plan,
    Source,
    committed_source,
    plan,
    python_source,
    renewed_source,
)
from pybase.migrate.record import Direction, ancestors
from pybase.migrate.sqlfiles import StaleError

DRIFT = "drift"
"""The check that takes seconds, and is made only on request."""

CHECKS = ("writable", "version", "hazards", "privileges", "locks", "long-transactions", "rows")
"""Every other check by the name that `--force` takes, in the order in which they are reported."""


class Locked(Struct, frozen=True):
    """A database under the migration lock, and a connection for the work."""

    source: Source
    connection: psycopg.Connection[Any]
    backend: Backend
    lock: MigrationLock
    renew: Callable[[StaleError], Source]
    """Returns the source to run from where files of a step turn out to be stale, or raises."""

    def plan(self, destination: str, direction: Direction) -> Plan:
        """Plan the way to a destination. Raises as `plan`."""
        try:
            return plan(self.connection, self.source, destination, direction)
        except StaleError as error:
            return plan(self.connection, self.renew(error), destination, direction)


@contextmanager
def locked(
    settings: Settings, database: Database, reporter: Reporter, *, runs_python: bool = False
) -> Iterator[Locked]:
    """Take the migration lock of a database, and yield what is needed to plan and apply.

    What runs is `sql/`, or with `runs_python` the revisions' Python.
    Raises StaleError and what cannot be loaded before anything is connected to; DatabaseError for
    a server that refuses, and a lock that is held for too long.
    """
    renew = partial(renewed_source, settings=settings, database=database, reporter=reporter)
    try:
        find_source = python_source if runs_python else committed_source
        source = find_source(settings, database, reporter)
    except StaleError as error:
        source = renew(error)
    try:
        with migration_lock(database, reporter.note, settings.options.migrate) as lock:
            with connected(database, lock) as (connection, backend):
                yield Locked(source, connection, backend, lock, renew)
    except psycopg.Error as error:
        raise server_error(database, error) from None


@contextmanager
def connected(
    database: Database, lock: MigrationLock
) -> Iterator[tuple[psycopg.Connection[Any], Backend]]:
    """Yield a connection for the work, on a session of its own."""
    # no prepared statement outlives DISCARD ALL
    with connect(database, autocommit=True, prepare_threshold=None) as connection:
        yield connection, require_own_session(lock.connection, connection, database)


def read_status(source: Source) -> tuple[tuple[str, ...], dict[str, LedgerEntry]]:
    """Return the revisions that the database is at, and the ledger's last entry of each."""
    try:
        with connect(source.database, autocommit=True) as connection:
            return source.heads(connection), _entries(connection, source)
    except psycopg.Error as error:
        raise server_error(source.database, error) from None


def _entries(connection: psycopg.Connection[Any], source: Source) -> dict[str, LedgerEntry]:
    ledger = Ledger(source.version_table)
    return ledger.entries(lambda query: connection.execute(query.encode()))


def changed_entries(
    connection: psycopg.Connection[Any], source: Source, heads: Sequence[str]
) -> list[LedgerEntry]:
    """Return the ledger's entries of applied revisions whose SQL has changed since."""
    entries, applied = _entries(connection, source), ancestors(source.graph, heads)
    return [
        entry
        for revision, entry in entries.items()
        if revision in applied
        and entry.direction == Direction.UPGRADE.value
        and entry.digest is not None
        and (digest := _digest(source, revision)) is not None
        and entry.digest != digest
    ]


def _digest(source: Source, revision: str) -> str | None:
    try:
        return source.record(revision).scripts.upgrade.digest or None
    except StaleError:
        return None
