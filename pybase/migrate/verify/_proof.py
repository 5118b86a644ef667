"""Proof that the committed SQL is what Alembic does: the same catalog and the same rows.

Both databases are scratch ones, created from nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.migrate import catalog
from pybase.migrate.database import Database, engine, first_line, scratch_at, scratch_hint
from pybase.migrate.record import Script
from pybase.migrate.rehearsal import scratch_empty
from pybase.migrate.revisions import History, record_in, run_env, steps_to_heads
from pybase.migrate.sqlfiles import Built
from pybase.migrate.verify._rows import Rows, other_columns, rows_of
from pybase.migrate.verify._sampled import rows_that_differ
from pybase.migrate.verify._session import UnprovenError, connected, session_of_env
from pybase.postgres import connect_scratch


def committed_equals_online(history: History, built: Built) -> None:
    """Run the committed files and Alembic, each from nothing, and compare the results.

    The files run on a session as env.py leaves its own. Values that differ between two runs of the
    same files (random keys, the time) are not compared.
    Raises CheckFailedError with what differs, UnprovenError where env.py fails on such a database.
    """

    def from_files(url: str) -> None:
        session = session_of_env(history, built.rendered, url)
        for record in built.records:
            with connected(url, session) as connection:
                for statement in _as_psql(record.scripts.upgrade):
                    try:
                        connection.execute(statement.encode())
                    except psycopg.Error as error:
                        raise _fails(record.revision.path, error) from error

    def by_alembic(url: str) -> None:
        session_of_env(history, built.rendered, url)
        digests = {r.revision.id: r.scripts.upgrade.digest or None for r in built.records}
        upgrade_online(history, scratch_at(url), digests)

    committed, rows = _result_of(history, built, from_files)
    _, again = _result_of(history, built, from_files)
    other, online_rows = _result_of(history, built, by_alembic)
    changes = catalog.difference(committed, other)
    if changes:
        raise _differs(catalog.describe(changes, before="committed SQL", after="Alembic"))
    if wrong := other_columns(rows, again, online_rows):
        raise _differs(f"  other rows: {', '.join(wrong)}")


def equal_on_sample_rows(history: History, built: Built) -> None:
    """Run the committed files and Alembic on the same sample rows, and compare what is left.

    Raises CheckFailedError with the columns that differ, and UnprovenError.
    """
    with _online_errors():
        wrong = rows_that_differ(history, built)
    if wrong:
        raise _differs(f"  other rows, from the same sample rows: {', '.join(wrong)}")


def _as_psql(script: Script) -> Iterator[str]:
    """Yield what psql sends of a file; `sqlfiles.check` has compared the file with the script."""
    if not script.has_check_inside:
        yield script.check
    for block in script.blocks:
        yield from ("BEGIN",) if block.transactional else ()
        yield from (script.check,) if script.has_check_inside else ()
        yield from block.statements
        yield from ("COMMIT",) if block.transactional else ()


def upgrade_online(history: History, database: Database, digests: Mapping[str, str | None]) -> None:
    """Upgrade a database to its heads through Alembic's online mode, with its ledger.

    Raises CheckFailedError where Alembic, or a revision that it runs, fails.
    """

    def work(heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        record_in(context, lambda revision, _direction: digests.get(revision))
        yield from steps_to_heads(history, heads)

    with _online_errors(), engine(database).connect() as connection:
        run_env(history, work, connection, is_applied=False)


@contextmanager
def _online_errors() -> Iterator[None]:
    """Report what Alembic, or a revision that it runs, raises as a CheckFailedError."""
    try:
        yield
    except (PybaseError, UnprovenError):
        raise
    except Exception as error:  # of a revision, or Alembic's own, as for a needless depends_on
        cause = getattr(error, "orig", None) or error  # SQLAlchemy's would quote parameters
        raise CheckFailedError(
            f"Alembic fails to run the revisions online: {type(cause).__name__}: "
            f"{first_line(cause)}.",
            "Correct the revision. For a KeyError with an id, remove that id from depends_on where "
            "it is an ancestor already.",
            code="online-run-fails",
        ) from error


def _fails(path: str, error: psycopg.Error) -> CheckFailedError:
    return CheckFailedError(
        f"The SQL of {path} fails on a database at the revision before: {first_line(error)}.",
        scratch_hint(error) or "Correct that revision, then run `nox -s sql`.",
        code="committed-sql-fails",
    )


def _result_of(
    history: History, built: Built, run: Callable[[str], None]
) -> tuple[catalog.Snapshot, Rows]:
    """Return what a way of migrating makes of an empty database."""
    with scratch_empty(history.settings) as url:
        run(url)
        with connect_scratch(url, autocommit=True) as connection:
            snapshot = catalog.snapshot(connection, ignore_tables=built.rendered.own_tables)
            return snapshot, rows_of(connection)


def _differs(what: str) -> CheckFailedError:
    return CheckFailedError(
        f"The committed SQL does not do what Alembic does:\n{what}",
        "Write SQL that does not depend on where it runs, then run `nox -s sql`.",
        code="sql-differs",
    )
