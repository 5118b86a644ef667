"""`nox -s backfill`: run a revision's backfill by itself, and tell how far any is.

What it runs is the statement of the committed SQL file. It needs no lock against other migrations:
two of the same backfill take turns, and one that `migrate` finds done is over at once.
"""

import re
from dataclasses import dataclass

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError, UsageError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate.database._connect import Database, connect
from pybase.migrate.deploy._progress import Progress
from pybase.migrate.sql._backfill import STATEMENT
from pybase.migrate.sql._names import plain
from pybase.migrate.sqlfiles import _headers as headers


@dataclass(frozen=True)
class Declared:
    """A backfill that a revision declares, as its committed SQL file holds it.

    `table` is named as people type it.
    """

    revision: str
    title: str
    table: str
    statement: str


def declared(settings: Settings) -> list[Declared]:
    """Return every backfill of the upgrades in `sql/`, in the order of their files."""
    files = sorted((settings.sql / "upgrade").glob("*.sql"))
    return [found for path in files for found in _in_text(path.read_text(encoding="utf-8"))]


def _in_text(text: str) -> list[Declared]:
    try:
        head = headers.parse(text)
    except ValueError:
        return []
    return [
        Declared(head.revision, head.title, plain(each["table"]), each["statement"])
        for each in STATEMENT.finditer(text)
    ]


def find(settings: Settings, name: str) -> Declared:
    """Return the backfill of the revision `name`, or the only one of the table `name`.

    Raises UsageError, which lists what there is.
    """
    known = declared(settings)
    found = [each for each in known if name in (each.table, each.revision)]
    found = found or [each for each in known if len(name) > 3 and each.revision.startswith(name)]
    if len(found) == 1:
        return found[0]
    there_is = "".join(f"\n  {each.revision}  {each.table}: {each.title}" for each in known)
    how_many = "More than one backfill is" if found else "No backfill is"
    raise UsageError(
        f"{how_many} called {name!r}.",
        f"Name one by its revision:{there_is}" if known else "No revision declares one.",
    )


def run(database: Database, backfill: Declared, reporter: Reporter) -> int:
    """Run a backfill to its end, and return how many rows this run has changed.

    Interrupted, it stops after the batch. Raises DatabaseError, and CheckFailedError for a
    statement that PostgreSQL refuses.
    """
    told: list[str] = []
    with connect(database, autocommit=True) as connection:
        connection.add_notice_handler(lambda each: told.append(each.message_primary or ""))
        try:
            connection.execute("SET statement_timeout = 0")  # it is long on purpose
            with Progress(database, connection.info.backend_pid, reporter) as progress:
                with progress.of(backfill.statement):
                    connection.execute(backfill.statement.encode())
        except psycopg.Error as error:
            raise _refused(database, backfill, error) from None
    counts = [re.search(r": (\d+) rows changed", text) for text in told]
    return sum(int(found[1]) for found in counts if found)


def _refused(
    database: Database, backfill: Declared, error: psycopg.Error
) -> CheckFailedError | DatabaseError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    problem = f"The backfill of {backfill.table} stopped: {said} ({database.name})."
    again = f"The batches before it stay. Go on with: nox -s backfill -- {backfill.revision}"
    if isinstance(error, psycopg.errors.LockNotAvailable | psycopg.errors.DeadlockDetected):
        return DatabaseError(f"{problem} Other sessions hold the rows that are next.", again)
    if isinstance(error, psycopg.OperationalError | psycopg.errors.InsufficientPrivilege):
        return DatabaseError(problem, again)
    return CheckFailedError(problem, f"Mend what it met. {again}")
