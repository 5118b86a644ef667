"""Upgrade and downgrade a real database, through Alembic's online mode.

Owns every change to a database that is not scratch, and the sentences for what a server refuses.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.migrate import obstacles
from pybase.migrate.environment import run_env
from pybase.migrate.history import History, complete
from pybase.migrate.mutex import only_one
from pybase.migrate.target import Database, engine

Report: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""


def upgrade(history: History, database: Database, destination: str, report: Report) -> int:
    """Upgrade to `destination` as Alembic understands it; returns how many revisions ran.

    Raises CheckFailedError for two heads, a database that is ahead, or a revision that fails;
    DatabaseError for what the server refuses.
    """
    if destination == "head":
        history.require_one_head()
    scripts = history.scripts
    return _run(history, database, report, lambda at: scripts._upgrade_revs(destination, at))


def downgrade(history: History, database: Database, destination: str, report: Report) -> int:
    """Downgrade to `destination`; returns how many revisions were undone. Raises as upgrade."""
    scripts = history.scripts
    return _run(history, database, report, lambda at: scripts._downgrade_revs(destination, at))


def current(history: History, database: Database) -> tuple[str, ...]:
    """Return the revisions that the database is at; none before the first upgrade."""
    found: list[str] = []

    def look(heads: Any, _context: MigrationContext) -> Iterable[RevisionStep]:
        found.extend(heads)
        return ()

    try:
        with engine(database).connect() as connection:
            run_env(history, look, connection, dont_mutate=True)
    except sa.exc.DBAPIError as error:
        raise _refused(database, error, [], 0) from None
    return tuple(found)


def _run(
    history: History,
    database: Database,
    report: Report,
    path: Callable[[Any], list[RevisionStep]],
) -> int:
    """Run a path of revisions, each in its own transaction, and report each as it is done."""
    done: list[str] = []
    running: list[RevisionStep] = []

    def work(heads: Any, _context: MigrationContext) -> Iterator[RevisionStep]:
        history.require_known(heads)
        with complete():
            steps = path(heads)
        for step in steps:
            running[:] = [step]
            started = time.monotonic()
            yield step  # Alembic runs and commits it before it asks for the next
            running.clear()
            done.append(step.revision.revision)
            report(_progress(step, time.monotonic() - started))

    try:
        with only_one(database, report), engine(database).connect() as connection:
            run_env(history, work, connection)
    except sa.exc.DBAPIError as error:
        raise _refused(database, error, running, len(done)) from None  # it would quote parameters
    except PybaseError:
        raise
    except Exception as error:
        if not running:
            raise
        raise _failed(error, running[0], len(done)) from error
    return len(done)


def _progress(step: RevisionStep, seconds: float) -> str:
    verb = "applied" if step.is_upgrade else "undone "
    return f"{verb}  {step.revision.revision}  {step.revision.doc}  ({seconds:.2f} s)"


def _refused(
    database: Database, error: sa.exc.DBAPIError, running: list[RevisionStep], done: int
) -> PybaseError:
    """Tell what the server refused, and what is applied and what is not."""
    original = error.orig
    said = str(original).strip().splitlines()[0] if original else str(error)
    at = ""
    if running:
        script = running[0].revision
        at = f" in revision {script.revision} ({script.doc})"
    state = _state(done)
    for kind, mend in _MENDS:
        if isinstance(original, kind):
            return DatabaseError(f"The server refuses{at}: {said} ({database.name}). {state}", mend)
    statement = " ".join((error.statement or "").split())
    mend = "Mend the revision or the data that it met, and run the same command again."
    found = obstacles.queries(running[0].revision) if running else []
    if found and isinstance(original, psycopg.IntegrityError | psycopg.DataError):
        mend = "Find the rows, mend them, and run the same command again:"
        mend += "".join(f"\n  {query}" for query in found)
    return CheckFailedError(
        f"PostgreSQL reports an error{at}: {said}. {state}\n  {statement[:300]}", mend
    )


def _failed(error: Exception, step: RevisionStep, done: int) -> CheckFailedError:
    """Tell what a revision's own code raised: a mistake in it, or why it cannot be undone."""
    direction = "upgrade" if step.is_upgrade else "downgrade"
    script = step.revision
    return CheckFailedError(
        f"The {direction} of revision {script.revision} ({script.doc}) fails: "
        f"{type(error).__name__}: {error}. {_state(done)}",
        f"Its code is in {Path(script.path).name}.",
    )


def _state(done: int) -> str:
    return "Nothing was applied." if not done else f"{done} before it stay applied."


_MENDS: tuple[tuple[type[psycopg.Error], str], ...] = (
    (
        psycopg.errors.InsufficientPrivilege,
        "Connect as the owner of the schema, or GRANT CREATE ON SCHEMA public to this role.",
    ),
    (
        psycopg.errors.ReadOnlySqlTransaction,
        "This is a read-only standby or session: point DATABASE_URL at the primary server.",
    ),
    (
        psycopg.errors.LockNotAvailable,
        "Another session holds the lock; run the same command again when it is done.",
    ),
    (psycopg.errors.DiskFull, "Free space on the server, and run the same command again."),
    (
        psycopg.OperationalError,
        "The connection broke. Run the same command again: each revision is applied whole or "
        "not at all.",
    ),
)
"""(what psycopg raises, the mend), the more special first."""
