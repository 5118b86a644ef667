"""`nox -s backfill`: a revision's backfill, run by itself.

It runs the statement of the committed SQL file. It needs no lock against other migrations: two of
the same backfill take turns, and one that `migrate` finds done is over at once.
"""

import re
from collections.abc import Sequence

import psycopg
from msgspec import Struct

from pybase.core.errors import CheckFailedError, DatabaseError, UsageError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.database import (
    Database,
    about_rows,
    connect,
    details,
    first_line,
    own_session,
    put_aside,
    refusal,
    require_schema,
    rows_hint,
)
from pybase.migrate.deploy._progress import ProgressThread
from pybase.migrate.record import Direction
from pybase.migrate.sql import parse_backfill
from pybase.migrate.sql.names import plain


class DeclaredBackfill(Struct, frozen=True):
    """A backfill of a revision, from its record; `table` is its name without quotes."""

    revision: str
    title: str
    table: str
    statement: str


def declared_backfills(settings: Settings) -> list[DeclaredBackfill]:
    """Return every backfill of the upgrades in `sql/`, in order. Raises StaleError."""
    committed = sqlfiles.load(settings)
    return [
        DeclaredBackfill(record.revision.id, record.revision.title, plain(names[0]), statement.sql)
        for record in (committed.records(Direction.UPGRADE) if committed else ())
        for statement in record.scripts.upgrade.statements
        if (names := parse_backfill(statement.sql)) is not None
    ]


def find_backfill(settings: Settings, name: str) -> DeclaredBackfill:
    """Return the backfill of the revision `name`, or the only one of the table `name`.

    Raises UsageError, which lists all of them.
    """
    known = declared_backfills(settings)
    matches = [backfill for backfill in known if name in (backfill.table, backfill.revision)]
    if not matches and len(name) > 3:
        matches = [backfill for backfill in known if backfill.revision.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    listed = "".join(f"\n  {item.revision}  {item.table}: {item.title}" for item in known)
    raise UsageError(
        f"{'More than one backfill is' if matches else 'No backfill is'} called {name!r}.",
        f"Name one by its revision:{listed}" if known else "No revision declares one.",
        code="unknown-backfill",
    )


def run_backfill(
    database: Database,
    backfill: DeclaredBackfill,
    reporter: Reporter,
    session: Sequence[str] = (),
) -> int:
    """Run a backfill to its end, and return how many rows this run has changed.

    The statements `session` prepare its session as env.py does. Interrupted, it stops after the
    batch. Raises DatabaseError, and CheckFailedError for a
    statement that PostgreSQL refuses.
    """
    notices: list[str] = []
    with connect(database, autocommit=True) as connection:
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        try:
            pid = own_session(connection, database).pid
            put_aside(connection, *_SETTINGS, *session)
            require_schema(connection, database)
            with ProgressThread(database, pid, reporter) as progress:
                with progress.of(backfill.statement):
                    connection.execute(backfill.statement.encode())
        except psycopg.Error as error:
            raise _stopped(database, backfill, error, reporter) from None
    # triggers may raise notices too: the loop's own is the last
    count = re.search(r": (\d+) rows changed", notices[-1]) if notices else None
    return int(count[1]) if count else 0


_SETTINGS = (
    "SET client_min_messages = notice",  # the number of rows is one
    "SET standard_conforming_strings = on",
)


def _stopped(
    database: Database, backfill: DeclaredBackfill, error: psycopg.Error, reporter: Reporter
) -> CheckFailedError | DatabaseError:
    shows_data = reporter.shows_data
    message = first_line(error) + about_rows(error, shows_data=shows_data)
    problem = f"The backfill of {backfill.table} stopped: {message} ({database.name})."
    problem += details(error, shows_data=shows_data)
    again = f"The batches before it stay. Go on with: nox -s backfill -- {backfill.revision}"
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        problem = f"{problem}\nOther sessions hold the rows that are next."
        return DatabaseError(problem, again, code="backfill-stopped")
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        again = f"Connect as the owner of the table, or a role with BYPASSRLS. {again}"
    if refusal(error) is not None:
        return DatabaseError(problem, again, code="backfill-stopped")
    hint = f"Correct what it met. {again}{rows_hint(error, shows_data=shows_data)}"
    return CheckFailedError(problem, hint, code="backfill-failed")
