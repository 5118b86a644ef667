"""A plan applied to a real database: checked, then run step by step, each reported when done."""

import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import partial

import psycopg
from msgspec.structs import replace

from pybase.core import humanize
from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.core.reporter import Reporter
from pybase.core.style import style
from pybase.migrate.database import (
    first_line,
    lock_lost,
    server_error,
)
from pybase.migrate.deploy import _blocking_sessions, _hazards, _privileges
from pybase.migrate.deploy import _check as checks
from pybase.migrate.deploy._check import Check, Checked, CheckResult
from pybase.migrate.deploy._distribution import distribute_new, out_of_time, refused
from pybase.migrate.deploy._lock_waits import LockRetry, OutOfTimeError
from pybase.migrate.deploy._locked import CHECKS, DRIFT, Locked
from pybase.migrate.deploy._losses import (
    NO_CONSENT,
    Confirmation,
    Consent,
    Guard,
    find_losses,
    holds_tables,
    require_allowed,
    require_named,
    require_no_violations,
    rows,
)
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.deploy._progress import ProgressThread
from pybase.migrate.deploy._recovery import UnclearError, was_applied
from pybase.migrate.deploy._session import Session, is_blocking
from pybase.migrate.record import ScriptStatus

_FUNCTIONS: tuple[Check, ...] = (
    *(checks.writable, checks.version, _hazards.hazards, _privileges.privileges),
    checks.transactions,
    *(_blocking_sessions.locks, _blocking_sessions.long_transactions, rows),
)
_BY_NAME = dict(zip(CHECKS, _FUNCTIONS, strict=True))


def check(
    locked: Locked, plan: Plan, forced: Collection[str] = (), *, with_drift: bool = False
) -> list[CheckResult]:
    """Return the results of all checks that are not forced. Raises psycopg.Error."""
    checked = Checked(locked.connection, plan)
    results = checks.run_checks(checked, _BY_NAME, forced) if plan.steps else []
    if with_drift and DRIFT not in forced:
        from pybase.migrate.deploy._drift import drift  # Alembic and a scratch server

        results += drift(checked)
    return results


def confirm(locked: Locked, plan: Plan, confirmation: Confirmation) -> Consent:
    """Refuse a plan that destroys data, or undoes everything, without a confirmation.

    Returns what the user agreed to lose. Raises UsageError and CheckFailedError.
    """
    require_named(plan, locked.connection.info.dbname, confirmation)
    has_tables = holds_tables(locked.connection, plan)
    losses = find_losses(locked.connection, plan.steps) if has_tables else []
    return require_allowed(plan, losses, confirmation)


def apply(locked: Locked, plan: Plan, reporter: Reporter, consent: Consent = NO_CONSENT) -> int:
    """Run the steps of a plan, each with its version and ledger; returns how many.

    Raises CheckFailedError for a revision that fails, or destroys data without consent,
    DatabaseError for a server that refuses, or does not yield its locks in time.
    """
    guard = Guard(locked.connection, plan.steps, consent)
    try:
        return _apply(locked, plan, reporter, guard, 0)
    except PybaseError as error:
        hint = error.hint.replace(_AGAIN, _again(plan))
        raise type(error)(error.problem, hint, code=error.code) from error.__cause__
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Finished steps are kept; run {_again(plan)} to resume.") from None


_AGAIN = "the same command again"


def _again(plan: Plan) -> str:
    """Return the command that goes on: a number of steps would lead elsewhere by then."""
    if plan.end == plan.destination:
        return _AGAIN
    verb = "migrate" if plan.direction.is_upgrade else "downgrade"
    return f"nox -s {verb} -- {plan.end}, with the same options"


def _apply(locked: Locked, plan: Plan, reporter: Reporter, guard: Guard, done: int) -> int:
    """Run the steps after the first `done` over one connection; the rest over another."""
    pid, lock = locked.backend.pid, locked.lock
    left = ""
    retry = LockRetry(lock.connection, pid, locked.source.settings.options.migrate, reporter)
    progress = ProgressThread(locked.source.database, pid, reporter)
    session = Session(locked.connection, plan, guard, lock, retry, progress, reporter)
    with retry, progress:
        for step in plan.steps[done:]:
            started, tries = time.monotonic(), 1
            try:
                tries = _run(session, plan, done, retry)
            except psycopg.Error as error:
                if not locked.connection.closed:
                    raise _refused(plan, error, step, done, session.statement, reporter) from None
                _require_applied(locked, plan, error, done, session)
            except OutOfTimeError as error:
                raise _out_of_time(locked, plan, error, done) from None
            except PybaseError as error:
                raise _with_state(error, _state(plan, done)) from error.__cause__
            done += 1
            reporter.result(_done(step, time.monotonic() - started, tries))
            if locked.connection.closed:
                break
            if session.is_on_citus and plan.direction.is_upgrade:
                left = _distribute(locked, plan, retry, done, reporter)
    if done == len(plan.steps):
        if left:
            reporter.note(f"{left}: nox -s distribute -- --plan")
        return done
    return _go_on(locked, replace(plan, heads=tuple(session.heads)), reporter, guard, done)


def _distribute(locked: Locked, plan: Plan, retry: LockRetry, done: int, reporter: Reporter) -> str:
    """Distribute what a step has created; returns why some of it is not distributed, or ''."""
    try:
        return distribute_new(locked, retry, reporter)
    except psycopg.Error as error:
        raise refused(plan.source.database, error, state=_applied(plan, done)) from None
    except OutOfTimeError as error:
        raise out_of_time(locked.source.settings, error, _applied(plan, done)) from None


def _applied(plan: Plan, done: int) -> str:
    return f"Revision {plan.steps[done - 1].revision.id} is applied; the rest of the run is not."


def _require_applied(
    locked: Locked, plan: Plan, error: psycopg.Error, done: int, session: Session
) -> None:
    """Go on where the step whose answer was lost is applied. Raises DatabaseError for any other."""
    step, database = plan.steps[done], plan.source.database
    word = "applied" if plan.direction.is_upgrade else "undone"
    problem = (
        f"The connection broke in revision {step.revision.id} ({step.revision.title}): "
        f"{first_line(error)} ({database.name})."
    )
    after = session.heads_after(step)
    try:
        if was_applied(plan.source, step, locked.backend, session.heads, after):
            return session.moved_by(step)
    except (psycopg.Error, PybaseError, UnclearError) as reason:
        cause = first_line(reason).rstrip(".")
        before = f" {_state(plan, done)}" if done else ""
        raise DatabaseError(
            f"{problem} Whether it was {word} is unknown: {cause}.{before}",
            "See where the database is when the server answers (nox -s current), and run the same "
            "command again: what is done is not done again.",
            code="outcome-unknown",
        ) from None
    raise DatabaseError(
        f"{problem} The database was asked again: it was not {word}. {_state(plan, done)}",
        "Run the same command again.",
        code="connection-lost",
    ) from None


def _go_on(locked: Locked, plan: Plan, reporter: Reporter, guard: Guard, done: int) -> int:
    """Run the rest of a plan over another connection, if the migration lock is held still."""
    last = plan.steps[done - 1].revision
    reporter.note(f"The connection broke in revision {last.id}, which is committed nevertheless.")
    fresh = replace(locked, source=plan.source, around=ExitStack())
    try:
        if not locked.lock.is_held():
            raise lock_lost()
        guard.connection = fresh.connection  # it knows what was there before the first step
    except PybaseError as error:
        raise _with_state(error, _state(plan, done)) from None
    with fresh.around:
        return _apply(fresh, plan, reporter, guard, done)


def _run(session: Session, plan: Plan, place: int, retry: LockRetry) -> int:
    step = plan.steps[place]
    if step.script.status is ScriptStatus.IRREVERSIBLE:
        raise CheckFailedError(
            f"Revision {step.revision.id} ({step.revision.title}) cannot be undone: "
            f"{step.script.reason.rstrip('.')}.",
            "Restore a backup, or write a new revision.",
            code="irreversible",
        )
    require_no_violations(session.connection, plan, place)
    if step.script.has_sql:
        return session.run(step)
    from pybase.migrate.deploy._python_step import run_python  # SQLAlchemy and Alembic

    def attempt(lock_timeout_ms: int) -> None:
        with session.lent_to_python(lock_timeout_ms) as settings:
            consent = partial(session.require_consent, step)
            run_python(session.connection, settings, plan.source, step, consent)

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
    plan: Plan, error: psycopg.Error, step: Step, done: int, statement: str, reporter: Reporter
) -> PybaseError:
    revision = step.revision
    return server_error(
        plan.source.database,
        error,
        place=f" in revision {revision.id} ({revision.title})",
        state=_state(plan, done),
        statement=statement if step.script.has_sql else "",
        queries=revision.queries,
        revision=revision.id if plan.direction.is_upgrade else "",
        shows_data=reporter.shows_data,
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
