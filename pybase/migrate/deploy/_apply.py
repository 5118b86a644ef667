"""A plan applied to a real database: checked, then run step by step, each reported when done."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from pybase.core import humanize
from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.database import (
    Database,
    Ledger,
    LedgerEntry,
    connect,
    migration_lock,
    require_own_session,
    server_error,
)
from pybase.migrate.deploy import _blocking_sessions, _privileges
from pybase.migrate.deploy import _check as checks
from pybase.migrate.deploy._check import Check, Checked, CheckResult
from pybase.migrate.deploy._lock_retry import LockRetry, OutOfTimeError
from pybase.migrate.deploy._losses import (
    NO_CONSENT,
    Confirmation,
    Consent,
    Guard,
    find_losses,
    require_allowed,
    require_named,
)
from pybase.migrate.deploy._plan import (
    Plan,
    Source,
    Step,
    built_source,
    committed_source,
    plan,
    renewed_source,
)
from pybase.migrate.deploy._progress import ProgressThread
from pybase.migrate.deploy._session import Session, is_blocking
from pybase.migrate.record import Direction, ScriptStatus, ancestors
from pybase.migrate.sqlfiles import StaleError

DRIFT = "drift"
"""The check that takes seconds, and is made only on request."""

CHECKS: dict[str, Check] = {
    "writable": checks.writable,
    "version": checks.version,
    "fresh": checks.fresh,
    "hazards": checks.hazards,
    "privileges": _privileges.privileges,
    "locks": _blocking_sessions.locks,
    "long-transactions": _blocking_sessions.long_transactions,
}
"""Every check by the name that `--force` takes, in the order in which they are reported."""


class Locked(Struct, frozen=True):
    """A database under the migration lock: the session of the lock, and one for the work."""

    source: Source
    connection: psycopg.Connection[Any]
    lock: psycopg.Connection[Any]
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
    settings: Settings, database: Database, reporter: Reporter, *, run_stale: bool = False
) -> Iterator[Locked]:
    """Take the migration lock of a database, and yield what is needed to plan and apply.

    Raises StaleError and what cannot be loaded before anything is connected to; DatabaseError for
    a server that refuses, and a lock that is held for too long.
    """
    renew = partial(
        renewed_source,
        settings=settings,
        database=database,
        reporter=reporter,
        run_stale=run_stale,
    )
    try:
        source = committed_source(settings, database, reporter)
    except StaleError as error:
        source = renew(error)
    # the files are UTF-8, whatever the locale; and no prepared statement outlives DISCARD ALL
    options = {"autocommit": True, "prepare_threshold": None, "client_encoding": "UTF8"}
    try:
        with migration_lock(database, reporter.note, settings.options.migrate) as lock:
            with connect(database, **options) as connection:
                require_own_session(lock, connection, database)
                yield Locked(source, connection, lock, renew)
    except psycopg.Error as error:
        raise server_error(database, error) from None


def check(
    locked: Locked, plan: Plan, forced: Collection[str] = (), *, with_drift: bool = False
) -> list[CheckResult]:
    """Return the results of all checks that are not forced. Raises psycopg.Error."""
    checked = Checked(locked.connection, plan)
    results = checks.run_checks(checked, CHECKS, forced) if plan.steps else []
    if with_drift and DRIFT not in forced:
        from pybase.migrate.deploy._drift import drift  # Alembic and a scratch server

        results += drift(checked)
    return results


def confirm(locked: Locked, plan: Plan, confirmation: Confirmation) -> Consent:
    """Refuse a plan that destroys data, or undoes everything, without a confirmation.

    Returns what the user agreed to lose. Raises UsageError and CheckFailedError.
    """
    require_named(plan, locked.connection.info.dbname, confirmation)
    losses = find_losses(locked.connection, _observed(locked, plan))
    return require_allowed(plan, losses, confirmation)


def _observed(locked: Locked, plan: Plan) -> Sequence[Step]:
    """Return the steps with what they were observed to do.

    Those of a downgrade are rehearsed now where that is unknown.
    """
    is_known = all(step.effects.is_rehearsed or _refuses(step) for step in plan.steps)
    if is_known or plan.direction.is_upgrade:
        return plan.steps
    source = built_source(locked.source.settings, locked.source.database)
    return [
        replace(step, record=source.record(step.revision.id, step.direction)) for step in plan.steps
    ]


def _refuses(step: Step) -> bool:
    return step.script.status is ScriptStatus.IRREVERSIBLE


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


def apply(locked: Locked, plan: Plan, reporter: Reporter, consent: Consent = NO_CONSENT) -> int:
    """Run the steps of a plan, each with its version and ledger; returns how many.

    Raises CheckFailedError for a revision that fails, or destroys data without consent,
    DatabaseError for a server that refuses, or does not yield its locks in time.
    """
    pid = locked.connection.info.backend_pid
    retry = LockRetry(locked.lock, pid, locked.source.settings.options.migrate, reporter.note)
    progress = ProgressThread(locked.source.database, pid, reporter)
    guard = Guard(locked.connection, plan.steps, consent)
    session = Session(locked.connection, plan, guard, retry, progress, reporter)
    with retry, progress:
        for done, step in enumerate(plan.steps):
            started = time.monotonic()
            try:
                tries = _run(session, plan, step, retry)
            except psycopg.Error as error:
                raise _refused(plan, error, step, done, session.statement) from None
            except OutOfTimeError as error:
                raise _out_of_time(locked, plan, error, done) from None
            except PybaseError as error:
                raise _with_state(error, _state(plan, done)) from error.__cause__
            reporter.result(_done(step, time.monotonic() - started, tries))
    return len(plan.steps)


def _run(session: Session, plan: Plan, step: Step, retry: LockRetry) -> int:
    if step.script.status is ScriptStatus.IRREVERSIBLE:
        raise CheckFailedError(
            f"Revision {step.revision.id} ({step.revision.title}) cannot be undone: "
            f"{step.script.reason}",
            "Restore a backup, or write a new revision.",
            code="irreversible",
        )
    if step.script.has_sql:
        return session.run(step)
    from pybase.migrate.deploy._python_step import run_python  # SQLAlchemy and Alembic

    def attempt(lock_timeout_ms: int) -> None:
        with session.lent_to_python(lock_timeout_ms) as settings:
            run_python(session.connection, settings, plan.source, step)

    tries = retry.run(attempt, is_blocking=is_blocking(step))
    session.moved_by(step)
    return tries


def _done(step: Step, seconds: float, tries: int) -> str:
    is_upgrade = step.direction.is_upgrade
    word = style("applied", "green") if is_upgrade else style("undone ", "yellow")
    took = humanize.took(seconds) + (f", {tries} tries" if tries > 1 else "")
    revision = step.revision
    return f"{word}  {style(revision.id, 'magenta')}  {revision.title}  {style(f'({took})', 'dim')}"


def _state(plan: Plan, done: int, left: Sequence[str] = ()) -> str:
    """Return the sentence about what was done before an error, and what is left."""
    word = "applied" if plan.direction.is_upgrade else "undone"
    state = f"{done} before it stay {word}." if done else f"Nothing was {word}."
    return f"{state} Not {word}: {', '.join(left)}." if left else state


def _with_state(error: PybaseError, state: str) -> PybaseError:
    return type(error)(f"{error.problem} {state}", error.hint, code=error.code)


def _refused(
    plan: Plan, error: psycopg.Error, step: Step, done: int, statement: str
) -> PybaseError:
    revision = step.revision
    return server_error(
        plan.source.database,
        error,
        place=f" in revision {revision.id} ({revision.title})",
        state=_state(plan, done),
        statement=statement if step.script.has_sql else "",
        queries=revision.queries,
    )


def _out_of_time(locked: Locked, plan: Plan, error: OutOfTimeError, done: int) -> DatabaseError:
    revision = plan.steps[done].revision
    left = [step.revision.id for step in plan.steps[done:]]
    blockers = "".join(f"\n  {blocker}" for blocker in error.blockers)
    return DatabaseError(
        f"Revision {revision.id} ({revision.title}) did not get its locks within "
        f"{locked.source.settings.options.migrate.deadline_s} s, in {error.tries} tries. "
        f"{_state(plan, done, left)}" + (f"\nIn the way:{blockers}" if blockers else ""),
        "Wait for them, or end one with SELECT pg_terminate_backend(PID); then run the same "
        "command again.",
        code="lock-timeout",
    )
