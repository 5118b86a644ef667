"""A revision without SQL, run by Alembic on the session that runs all others.

It meets the same lock timeouts, the same migration lock and the same ledger. It is tried again
only while nothing of it has been committed.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.migrate.database import first_line
from pybase.migrate.deploy._lock_waits import RETRIED
from pybase.migrate.deploy._plan import Step
from pybase.migrate.deploy._sources import Source
from pybase.migrate.revisions import record_in, revision_step, run_env, same_session


def run_python(
    connection: psycopg.Connection[Any],
    settings: Sequence[str],
    source: Source,
    step: Step,
    require_consent: Callable[..., None],
) -> None:
    """Run one direction of a revision through its project's env.py.

    An env.py whose driver is not psycopg gets a session of its own, after `settings`.
    `require_consent` is called in the revision's transaction, with whether it can `lock` in it.
    Raises psycopg.Error as the server reports it, CheckFailedError for an error of the revision's
    own code, and after a commit also for a lock that it did not get.
    """
    history = source.history
    commits: list[bool] = []

    def work(_heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        commits.clear()  # those of env.py itself, which are no part of the revision
        record_in(context, lambda *_: None)
        revision = revision_step(history, step.revision.id, step.direction)
        run = revision.migration_fn

        def ask_and_run(**arguments: Any) -> None:
            _ask(connection, context, require_consent)
            run(**arguments)

        revision.migration_fn = ask_and_run
        yield revision

    try:
        with _sqlalchemy(connection, commits) as session:
            run_env(history, work, session, connect=same_session(connection, settings))
    except sa.exc.DBAPIError as error:
        original = _psycopg_error(error)
        if original is None:
            raise _failed(step, error.orig or error, "", first_line(error.orig)) from None
        if commits and isinstance(original, RETRIED):
            state = "A part of it is committed."
            raise _failed(step, original, state, first_line(original)) from None
        raise original from None  # SQLAlchemy's message would quote parameters
    except (PybaseError, psycopg.Error):
        raise
    except sa.exc.SQLAlchemyError as error:  # its further lines are the statement and parameters
        raise _failed(step, error, "", first_line(error)) from error
    except Exception as error:
        raise _failed(step, error, "", str(error)) from error


@contextmanager
def _sqlalchemy(
    connection: psycopg.Connection[Any], commits: list[bool]
) -> Iterator[sa.Connection]:
    """Lend a psycopg connection to SQLAlchemy, which can neither close nor keep it."""
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connection,
        poolclass=sa.StaticPool,
        hide_parameters=True,
    )
    sa.event.listen(sa.Engine, "commit", listener := (lambda _connection: commits.append(True)))
    vars(connection)["close"] = lambda: None
    connection.autocommit = False
    try:
        with engine.connect() as session:
            commits.clear()
            yield session
    finally:
        sa.event.remove(sa.Engine, "commit", listener)
        vars(connection).pop("close", None)
        with suppress(psycopg.Error):
            connection.rollback()
            connection.autocommit = True


def _ask(
    connection: psycopg.Connection[Any],
    context: MigrationContext,
    require_consent: Callable[..., None],
) -> None:
    """Ask on the session of the revision, if that is ours; locks would stop one of its own."""
    used: Any = context.connection
    is_own = used.connection.driver_connection is connection
    require_consent(lock=is_own and not connection.autocommit)
    if not is_own:  # what it builds concurrently would wait for the end of our transaction
        connection.rollback()


def _psycopg_error(error: sa.exc.DBAPIError) -> psycopg.Error | None:
    """Return the error of any driver as psycopg's; None where the server did not report it."""
    original: Any = error.orig
    if isinstance(original, psycopg.Error):
        return original
    state = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
    if state is None:
        return None
    try:
        return psycopg.errors.lookup(state)(str(original))
    except KeyError:  # a code of the project's own
        return psycopg.DatabaseError(str(original))


def _failed(step: Step, error: BaseException, state: str, message: str) -> CheckFailedError:
    revision = step.revision
    return CheckFailedError(
        f"The {step.direction.value} of revision {revision.id} ({revision.title}) fails: "
        f"{type(error).__name__}: {message}. {state}".rstrip(),
        f"Its code is in {revision.path}.",
        code="revision-raised",
    )
