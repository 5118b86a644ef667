"""Execution of revisions on a scratch database where nothing observes them, and their errors."""

from collections.abc import Iterator
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep
from msgspec.structs import replace

from pybase.core.errors import PybaseError
from pybase.migrate.database import engine, scratch_at
from pybase.migrate.record import Direction, Script, Statement, StatementKind
from pybase.migrate.rehearsal._rules import is_transaction_control
from pybase.migrate.revisions import (
    History,
    RevisionSql,
    TimeLimitError,
    repeatable,
    revision_step,
    run_env,
    time_limit,
    without_terminal,
)

_ONLINE_LIMIT_S = 60
"""A revision that is not done on an empty database by then waits for what does not happen."""


def run_online(history: History, database: str, sql: RevisionSql) -> None:
    """Apply one revision as Alembic does online, for one without SQL. Raises what it raises."""

    def work(_heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        yield revision_step(history, sql.revision.id, Direction.UPGRADE)

    reason = sql.scripts.upgrade.reason
    if reason.startswith(TimeLimitError.__name__):  # as it was when it was rendered
        raise TimeLimitError(reason)
    with engine(scratch_at(database)).connect() as connection:
        with without_terminal(), time_limit(_ONLINE_LIMIT_S):
            run_env(history, work, connection, is_applied=False)


def lead_over(
    history: History, database: str, connection: psycopg.Connection[Any], sql: RevisionSql
) -> None:
    """Bring a database to the other side of one revision, as far as possible."""
    script = sql.scripts.upgrade
    try:
        if not script.has_sql:
            run_online(history, database, sql)
        else:
            execute(connection, runnable(script))
    except psycopg.Error:
        execute_apart(connection, runnable(script))
    except (Exception, SystemExit, TimeLimitError):  # the others follow all the same
        keep_version(connection, script)


def execute_framed(connection: psycopg.Connection[Any], script: Script) -> psycopg.Error | None:
    """Run a script in its transactions; returns the error that stopped it."""
    try:
        execute(connection, script)
    except psycopg.Error as error:
        return error
    return None


def execute_apart(connection: psycopg.Connection[Any], script: Script) -> psycopg.Error | None:
    """Run each statement by itself, so that as much as possible is done; the first error."""
    first = None
    for text in script.texts:
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            first = first or error
    return first


def keep_version(connection: psycopg.Connection[Any], script: Script) -> None:
    """Move the version table only, for a revision that could not be run."""
    own = tuple(
        Statement(statement.sql, None)
        for statement in script.statements
        if statement.kind is not StatementKind.OWN
    )
    execute_apart(connection, Script(own))


def runnable(script: Script) -> Script:
    """Return a script without BEGIN and COMMIT by hand: they would end what is observed."""
    kept = tuple(s for s in script.statements if not is_transaction_control(s.sql))
    return replace(script, statements=kept)


def execute(connection: psycopg.Connection[Any], script: Script) -> None:
    """Run a script over an autocommit connection, a transaction a block."""
    for block in script.blocks:
        if block.transactional:
            try:  # in one round trip; SAVEPOINT needs the BEGIN
                connection.execute(";\n".join(("BEGIN", *block.statements, "COMMIT")).encode())
            except psycopg.Error:
                connection.rollback()
                raise
        else:
            for statement in block.statements:
                connection.execute(statement.encode())


# --- errors ------------------------------------------------------------------------------------


def is_about_rows(error: BaseException | None) -> bool:
    """Whether something failed on the rows that it met, which are only ours."""
    return isinstance(error, psycopg.IntegrityError | psycopg.DataError)


def is_about_what_is_missing(error: BaseException | None) -> bool:
    """Whether what is missing may be what an earlier, failed revision should have created."""
    return isinstance(error, _MISSING)


_MISSING = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedObject,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)


def message(error: BaseException) -> str:
    """Return an error as one sentence that is the same on every machine."""
    if isinstance(error, psycopg.Error):
        return error.diag.message_primary or str(error)
    if isinstance(error, PybaseError):
        return error.problem.rstrip(".")
    return f"{type(error).__name__}: {repeatable(str(error))}"
