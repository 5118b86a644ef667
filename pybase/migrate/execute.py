"""One revision's statements on a real server: in transactions, or each on its own.

A transaction is tried again as a whole. A statement on its own is tried again only where the
server undoes it as a whole; one that would leave an invalid index behind gets no lock timeout.
"""

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
from psycopg import errors, generators, sql
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

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
    tell: Callable[[str], None]
    progress: Progress
    echo: Callable[[str], None]
    statement: str = field(default="", init=False)
    _can_check: bool = field(default=True, init=False)
    _is_known: bool = field(default=False, init=False)
    """Whether the session is as begun, and the ledger there: nothing since can have changed it."""
    _held: list[str] = field(default_factory=list, init=False)

    def run(self, step: Step) -> int:
        """Run a step, with its version and its line in the ledger. Returns the most tries.

        Raises psycopg.Error, ladder.OutOfTimeError, and CheckFailedError when the version table
        has been moved by somebody else.
        """
        started = time.monotonic()
        if not self._is_known:
            self._begin_session()
        is_plain = all(_PLAIN.match(each) for block in step.blocks for each in _parted(block)[0])
        self._is_known = self._is_known and is_plain
        most = 1
        for block in step.blocks:
            if block.transactional:
                attempt = partial(self._transaction, step, block, started)
                most = max(most, self.ladder.climb(attempt, is_blocking=step.is_blocking))
            else:
                for statement in block.statements:
                    most = max(most, self._alone(statement, is_blocking=step.is_blocking))
        self._is_known = is_plain
        return most

    def _begin_session(self) -> None:
        """Forget what the step before has set, as if each were a file in a psql of its own."""
        self._send("DISCARD ALL")
        is_new = self.connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT
        self._send(*_TIMEOUTS, *(["SET transaction_timeout = 0"] if is_new else []))
        if self._can_check:
            try:
                self._send("SET client_connection_check_interval = '2s'")
            except psycopg.Error:  # not every platform can tell whether a client is there
                self._can_check = False

    def _transaction(self, step: Step, block: Block, started: float, lock_timeout_ms: int) -> None:
        own, records = _parted(block)
        self._held = ["BEGIN", f"SET LOCAL lock_timeout = {lock_timeout_ms}"]
        try:
            for statement in own:
                self._show(statement)
                if records and self._is_known and statement is own[-1]:
                    self._held.append(statement)
                else:
                    self._send(statement)
            if records:
                self._record(step, records, started)
            else:
                self._send("COMMIT")
        except BaseException:
            self._held = []
            with suppress(psycopg.Error):
                self._send("ROLLBACK")
            raise

    def _record(self, step: Step, records: Sequence[str], started: float) -> None:
        """Move the version, write the ledger, and commit."""
        move, line = records
        for each in records:
            self.echo(f"{each};")
        if self.statement not in self._held:
            self.statement = move
        table, digest = ledger.in_file(line) or ("", None)
        if not self._is_known:
            self._send()
            ledger.ensure(lambda query: self.connection.execute(query.encode()), table)
        seconds = time.monotonic() - started
        entry = ledger.entry_sql(
            table, step.revision, digest, seconds, is_upgrade=step.is_upgrade, move=move
        )
        try:
            self._send(entry, "COMMIT")
        except errors.NotNullViolation as error:
            if error.diag.table_name != ledger.TABLE:
                raise
            raise CheckFailedError(
                f"The version table was changed by another program before revision"
                f" {step.revision} could move it, so that revision was undone.",
                "See where the database is (nox -s current), and run the same command again.",
            ) from None

    def _show(self, statement: str) -> None:
        self.statement = statement
        self.echo(f"{statement};")

    def _send(self, *statements: str) -> None:
        """Send what is held and `statements`, each one statement, at once.

        What is held goes first, so it needs no way to the server of its own: to and fro takes
        longer than most statements. The server stops at the first that fails, and the answers
        before that tell which it is.
        """
        texts, self._held = [*self._held, *statements], []
        if not texts:
            return
        pgconn = self.connection.pgconn
        with self.progress.of(self.statement), self.connection.lock:
            pgconn.send_query(";\n".join(texts).encode())
            results: list[PGresult] = self.connection.wait(generators.execute(pgconn))
        if results[-1].status == ExecStatus.FATAL_ERROR:
            if len(results) > 1:  # else it may be one that the grammar of the server refuses
                self.statement = texts[len(results) - 1]
            raise errors.error_from_result(results[-1])
        if results[-1].status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT):
            raise psycopg.ProgrammingError("COPY to or from the client cannot be in a revision")

    def _alone(self, statement: str, *, is_blocking: bool) -> int:
        """Run a statement outside a transaction; returns how many tries it took."""
        self._show(statement)
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
        self._send(f"SET lock_timeout = {lock_timeout_ms}")
        self._send(statement)

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
            self._send("SET lock_timeout = 0")
            self._send(f"DROP INDEX CONCURRENTLY {sql.Identifier(schema, name).as_string()}")
            return False
        if not makes(statement, definition):
            return False
        self.tell(f"{name} is there, and valid: an interrupted run has built it")
        return True


def _parted(block: Block) -> tuple[Sequence[str], Sequence[str]]:
    """Part a block from what ends a step: the move of its version, and its line for the ledger."""
    is_last = bool(block.statements) and ledger.in_file(block.statements[-1]) is not None
    own = len(block.statements) - (2 if is_last else 0)
    return block.statements[:own], block.statements[own:]


_PLAIN = re.compile(
    r"(?:--[^\n]*\n|\n)*"
    "(?:ALTER TABLE|COMMENT ON|CREATE (?:TABLE|(?:UNIQUE )?INDEX)|DELETE FROM|DROP INDEX"
    f"|INSERT INTO|UPDATE) (?!.*(?:set_config|pg_settings|{ledger.TABLE}))",
    re.DOTALL,
)
"""What leaves a session's settings and the ledger as they were, by the begin of its text: to look
again after each revision would take longer than most revisions."""

_HAS_TRANSACTION_TIMEOUT = 170000

_TIMEOUTS = (
    "SET statement_timeout = 0",
    "SET lock_timeout = 0",
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'",
)
"""A role's or a database's own timeouts are meant for its application, not for a migration."""

_INDEX = """
SELECT n.nspname, c.relname, i.indisvalid, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%s) AND c.relname = %s
"""
