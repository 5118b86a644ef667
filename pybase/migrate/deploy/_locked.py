"""A database under the migration lock, and what is applied to it.

What runs a plan is in `_apply`, which a database with nothing to do never imports.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
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
    LedgerUnreadableError,
    MigrationLock,
    connect,
    migration_lock,
    own_session,
    require_known,
    require_schema,
    server_error,
)
from pybase.migrate.deploy._followed import as_env_leaves_it, runnable
from pybase.migrate.deploy._plan import Plan, plan
from pybase.migrate.deploy._sources import Source, committed_source, python_source, renewed_source
from pybase.migrate.record import Direction, Revision, ancestors
from pybase.migrate.sqlfiles import StaleError

DRIFT = "drift"
"""The check that takes seconds, and is made only on request."""

CHECKS = (
    *("writable", "version", "hazards", "privileges"),
    *("transactions", "locks", "long-transactions", "rows"),
)
"""Every other check by the name that `--force` takes, in the order in which they are reported."""


class Locked(Struct, frozen=True, dict=True):
    """A database under the migration lock, and a connection for the work.

    That is opened when it is first used, and `around` closes it.
    """

    source: Source
    lock: MigrationLock
    renew: Callable[[StaleError], Source]
    """Returns the source to run from where files of a step turn out to be stale, or raises."""
    around: ExitStack

    @cached_property
    def _connected(self) -> tuple[psycopg.Connection[Any], Backend]:
        return self.around.enter_context(connected(self.source))

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The connection for the work, as env.py leaves its own."""
        return self._connected[0]

    @property
    def backend(self) -> Backend:
        """The server process of the connection."""
        return self._connected[1]

    def plan(self, destination: str | None, direction: Direction) -> Plan:
        """Plan the way to a destination. Raises as `plan`.

        Over the connection of the lock, where env.py leaves its own as it was opened: a database
        with nothing to do needs no other.
        """
        connection = self.connection if self.source.session else self.lock.connection
        require_schema(connection, self.source.database)
        try:
            return plan(connection, self.source, destination, direction)
        except StaleError as error:
            return plan(connection, self.renew(error), destination, direction)


@contextmanager
def locked(
    settings: Settings,
    database: Database,
    reporter: Reporter,
    *,
    runs_python: bool = False,
    source: Source | None = None,
) -> Iterator[Locked]:
    """Take the migration lock of a database, and yield what is needed to plan and apply.

    What runs is `sql/`, or with `runs_python` the revisions' Python; or a `source` that is loaded.
    Raises StaleError and what cannot be loaded before anything is connected to; DatabaseError for
    a server that refuses, and a lock that is held for too long.
    """
    renewed = partial(renewed_source, settings=settings, database=database, reporter=reporter)

    def renew(error: StaleError) -> Source:
        return runnable(renewed(error), reporter)

    try:
        find_source = python_source if runs_python else committed_source
        source = source or find_source(settings, database, reporter)
    except StaleError as error:
        source = renewed(error)
    try:
        with migration_lock(database, reporter.note, settings.options.migrate) as lock:
            try:
                source = runnable(source, reporter)
            except StaleError as error:
                source = renew(error)
            with ExitStack() as around:
                yield Locked(source, lock, renew, around)
    except psycopg.Error as error:
        raise server_error(database, error) from None


@contextmanager
def connected(source: Source) -> Iterator[tuple[psycopg.Connection[Any], Backend]]:
    """Yield a connection for the work, on a session of its own that is as env.py leaves it."""
    # no prepared statement outlives DISCARD ALL
    with connect(source.database, autocommit=True, prepare_threshold=None) as connection:
        backend = own_session(connection, source.database)
        source.prepare(connection)
        yield connection, backend


def read_status(source: Source) -> tuple[tuple[str, ...], dict[str, LedgerEntry]]:
    """Return the revisions that the database is at, and the ledger's last entry of each."""
    source = as_env_leaves_it(source)
    try:
        with connect(source.database, autocommit=True) as connection:
            source.prepare(connection)
            ledger = Ledger(source.version_table)
            entries = ledger.readable_entries(lambda query: connection.execute(query.encode()))
            return source.heads(connection), entries
    except psycopg.Error as error:
        raise server_error(source.database, error) from None


def pending_revisions(source: Source) -> list[Revision]:
    """Return the revisions that an upgrade to all heads would run, in order; nothing is rendered.

    Raises CheckFailedError for a database that is ahead of the checkout.
    """
    heads, _ = read_status(source)
    require_known(heads, source.graph)
    applied = ancestors(source.graph, heads)
    return [
        source.record(revision).revision for revision in source.graph if revision not in applied
    ]


def changed_entries(
    connection: psycopg.Connection[Any], source: Source, heads: Sequence[str]
) -> list[LedgerEntry]:
    """Return the ledger's entries of applied revisions whose SQL has changed since.

    Raises DatabaseError where the role may not read the ledger.
    """
    ledger, applied = Ledger(source.version_table), ancestors(source.graph, heads)
    entries = ledger.entries(lambda query: connection.execute(query.encode()))
    return [
        entry
        for revision, entry in entries.items()
        if revision in applied
        and entry.direction == Direction.UPGRADE.value
        and entry.digest is not None
        and (digest := _digest(source, revision)) is not None
        and entry.digest != digest
    ]


def unrecorded(
    connection: psycopg.Connection[Any], source: Source, heads: Sequence[str]
) -> list[str]:
    """Return the applied revisions whose SQL is unknown to the ledger: they cannot be compared.

    They were stamped, or run by Alembic without PyBase. Raises DatabaseError where the role may not
    read the ledger.
    """
    entries = Ledger(source.version_table).entries(lambda q: connection.execute(q.encode()))
    known = {revision for revision, entry in entries.items() if entry.digest is not None}
    applied = ancestors(source.graph, heads)
    return [r for r in source.graph if r in applied - known and _digest(source, r) is not None]


def note_changed_entries(
    connection: psycopg.Connection[Any], plan: Plan, reporter: Reporter
) -> None:
    """Note which applied revisions have other SQL now, or why that is unknown."""
    try:
        changed = changed_entries(connection, plan.source, plan.heads)
    except LedgerUnreadableError as error:
        reporter.note(f"Not proven: what is applied has not changed since. {error.problem}")
        reporter.note(error.hint)
        return
    for entry in changed:
        reporter.note(
            f"Revision {entry.revision} was applied from other SQL than is committed now."
        )


def _digest(source: Source, revision: str) -> str | None:
    try:
        return source.record(revision).scripts.upgrade.digest or None
    except StaleError:
        return None
