"""One revision's statements on a real server: in transactions, or each on its own.

A transaction is tried again as a whole. A statement on its own is tried again only where the
server undoes it as a whole; one that would leave an invalid index behind gets no lock timeout.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from pybase.errors import CheckFailedError
from pybase.migrate import ledger
from pybase.migrate.committed import Step
from pybase.migrate.concurrent import is_done_already, is_undone_whole, makes, new_index
from pybase.migrate.ladder import Ladder
from pybase.migrate.progress import Progress
from pybase.migrate.statements import Block

IDLE_S = 60
"""The server ends our transaction, and frees its locks, when we have been silent for so long."""


@dataclass
class Runner:
    """Runs steps over an autocommit connection; `statement` is what it was at last."""

    connection: psycopg.Connection[Any]
    ladder: Ladder
    version_table: str
    tell: Callable[[str], None]
    progress: Progress
    echo: Callable[[str], None]
    statement: str = field(default="", init=False)
    _can_check: bool = field(default=True, init=False)

    def run(self, step: Step) -> int:
        """Run a step, with its version and its line in the ledger. Returns the most tries.

        Raises psycopg.Error, ladder.OutOfTimeError, and CheckFailedError when the version table
        has been moved by somebody else.
        """
        started = time.monotonic()
        self._begin_session()
        most = 1
        for block in step.blocks:
            if block.transactional:
                attempt = partial(self._transaction, step, block, started)
                most = max(most, self.ladder.climb(attempt, is_blocking=step.is_blocking))
            else:
                for statement in block.statements:
                    most = max(most, self._alone(statement, is_blocking=step.is_blocking))
        return most

    def _begin_session(self) -> None:
        """Forget what the step before has set, as if each were a file in a psql of its own."""
        self._execute("DISCARD ALL")
        is_new = self.connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT
        self._execute(_NO_TIMEOUTS + ("; SET transaction_timeout = 0" if is_new else ""))
        if self._can_check:
            try:
                self._execute("SET client_connection_check_interval = '2s'")
            except psycopg.Error:  # not every platform can tell whether a client is there
                self._can_check = False

    def _transaction(self, step: Step, block: Block, started: float, lock_timeout_ms: int) -> None:
        try:
            self._execute(
                f"BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms};"
                f" SET LOCAL idle_in_transaction_session_timeout = '{IDLE_S}s'"
            )
            for statement in block.statements:
                self._inside(step, statement, started)
            self._execute("COMMIT")
        except BaseException:
            with suppress(psycopg.Error):
                self._execute("ROLLBACK")
            raise

    def _inside(self, step: Step, statement: str, started: float) -> None:
        self.statement = statement
        self.echo(f"{statement};")
        line = ledger.in_file(statement)
        if line is not None:
            table, digest = line
            seconds = time.monotonic() - started
            ledger.record(
                self._execute, table, step.revision, digest, seconds, is_upgrade=step.is_upgrade
            )
            return
        cursor = self._execute(statement)
        if cursor.rowcount == 0 and self._moves_version(statement):
            raise CheckFailedError(
                f"The version table was changed by another program before revision"
                f" {step.revision} could move it, so that revision was undone.",
                "See where the database is (nox -s current), and run the same command again.",
            )

    def _moves_version(self, statement: str) -> bool:
        return statement.startswith(
            (f"UPDATE {self.version_table}\n", f"DELETE FROM {self.version_table}\n")
        )

    def _alone(self, statement: str, *, is_blocking: bool) -> int:
        """Run a statement outside a transaction; returns how many tries it took."""
        self.statement = statement
        self.echo(f"{statement};")
        index = new_index(statement)
        if index is not None and self._is_built(statement, *index):
            return 1
        try:
            if is_undone_whole(statement):
                return self.ladder.climb(partial(self._limited, statement), is_blocking=is_blocking)
            self._limited(statement, 0)
        except (psycopg.errors.DuplicateObject, psycopg.errors.UndefinedObject) as error:
            if not is_done_already(statement, error):
                raise
            said = error.diag.message_primary
            self.tell(f"{said}: an interrupted run has done that")
        return 1

    def _limited(self, statement: str, lock_timeout_ms: int) -> None:
        self._execute(f"SET lock_timeout = {lock_timeout_ms}")
        self._execute(statement)

    def _is_built(self, statement: str, table: str, name: str) -> bool:
        """Whether an interrupted run has built the index; one that it left invalid is dropped.

        IF NOT EXISTS would believe that, and without it the name would be taken.
        """
        found = self.connection.execute(_INDEX, [table, name]).fetchone()
        if found is None:
            return False
        schema, name, is_valid, definition = found
        if not is_valid:
            self.tell(f"dropping {name}, which an interrupted run has left invalid")
            self._execute("SET lock_timeout = 0")
            self._execute(
                sql.SQL("DROP INDEX CONCURRENTLY {}").format(sql.Identifier(schema, name))
            )
            return False
        if not makes(statement, definition):
            return False
        self.tell(f"{name} is there, and valid: an interrupted run has built it")
        return True

    def _execute(self, query: str | sql.Composed) -> psycopg.Cursor[Any]:
        if isinstance(query, sql.Composed):
            return self.connection.execute(query)
        with self.progress.of(query):
            return self.connection.execute(query.encode())


_HAS_TRANSACTION_TIMEOUT = 170000

_NO_TIMEOUTS = "SET statement_timeout = 0; SET lock_timeout = 0"
"""A role's or a database's own timeouts are meant for its application, not for a migration."""

_INDEX = """
SELECT n.nspname, c.relname, i.indisvalid, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%s) AND c.relname = %s
"""
