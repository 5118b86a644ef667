"""The other way to run revisions: Alembic's online mode, for what has no committed SQL.

Takes no lock against other migrations: whoever calls it holds that already.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.core.humanize import took
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.database import _server_errors as refusals
from pybase.migrate.database._connect import Database, engine
from pybase.migrate.revisions import _violation_queries as obstacles
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._run_env import record_in, run_env
from pybase.migrate.sqlfiles import _committed as committed
from pybase.migrate.sqlfiles._header import title

Report: TypeAlias = Callable[[str], None]
"""Takes one line of progress."""


def run(
    history: History, database: Database, destination: str, report: Report, *, is_upgrade: bool
) -> int:
    """Run the revisions up or down to `destination`, each in its own transaction; counts them.

    Raises CheckFailedError for two heads, a database that is ahead, or a revision that fails;
    DatabaseError for what the server refuses.
    """
    if destination == "head":
        history.require_one_head()
    done: list[str] = []
    running: list[RevisionStep] = []
    digest_of = committed.digests(history.settings)

    def work(heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        history.require_known(heads)
        record_in(context, digest_of)
        for step in history.steps(heads, destination, is_upgrade=is_upgrade):
            running[:] = [step]
            started = time.monotonic()
            yield step  # Alembic runs and commits it before it asks for the next
            running.clear()
            done.append(step.revision.revision)
            report(_progress(step, time.monotonic() - started))

    try:
        with engine(database).connect() as connection:
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


def upgrade(history: History, database: Database, destination: str, report: Report) -> int:
    """Upgrade to `destination` as Alembic understands it. Raises as `run`."""
    return run(history, database, destination, report, is_upgrade=True)


def downgrade(history: History, database: Database, destination: str, report: Report) -> int:
    """Downgrade to `destination`. Raises as `run`."""
    return run(history, database, destination, report, is_upgrade=False)


def look(history: History, database: Database) -> tuple[tuple[str, ...], dict[str, ledger.Entry]]:
    """Return the revisions that the database is at, and what its ledger says of all."""
    found: list[str] = []
    entries: dict[str, ledger.Entry] = {}

    def read(heads: Any, context: MigrationContext) -> Iterable[RevisionStep]:
        found.extend(heads)
        assert context.connection is not None
        execute = context.connection.exec_driver_sql
        entries.update(ledger.entries(execute, ledger.alembic_table(context)))
        return ()

    try:
        with engine(database).connect() as connection:
            run_env(history, read, connection, dont_mutate=True)
    except sa.exc.DBAPIError as error:
        raise _refused(database, error, [], 0) from None
    return tuple(found), entries


def _progress(step: RevisionStep, seconds: float) -> str:
    verb = "applied" if step.is_upgrade else "undone "
    return f"{verb}  {step.revision.revision}  {title(step.revision.doc)}  ({took(seconds)})"


def _refused(
    database: Database, error: sa.exc.DBAPIError, running: list[RevisionStep], done: int
) -> PybaseError:
    script = running[0].revision if running else None
    return refusals.refused(
        database,
        error.orig,
        refusals.in_revision(script.revision, script.doc) if script else "",
        refusals.state(done),
        statement=error.statement or "",
        queries=obstacles.queries(script) if script else (),
    )


def _failed(error: Exception, step: RevisionStep, done: int) -> CheckFailedError:
    """Tell what a revision's own code raised: a mistake in it, or why it cannot be undone."""
    direction = "upgrade" if step.is_upgrade else "downgrade"
    script = step.revision
    return CheckFailedError(
        f"The {direction} of revision {script.revision} ({script.doc}) fails: "
        f"{type(error).__name__}: {error}. {refusals.state(done)}",
        f"Its code is in {Path(script.path).name}.",
    )
