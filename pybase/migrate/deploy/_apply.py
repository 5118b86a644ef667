"""Upgrade and downgrade a real database: what was reviewed is what runs.

Owns every change to a database that is not scratch, and the choice of the way: the committed SQL
where it is fresh, else Alembic's online mode. A database with nothing to do is left without
importing Alembic.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from pybase.core import humanize as words
from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.database import _migration_lock as mutex
from pybase.migrate.database import _server_errors as refusals
from pybase.migrate.database._connect import Database, connect
from pybase.migrate.sqlfiles import _committed as committed
from pybase.migrate.sqlfiles._committed import Committed, Step

if TYPE_CHECKING:
    from pybase.migrate.deploy._guards import Guard
    from pybase.migrate.deploy._lock_retry import OutOfTimeError
    from pybase.migrate.deploy._runner import Runner

Report: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""


@dataclass(frozen=True)
class Look:
    """What is looked at under the mutex, before the first statement; it raises to stop the run."""

    guard: "Callable[[], Guard]"
    """Makes what looks: it takes its time, so only where there is something to do."""
    always: bool = False
    """Look where nothing is to do, too."""
    is_stale_fine: bool = False
    """Somebody wants what is not fresh to run."""


@dataclass(frozen=True)
class Job:
    """What to do with which database, and who is told."""

    settings: Settings
    database: Database
    destination: str
    is_upgrade: bool
    reporter: Reporter
    look: Look | None = None

    @property
    def note(self) -> Report:
        """Takes what is only to be watched."""
        return self.reporter.note


def run(job: Job) -> int:
    """Upgrade or downgrade to the destination, as Alembic understands it; counts the revisions.

    Raises CheckFailedError for stale SQL, two heads, a database that is ahead, or a revision that
    fails; DatabaseError for what the server refuses, and when it does not yield in time.
    """
    reviewed = _reviewed(job)
    if reviewed is None:
        from pybase.migrate.revisions import _history as history

        history.read(job.settings)  # what cannot be loaded is told before anybody connects
    try:
        with mutex.only_one(job.database, job.note, job.settings.options.migrate) as guard:
            done = None if reviewed is None else _by_files(job, reviewed, guard)
            return _by_alembic(job) if done is None else done
    except psycopg.Error as error:
        raise refusals.refused(job.database, error, "", refusals.state(0)) from None


def _by_files(job: Job, reviewed: Committed, guard: psycopg.Connection[Any]) -> int | None:
    """Run the committed SQL; None where only Alembic can."""
    # the files are UTF-8, whatever the locale; and no prepared statement outlives DISCARD ALL
    options = {"autocommit": True, "prepare_threshold": None, "client_encoding": "UTF8"}
    with connect(job.database, **options) as connection:
        mutex.require_own_session(guard, connection, job.database)
        at = version(connection, reviewed.version_table or "")
        steps = _steps(job, reviewed, at)
        if steps is None:
            return None
        if job.look and (steps or job.look.always):
            job.look.guard()(connection, steps, at)
            _tell_changed(job, reviewed, connection)
        return _apply(job, reviewed, steps, connection, guard) if steps else 0


def _tell_changed(job: Job, reviewed: Committed, connection: psycopg.Connection[Any]) -> None:
    """Name what was applied from other SQL than is committed now: it does not run again."""
    for entry in committed.changed(reviewed, connection):
        job.note(f"Revision {entry.revision} was applied from other SQL than is committed now.")


def _by_alembic(job: Job) -> int:
    from pybase.migrate.deploy import _online as online
    from pybase.migrate.revisions import _history as history

    revisions = history.read(job.settings)
    if job.look:
        at, _ = online.look(revisions, job.database)
        with connect(job.database, autocommit=True) as connection:
            job.look.guard().before(connection, revisions, at)
    return online.run(
        revisions, job.database, job.destination, job.reporter.result, is_upgrade=job.is_upgrade
    )


def _reviewed(job: Job) -> Committed | None:
    """Return the committed SQL, or None, said in a line, where Alembic has to run the revisions.

    On the embedded server, which is its developer's own, stale SQL is written afresh; on any other
    it raises CheckFailedError.
    """
    folder = f"{job.settings.options.sql}/"
    found = committed.read(job.settings, way_back=not job.is_upgrade)
    if found is None:
        job.note(f"There is no {folder}: Alembic runs the revisions.")
        return None
    if found.stale and job.look and job.look.is_stale_fine:
        job.note(f"{folder} is stale: {found.stale}. Alembic runs the revisions.")
        return None
    if found.stale and not job.database.is_embedded:
        raise CheckFailedError(
            f"{folder} is stale: {found.stale}. Nothing was applied, since nobody could review it.",
            f"Run `nox -s sql`, have it reviewed, and commit {folder}.",
        )
    if found.stale:
        found = _written_afresh(job, found.stale)
    if found is None or not found.is_linear:
        job.note("The history is not one line: Alembic runs the revisions.")
        return None
    return found


def _written_afresh(job: Job, stale: str) -> Committed | None:
    from pybase.migrate.revisions import _history as history
    from pybase.migrate.sqlfiles import _build as build

    history.read(job.settings).require_one_head()
    try:
        changes = build.write(job.settings)
    except CheckFailedError as error:  # a revision without SQL; the others are written
        job.note(error.problem)
        changes = []
    count = f": {words.counted(len(changes), 'file')}" if changes else ""
    job.note(f"{job.settings.options.sql}/ was stale ({stale}) and is written afresh{count}.")
    found = committed.read(job.settings, way_back=not job.is_upgrade)
    return found if found and not found.stale else None


def _steps(job: Job, reviewed: Committed, at: tuple[str, ...]) -> list[Step] | None:
    """Return the steps to run, or None, said in a line, where only Alembic can run them."""
    here = at[0] if at else None
    if len(at) > 1:
        job.note("The database is at several revisions: Alembic runs the revisions.")
        return None
    steps = reviewed.path(here, job.destination, is_upgrade=job.is_upgrade)
    if steps is None:
        steps = _as_alembic_means(job, reviewed, at)
    missing = [step.revision for step in steps if not step.is_runnable]
    if missing:
        job.note(f"There is no SQL for {', '.join(missing)}: Alembic runs the revisions.")
        return None
    return steps


def _as_alembic_means(job: Job, reviewed: Committed, at: tuple[str, ...]) -> list[Step]:
    """Let Alembic find a destination that is not plain, and say what is wrong with it."""
    from pybase.migrate.revisions import _history as history

    revisions = history.read(job.settings)
    revisions.require_known(at)
    with history.explained():
        path = revisions.steps(at, job.destination, is_upgrade=job.is_upgrade)
    found = [reviewed.get(each.revision.revision, is_upgrade=each.is_upgrade) for each in path]
    return [step for step in found if step is not None]


def version(connection: psycopg.Connection[Any], table: str) -> tuple[str, ...]:
    """Return the revisions that a database is at, by its version table; none where it has none."""
    row = connection.execute("SELECT to_regclass(%s) IS NULL", [table]).fetchone()
    if not table or row == (True,):
        return ()
    rows = connection.execute(f"SELECT version_num FROM {table}".encode()).fetchall()
    return tuple(version for (version,) in rows)


def _apply(
    job: Job,
    reviewed: Committed,
    steps: Sequence[Step],
    connection: psycopg.Connection[Any],
    guard: psycopg.Connection[Any],
) -> int:
    """Run steps one after the other, and report each as it is done."""
    from pybase.migrate.deploy._lock_retry import Ladder
    from pybase.migrate.deploy._progress import Progress
    from pybase.migrate.deploy._runner import Runner

    ladder = Ladder(guard, connection.info.backend_pid, job.settings.options.migrate, job.note)
    progress = Progress(job.database, connection.info.backend_pid, job.reporter)
    runner = Runner(
        connection, ladder, reviewed.version_table or "", job.note, progress, job.reporter.echo
    )
    with ladder, progress:
        return _run_all(job, steps, runner)


def _run_all(job: Job, steps: Sequence[Step], runner: "Runner") -> int:
    from pybase.migrate.deploy._lock_retry import OutOfTimeError

    for done, step in enumerate(steps):
        started = time.monotonic()
        try:
            tries = runner.run(step)
        except psycopg.Error as error:
            raise _refused(job, error, step, done, runner.statement) from None
        except OutOfTimeError as error:
            raise _out_of_time(job, error, steps, done) from None
        job.reporter.result(_progress(step, time.monotonic() - started, tries))
    return len(steps)


def _progress(step: Step, seconds: float, tries: int) -> str:
    verb = style("applied", "green") if step.is_upgrade else style("undone", "yellow") + " "
    took = words.took(seconds) + (f", {tries} tries" if tries > 1 else "")
    return f"{verb}  {style(step.revision, 'magenta')}  {step.title}  {style(f'({took})', 'dim')}"


def _refused(job: Job, error: psycopg.Error, step: Step, done: int, statement: str) -> PybaseError:
    from pybase.migrate.revisions import _history as history
    from pybase.migrate.revisions import _violation_queries as obstacles

    queries: list[str] = []
    if isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        queries = obstacles.queries(history.read(job.settings).get(step.revision))
    at = refusals.in_revision(step.revision, step.title)
    state = refusals.state(done)
    return refusals.refused(job.database, error, at, state, statement=statement, queries=queries)


def _out_of_time(
    job: Job, error: "OutOfTimeError", steps: Sequence[Step], done: int
) -> DatabaseError:
    step = steps[done]
    told = "".join(f"\n  {blocker}" for blocker in error.blockers)
    return DatabaseError(
        f"Revision {step.revision} ({step.title}) did not get its locks within "
        f"{job.settings.options.migrate.deadline_s} s, in {error.tries} tries. "
        f"{refusals.state(done, [each.revision for each in steps[done:]])}"
        + (f"\nIn the way:{told}" if told else ""),
        "Wait for them, or end one with SELECT pg_terminate_backend(PID); then run the same "
        "command again.",
    )
