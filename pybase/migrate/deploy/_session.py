"""Scripts on a real server: in transactions, or statement by statement outside of any.

A transaction is tried again completely. A statement outside is tried again only where the server
rolls it back completely; one that would leave an invalid index behind gets no lock timeout.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import takewhile
from typing import Any

import psycopg
from psycopg import errors, generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from pybase.core.errors import CheckFailedError
from pybase.core.reporter import Reporter
from pybase.migrate.database import Ledger, MigrationLock, lock_lost, put_aside
from pybase.migrate.deploy import _recovery
from pybase.migrate.deploy._lock_waits import LockRetry
from pybase.migrate.deploy._losses import Guard, data_loss
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.deploy._progress import ProgressThread
from pybase.migrate.layout import HAS_CITUS, SETTINGS, lock_timeout_everywhere
from pybase.migrate.record import (
    Block,
    Statement,
    StatementKind,
    moved,
    sets_transaction,
    version_moves,
)
from pybase.migrate.sql.lock_modes import SHARE
from pybase.migrate.sqlfiles import committed_layout

IDLE_S = 60
"""The server ends our transaction, and releases its locks, after so long without a statement."""


class Session:
    """An autocommit connection on which steps are run; `statement` is the last that was sent."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        plan: Plan,
        guard: Guard,
        lock: MigrationLock,
        retry: LockRetry,
        progress: ProgressThread,
        reporter: Reporter,
    ) -> None:
        """Begin a plan on its database, and put aside settings that are meant for others."""
        self.connection, self.heads = connection, set(plan.heads)
        self.statement = ""
        source = plan.source
        self._plan, self._guard = plan, guard
        self._source, self._retry = source, retry
        self._progress, self._reporter = progress, reporter
        self._ledger = Ledger(source.version_table)
        exists = f"SELECT to_regclass(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL, {HAS_CITUS}"
        names = [source.version_table.quoted, self._ledger.quoted]
        row = connection.execute(exists, names).fetchone() or (False, False, False)
        self._has_version_table, self._has_ledger, self.is_on_citus = map(bool, row)
        self._lock_check = f"SELECT 1 / ({lock.held_sql})::int"
        self._settings = put_aside(connection, *_SETTINGS, *self._of_cluster(), *source.session)

    def _of_cluster(self) -> Sequence[str]:
        """Return the settings that a session on a cluster needs in addition."""
        if not self.is_on_citus:
            return ()
        has_layout = bool(committed_layout(self._source.settings))
        return [f"SET {setting}" for setting in (SETTINGS if has_layout else SETTINGS[:-1])]

    def _limit(self, lock_timeout_ms: int) -> str:
        """Return the statement that limits waits for locks in a transaction."""
        if self.is_on_citus:
            return lock_timeout_everywhere(f"{lock_timeout_ms}ms")
        return f"SET LOCAL lock_timeout = {lock_timeout_ms}"

    def run(self, step: Step) -> int:
        """Run a step, with its version and its line in the ledger. Returns the most tries.

        Raises psycopg.Error, OutOfTimeError, and CheckFailedError when another program has moved
        the version table.
        """
        started, tries = time.monotonic(), 1
        for block in step.script.blocks:
            if block is not step.script.blocks[-1] and self._is_committed(block):
                continue
            if block.transactional:
                attempt = partial(self._transaction, step, block, started)
                tries = max(tries, self._retry.run(attempt, is_blocking=is_blocking(step)))
            else:
                for index in range(len(block.parts)):
                    tries = max(tries, self._alone(step, block, index))
        self.moved_by(step)
        return tries

    def _is_committed(self, block: Block) -> bool:
        """Whether an interrupted run has committed a transaction that does not move the version."""
        if not block.transactional or block.is_bookkeeping:
            return False
        own = [s.sql for s in block.parts if s.kind is StatementKind.OWN]
        with self._retry.reading(reports=True):
            return _recovery.is_committed(self.connection, own, self._reporter.note)

    def moved_by(self, step: Step) -> None:
        """Follow the version table, which a step has moved."""
        self.heads = self.heads_after(step)
        self._has_version_table = True

    def heads_after(self, step: Step) -> set[str]:
        """Return the revisions that the database is at once a step is applied."""
        return moved(self.heads, self._moves(step))

    def _moves(self, step: Step) -> Any:
        return version_moves(self._source.graph, self.heads, step.revision.id, step.direction)

    def _transaction(self, step: Step, block: Block, started: float, lock_timeout_ms: int) -> None:
        """Send a transaction as one message; the server stops at the first error in it."""
        own, closing = self._parted(step, block, started)
        for text in (*own, *(s.sql for s in block.parts if s.kind in _BOOKKEEPING)):
            self._reporter.echo(f"{text};")
        # a lock that is lost stops it at once; one that is lost while it waits, before it commits.
        # the first check has a transaction of its own: none can change its isolation level later
        begin = ("BEGIN", self._lock_check, "COMMIT AND CHAIN")
        head: tuple[str, ...] = (*begin, self._limit(lock_timeout_ms))
        tail = (self._lock_check, "COMMIT", *(self._resets if closing else ()))
        try:
            if self._guard.watches(step) and not block.is_bookkeeping:
                first = list(takewhile(sets_transaction, own))  # nothing may precede these
                self._send(*head, *first)
                is_first = block == step.script.own_blocks[0]
                self.require_consent(step, lock=True, is_first=is_first)
                # an answer before the revision's first: else its error is taken for one of grammar
                head, own = head[-1:], own[len(first) :]
            self._send(*head, *own, *closing, *tail, shown=own[0] if len(own) == 1 else "")
        except errors.NotNullViolation as error:
            self._roll_back()
            if error.diag.table_name != self._ledger.name:
                raise
            raise _moved_by_another(step) from None
        except BaseException:
            self._roll_back()
            raise
        if closing:
            self._has_ledger = True

    def require_consent(self, step: Step, *, lock: bool, is_first: bool = True) -> None:
        """Refuse to destroy data that were written since the user was asked."""
        if not self._guard.watches(step):
            return
        losses = self._guard.losses(step, lock=lock, is_first=is_first)
        if losses:
            state = f"Revision {step.revision.id} was stopped before that."
            raise data_loss(self._plan, losses, state, self._plan.end)

    def _parted(self, step: Step, block: Block, started: float) -> tuple[list[str], list[str]]:
        """Return the revision's own statements, and what closes it where this block does.

        The version is moved as the database needs it: where branches were applied in another
        order than the file's, these are other rows than the file names.
        """
        own = [s.sql for s in block.parts if s.kind is StatementKind.OWN]
        if not any(s.kind is StatementKind.LEDGER for s in block.parts):
            return own, []
        seconds = time.monotonic() - started
        moves = [self._source.version_table.move_sql(move) for move in self._moves(step)]
        digest = step.script.digest or None
        entry = self._ledger.entry_sql(
            step.revision.id, step.direction, digest, seconds, moves=moves
        )
        texts = (s.sql for s in step.script.statements if s.kind is StatementKind.OWN)
        is_at_risk = any(self._ledger.name in text for text in texts)  # it may have dropped it
        again = [self._ledger.create_sql] if is_at_risk else []
        hooks = [s.sql for s in block.parts if s.kind is StatementKind.HOOK]
        return [*self._setup(block.parts), *own], [*again, entry, *hooks]

    def _setup(self, parts: Sequence[Statement]) -> list[str]:
        """Return what creates the version table and the ledger, where these are missing."""
        if self._has_version_table and self._has_ledger:
            return []
        own = [s.sql for s in parts if s.kind is StatementKind.SETUP]
        return own if own and self._source.env is None else list(self._source.setup)

    @property
    def _resets(self) -> tuple[str, ...]:
        """What gives the next step a session as this one was given."""
        return *_AS_BEGUN, *self._settings

    def _roll_back(self) -> None:
        with suppress(psycopg.Error):
            self.connection.execute("ROLLBACK")

    def _send(self, *texts: str, shown: str = "") -> PGresult:
        """Send statements as one message, and return the answer to the last.

        On a cluster each is a message of its own: Citus sends its workers the text of the whole
        message that DDL is in, which they refuse, or that a propagated SET LOCAL is in.
        Raises psycopg.Error, and DatabaseError where the migration lock is lost.
        """
        if not self.is_on_citus:
            return self._send_message(*texts, shown=shown)
        return [self._send_message(text) for text in texts][-1]

    def _send_message(self, *texts: str, shown: str = "") -> PGresult:
        """Send one message, and return the answer to its last statement.

        The server stops at the first that fails; the number of answers before shows which it is.
        """
        self.statement = shown or texts[-1]
        pgconn = self.connection.pgconn
        with self._progress.of(self.statement), self.connection.lock:
            pgconn.send_query(";\n".join(texts).encode())
            results: list[PGresult] = self.connection.wait(generators.execute(pgconn))
        if results[-1].status == ExecStatus.FATAL_ERROR:
            if len(results) > 1 or len(texts) == 1:  # else the server's grammar refuses one of them
                self.statement = texts[len(results) - 1]
            if self.statement is self._lock_check:
                raise lock_lost()
            raise errors.error_from_result(results[-1])
        if results[-1].status in (ExecStatus.COPY_IN, ExecStatus.COPY_OUT):
            raise psycopg.ProgrammingError("COPY to or from the client cannot be in a revision")
        return results[-1]

    def _alone(self, step: Step, block: Block, index: int) -> int:
        """Run a statement outside a transaction; returns how many tries it took."""
        statement = self.statement = block.statements[index]
        self._reporter.echo(f"{statement};")
        with self._retry.reading(reports=True):
            rest = _recovery.remaining(self.connection, statement, self._reporter.note)
        if rest is None:
            return 1

        statement = rest
        is_rolled_back = _recovery.is_rolled_back(statement)
        is_first = index == 0 and block == step.script.own_blocks[0]

        def attempt(lock_timeout_ms: int) -> None:
            # a lock timeout reaches the workers of a cluster in a transaction only
            is_guarded = is_rolled_back and (self.is_on_citus or self._guard.watches(step))
            if is_guarded and self._guarded(step, statement, is_first, lock_timeout_ms):
                return
            self.require_consent(step, lock=False, is_first=is_first)
            self._send(f"SET lock_timeout = {lock_timeout_ms}", self._lock_check)
            self._send(statement)

        try:
            if is_rolled_back:
                return self._retry.run(attempt, is_blocking=is_blocking(step))
            with self._retry.reading(reports=True):
                attempt(0)
        except (errors.DuplicateObject, errors.UndefinedObject) as error:
            if not _recovery.is_done_already(statement, error):
                raise
            message = error.diag.message_primary
            self._reporter.note(f"{message}: an interrupted run has done that")
        return 1

    def _guarded(self, step: Step, statement: str, is_first: bool, lock_timeout_ms: int) -> bool:
        """Run a statement in a transaction of its own, in which no rows can be added before it.

        Returns False for one that refuses to be in a transaction.
        """
        try:
            self._send("BEGIN", self._limit(lock_timeout_ms), self._lock_check)
            self.require_consent(step, lock=True, is_first=is_first)
            self._send(statement, self._lock_check, "COMMIT", shown=statement)
        except errors.ActiveSqlTransaction:
            self._roll_back()
            return False
        except BaseException:
            self._roll_back()
            raise
        return True

    @contextmanager
    def lent_to_python(self, lock_timeout_ms: int) -> Iterator[Sequence[str]]:
        """Let the code of a revision use the session; yields the settings that it needs.

        Such code may compute between its statements, for longer than IDLE_S.
        """
        limits = (
            f"SET lock_timeout = {lock_timeout_ms}",
            "SET idle_in_transaction_session_timeout = 0",
        )
        self._send(*limits, self._lock_check)
        try:
            yield (*self._settings, *limits)
        finally:
            with suppress(psycopg.Error):
                self._send(*self._resets)


def is_blocking(step: Step) -> bool:
    """Whether the rehearsal observed that other sessions wait for it, or nothing is known."""
    effects = step.effects
    return bool(
        not effects.is_rehearsed
        or effects.losses
        or effects.unfilled
        or effects.findings
        or any(effect.rank >= SHARE for effect in effects.tables)
    )


def _moved_by_another(step: Step) -> CheckFailedError:
    return CheckFailedError(
        f"The version table was changed by another program before revision {step.revision.id} "
        "could move it, so that revision was rolled back.",
        "See where the database is (nox -s current), and run the same command again.",
        code="version-moved",
    )


_BOOKKEEPING = (StatementKind.VERSION, StatementKind.HOOK, StatementKind.LEDGER)


_SETTINGS = (
    f"SET idle_in_transaction_session_timeout = '{IDLE_S}s'",
    "SET standard_conforming_strings = on",
    "SET default_transaction_isolation = 'read committed'",
)
"""As in the rehearsal: settings of a role or a database are meant for its application."""

_AS_BEGUN = ("SET SESSION AUTHORIZATION DEFAULT", "RESET ALL", "DEALLOCATE ALL", "DISCARD TEMP")
"""What of DISCARD ALL, which cannot be combined, may change what another step does: each step
finds the session as if its file were run by a psql of its own."""
