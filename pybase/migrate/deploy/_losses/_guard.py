"""What a plan would destroy, asked before it runs; and each step again, under its own locks."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.migrate.database import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS, Ledger
from pybase.migrate.deploy._losses._content import Reader
from pybase.migrate.deploy._losses._names import Names
from pybase.migrate.deploy._losses._suspects import Suspect, find_suspects, open_losses
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.record import Loss, LossKind, ScriptStatus
from pybase.migrate.sql import QualifiedName

LOCKED_TIMEOUT_MS = 2_000
"""How long a question under a lock may take: other sessions wait for its end."""


class DataLoss(Struct, frozen=True):
    """What a step destroys of this database, as far as is known."""

    name: str
    revision: str
    content: str
    loss: Loss | None = None
    now: str = ""

    @property
    def shown(self) -> str:
        """The name, with the present one where an earlier step changes it."""
        return f"{self.name} (now {self.now})" if self.now else self.name

    @property
    def table(self) -> QualifiedName | None:
        """The table that is dropped with all its rows, if it is one."""
        loss = self.loss
        return loss.table if loss and loss == Loss(loss.table) else None


class Consent(Struct, frozen=True):
    """What the user agreed to lose: all, or what was listed when they were asked."""

    to_all: bool = False
    to: frozenset[tuple[str, str]] = frozenset()
    """Revisions, and what is lost of each by its name."""

    def covers(self, loss: DataLoss) -> bool:
        """Whether the user has seen, or waived to see, what is lost."""
        return self.to_all or (loss.revision, loss.name) in self.to


NO_CONSENT = Consent()


def find_losses(connection: psycopg.Connection[Any], steps: Sequence[Step]) -> list[DataLoss]:
    """Return what a path would destroy, over the autocommit connection that will run it.

    What is known to be empty is left out: a table without rows, a column without values, and what
    an earlier step of the path creates. Raises psycopg.Error for a broken connection.
    """
    reader = Reader(connection, LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS)
    losses: list[DataLoss] = []
    names = Names()
    for step in steps:
        losses += _losses_of(reader, step, names)
        names.follow(step.effects)
    return losses


def holds_tables(connection: psycopg.Connection[Any], plan: Plan) -> bool:
    """Whether a database has any table but those of the workflow."""
    table = plan.source.version_table
    row = connection.execute(_TABLES, [table.quoted, Ledger(table).quoted]).fetchone()
    return row is not None


def _losses_of(reader: Reader, step: Step, names: Names) -> Iterator[DataLoss]:
    revision = step.revision.id
    if _is_unknown(step):
        yield DataLoss(f"what {revision} drops", revision, "unknown: it was not rehearsed")
    if may_lose(step):
        suspects = [*find_suspects(reader.connection, step, names)]
        yield from _held(reader, revision, suspects)


def _held(reader: Reader, revision: str, suspects: Iterable[Suspect]) -> Iterator[DataLoss]:
    for suspect in suspects:
        held = suspect.content(reader)
        if held:
            yield DataLoss(suspect.label, revision, held, suspect.loss, suspect.now)


def may_lose(step: Step) -> bool:
    """Whether a step was observed to destroy data, or to use CASCADE."""
    return bool(open_losses(step) or step.effects.cascade)


def _is_unknown(step: Step) -> bool:
    """Whether it was not observed what a step destroys; what cannot be undone will do nothing.

    Of an upgrade in Python that is known by the schema that it leaves; that one fails where it is
    rehearsed can be accepted with a reason.
    """
    effects, report = step.effects, step.record.report
    if step.script.status is ScriptStatus.IRREVERSIBLE:
        return False
    failures = [item for item in effects.findings if item.code == "rehearsal-failed"]
    if not step.direction.is_upgrade:
        return bool(failures) or not effects.is_rehearsed
    refused = any(step.record.reason_for(item, step.direction) is None for item in failures)
    return not report.versions or refused or not (effects.is_rehearsed or report.leads_on)


class Guard(Struct, dict=True):
    """Asks again before each step: rows may have been committed since the user was asked."""

    connection: psycopg.Connection[Any]
    steps: Sequence[Step]
    consent: Consent

    def __post_init__(self) -> None:
        """Note what exists before the first step: what the steps create is not the user's."""
        if self._watched:
            rows = self.connection.execute(_EXISTING).fetchall()
            self._existing: dict[int, int] = dict(rows)

    @cached_property
    def _watched(self) -> Collection[str]:
        """The revisions of the steps that may destroy what the user did not agree to lose."""
        steps = () if self.consent.to_all else self.steps
        return {step.revision.id for step in steps if may_lose(step)}

    def watches(self, step: Step) -> bool:
        """Whether a step has to be asked about."""
        return step.revision.id in self._watched

    def losses(self, step: Step, *, lock: bool, is_first: bool) -> list[DataLoss]:
        """Return what a step destroys that the user did not agree to lose.

        With `lock`, in an open transaction, the rows stay as they are until its end. Only before
        the first statements of a step has all that it destroys to be there. Raises psycopg.Error
        for a lock that it does not get.
        """
        suspects = [
            suspect
            for suspect in find_suspects(self.connection, step, Names())
            if (suspect.target is not None or is_first)
            and not self._is_new(suspect)
            # once some statements have run, changed rows are those of the revision itself
            and (is_first or not suspect.loss or suspect.loss.kind not in _MODES)
        ]
        if lock:
            self._lock(suspects)
        limit = LOCKED_TIMEOUT_MS if lock else STATEMENT_TIMEOUT_MS
        reader = Reader(self.connection, LOCK_TIMEOUT_MS, limit)
        held = _held(reader, step.revision.id, suspects)
        return [loss for loss in held if not self.consent.covers(loss)]

    def _is_new(self, suspect: Suspect) -> bool:
        """Whether an earlier step has created it, and all of its partitions."""
        target = suspect.target
        if target is None or suspect.is_foreign:
            return False
        if target.oid in self._existing:
            return (target.number or 0) > self._existing[target.oid]
        return not target.family & self._existing.keys()

    def _lock(self, suspects: Sequence[Suspect]) -> None:
        modes: dict[str, dict[QualifiedName, sql.Identifier]] = {}
        for suspect in suspects:
            if suspect.loss and suspect.target and suspect.target.is_lockable:
                mode = _MODES.get(suspect.loss.kind, "ACCESS EXCLUSIVE")
                modes.setdefault(mode, {})[suspect.target.name] = suspect.target.identifier
        for mode, tables in modes.items():
            names = sql.SQL(", ").join(tables.values())
            lock = sql.SQL("LOCK TABLE {} IN {} MODE").format(names, sql.SQL(mode))
            self.connection.execute(lock)


_MODES = dict.fromkeys(
    (LossKind.DELETED, LossKind.OVERWRITTEN, LossKind.ATTRIBUTE), "SHARE ROW EXCLUSIVE"
)
"""The lock that the statements take, or what keeps writers out until they do."""

_TABLES = """
SELECT FROM pg_class WHERE relkind IN ('r', 'm', 'f') AND oid >= 16384 AND relpersistence <> 't'
AND oid IS DISTINCT FROM to_regclass(%s) AND oid IS DISTINCT FROM to_regclass(%s) LIMIT 1
"""
"""Object ids from 16384 are not those of initdb."""

_EXISTING = """
SELECT oid::bigint, relnatts::int FROM pg_class
WHERE relkind IN ('r', 'p', 'm', 'f', 'S') AND relnamespace <> 'pg_catalog'::regnamespace
"""
