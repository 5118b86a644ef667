"""Proof that the committed SQL does to rows what Alembic does: both run on the same sample rows.

A history that starts from nothing meets empty tables, on which most data migrations do nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.migrate.catalog import read_state
from pybase.migrate.database import engine, scratch_at
from pybase.migrate.record import Direction, Script
from pybase.migrate.rehearsal import Baseline, Samples, execute, scratch_empty
from pybase.migrate.revisions import History, RenderedHistory, record_in, revision_step, run_env
from pybase.migrate.sqlfiles import Built
from pybase.migrate.verify._rows import Rows, other_columns, rows_of
from pybase.migrate.verify._session import UnprovenError, connected, session_of_env
from pybase.postgres import connect_scratch


class _Sampled:
    """A scratch database whose tables get sample rows before each revision."""

    def __init__(self, history: History, rendered: RenderedHistory, around: ExitStack) -> None:
        self.url = url = around.enter_context(scratch_empty(history.settings))
        self._session = session_of_env(history, rendered, url)
        connection = connect_scratch(url, autocommit=True)
        self._connection = around.enter_context(closing(connection))
        self._samples = Samples(connection, read_state(connection), rendered.own_tables)

    def fill(self) -> None:
        """Insert rows into the tables that are new or changed, and have none."""
        self._samples.fill(read_state(self._connection))

    def clear(self, source: psycopg.Connection[Any]) -> None:
        """Have the rows of another database instead, which the revisions alone have inserted."""
        self._samples.clear(read_state(self._connection), source)

    def rows(self) -> Rows:
        return rows_of(self._connection)

    def run(self, script: Script) -> None:
        """Run a committed file. Raises psycopg.Error."""
        with connected(self.url, self._session) as connection:
            execute(connection, script)


def rows_that_differ(history: History, built: Built) -> list[str]:
    """Run each revision on sample rows, as a file and by Alembic; return the columns that differ.

    Values that differ between two runs of the same files are not compared. Raises UnprovenError
    for a file that fails on sample rows and cannot be run again without them, and what
    Alembic raises.
    """
    rendered = built.rendered
    with ExitStack() as around:
        committed, again, online = (_Sampled(history, rendered, around) for _ in range(3))
        baseline = around.enter_context(closing(Baseline(history, rendered)))
        run_online = around.enter_context(_online(history, built, online.url))
        for sql in rendered.revisions:
            script = sql.scripts.upgrade
            for database in (committed, again, online):
                database.fill()
            try:
                committed.run(script)
            except psycopg.Error:
                for database in (committed, again, online):
                    database.clear(baseline.before(sql))
                _run_again(committed, script, sql.path.name)
            try:
                again.run(script)
            except psycopg.errors.DuplicateObject as error:  # such as a role
                shared = f"{sql.path.name} creates what all databases of a server share"
                raise UnprovenError(shared) from error
            run_online(sql.revision.id)
        return other_columns(committed.rows(), again.rows(), online.rows())


def _run_again(database: _Sampled, script: Script, name: str) -> None:
    try:
        database.run(script)
    except psycopg.Error as error:  # a part of it is committed, outside of any transaction
        raise UnprovenError(f"{name} fails on sample rows, outside a transaction") from error


@contextmanager
def _online(history: History, built: Built, url: str) -> Iterator[Callable[[str], None]]:
    """Yield what lets Alembic upgrade the database at `url` by one revision."""
    digests = {r.revision.id: r.scripts.upgrade.digest or None for r in built.records}
    with engine(scratch_at(url)).connect() as connection:

        def run(revision: str) -> None:
            def work(_heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
                record_in(context, lambda revision, _direction: digests.get(revision))
                yield revision_step(history, revision, Direction.UPGRADE)

            run_env(history, work, connection, is_applied=False)
            connection.rollback()

        yield run
