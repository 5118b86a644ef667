"""One revision's statements on a real server: in transactions, or each on its own.

A transaction is tried again as a whole. A statement on its own is tried again only where the
server undoes it as a whole; one that would leave an invalid index behind gets no lock timeout.
"""

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

from pybase.core.errors import CheckFailedError
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.deploy._lock_retry import Ladder
from pybase.migrate.deploy._progress import Progress
from pybase.migrate.deploy._resume import is_done_already, is_undone_whole, makes, new_index
from pybase.migrate.record import Block
from pybase.migrate.sqlfiles._committed import Step

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
    _settings: list[str] = field(default_factory=list, init=False)
    _has_ledger: bool = field(default=False, init=False)
    _held: list[str] = field(default_factory=list, init=False)

    def run(self, step: Step) -> int:
        """Run a step, with its version and its line in the ledger. Returns the most tries.

        Raises psycopg.Error, ladder.OutOfTimeError, and CheckFailedError when the version table
        has been moved by somebody else.
        """
        started = time.monotonic()
        if not self._settings:
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
        """Put aside what a role or a database has set; each step leaves it so for the next."""
        is_new = self.connection.info.server_version >= _HAS_TRANSACTION_TIMEOUT
        self._settings = [*_TIMEOUTS, *(["SET transaction_timeout = 0"] if is_new else [])]
        self._send(*self._settings)
        with suppress(psycopg.Error):  # not every platform can tell whether a client is there
            self._send(_CHECK)
            self._settings.append(_CHECK)

    def _transaction(self, step: Step, block: Block, started: float, lock_timeout_ms: int) -> None:
        own, move, line = self._parted(block)
        self._held = ["BEGIN", f"SET LOCAL lock_timeout = {lock_timeout_ms}"]
        self._has_ledger = self._has_ledger and not any(ledger.TABLE in each for each in own)
        try:
            for statement in own:
                self._show(statement)
                if line and self._has_ledger and statement is own[-1]:
                    self._held.append(statement)
                else:
                    self._require_moved(step, statement, self._send(statement))
            if line:
                self._record(step, move, line, started)
            else:
                self._send("COMMIT")
        except BaseException:
            self._held = []
            with suppress(psycopg.Error):
                self._send("ROLLBACK")
            raise

    def _parted(self, block: Block) -> tuple[Sequence[str], str, str]:
        """Part a block from what ends a step: the move of its version, and its line for the ledger.

        An `on_version_apply` of the project stands between the two: then the move is its own.
        """
        *own, last = block.statements or ("",)
        if ledger.in_file(last) is None:
            return block.statements, "", ""
        is_move = bool(own) and self._is_move(own[-1], "INSERT INTO", "UPDATE", "DELETE FROM")
        return (own[:-1], own[-1], last) if is_move else (own, "", last)

    def _is_move(self, statement: str, *verbs: str) -> bool:
        begins = (f"{verb} {self.version_table}{end}" for verb in verbs for end in (" (", "\n"))
        return statement.startswith(tuple(begins))

    def _record(self, step: Step, move: str, line: str, started: float) -> None:
        """Move the version, write the ledger, commit, and leave the session as it was begun."""
        for each in filter(None, (move, line)):
            self.echo(f"{each};")
        if move and self.statement not in self._held:
            self.statement = move
        table, digest = ledger.in_file(line) or ("", None)
        if not self._has_ledger:
            if self._held:
                self._send()
            ledger.ensure(lambda query: self.connection.execute(query.encode()), table)
        seconds = time.monotonic() - started
        entry = ledger.entry_sql(
            table, step.revision, digest, seconds, is_upgrade=step.is_upgrade, move=move
        )
        try:
            self._send(entry, "COMMIT", *_AS_BEGUN, *self._settings)
        except errors.NotNullViolation as error:
            if error.diag.table_name != ledger.TABLE:
                raise
            raise self._moved_by_another(step) from None
        finally:
            if self.statement == entry:
                self.statement = move or line
        self._has_ledger = True

    def _require_moved(self, step: Step, statement: str, result: PGresult) -> None:
        if result.command_tuples == 0 and self._is_move(statement, "UPDATE", "DELETE FROM"):
            raise self._moved_by_another(step)

    def _moved_by_another(self, step: Step) -> CheckFailedError:
        return CheckFailedError(
            f"The version table was changed by another program before revision"
            f" {step.revision} could move it, so that revision was undone.",
            "See where the database is (nox -s current), and run the same command again.",
        )

    def _show(self, statement: str) -> None:
        self.statement = statement
        self.echo(f"{statement};")

    def _send(self, *statements: str) -> PGresult:
        """Send what is held and `statements`, each one statement, at once.

        What is held goes first, so it needs no way to the server of its own: to and fro takes
        longer than most statements. The server stops at the first that fails, and the answers
        before that tell which it is. Returns the answer to the last.
        """
        texts, self._held = [*self._held, *statements], []
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
        return results[-1]

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


_HAS_TRANSACTION_TIMEOUT = 170000

_TIMEOUTS = (
    "SET statement_timeout = 0",
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'",
)
"""A role's or a database's own timeouts are meant for its application, not for a migration."""

_CHECK = "SET client_connection_check_interval = '2s'"

_AS_BEGUN = ("SET SESSION AUTHORIZATION DEFAULT", "RESET ALL", "DEALLOCATE ALL", "DISCARD TEMP")
"""What of DISCARD ALL, which cannot go with others, may change what another step does: each is to
find the session as if it were a file in a psql of its own."""

_INDEX = """
SELECT n.nspname, c.relname, i.indisvalid, pg_get_indexdef(c.oid)
FROM pg_index AS i
JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = to_regclass(%s) AND c.relname = %s
"""
