"""Suspects: what a step may destroy of this database, before it is known whether it holds data."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from pybase.migrate.deploy._losses._cascade import find_dependents
from pybase.migrate.deploy._losses._content import Reader, content
from pybase.migrate.deploy._losses._names import Names
from pybase.migrate.deploy._losses._targets import Target, find_references, find_targets
from pybase.migrate.deploy._plan import Step
from pybase.migrate.record import Finding, Loss, LossKind, Record, TableColumn

_ACCEPTED_BY: Mapping[LossKind, frozenset[str]] = {
    LossKind.DROPPED: frozenset({"drops-table", "drops-column", "drops-view", "drops-sequence"}),
    LossKind.CONDITIONAL: frozenset(),
    LossKind.EMPTIED: frozenset({"truncates"}),
    LossKind.EMPTIED_CASCADE: frozenset({"truncates"}),
    LossKind.CONVERTED: frozenset(),
    LossKind.ATTRIBUTE: frozenset({"drops-attribute"}),
    LossKind.UNKNOWN: frozenset(),
}
"""The hazards whose acceptance, with a reason, is the consent of an upgrade's reviewers.

What an upgrade deletes or overwrites row by row is its purpose, which they have read.
"""


class Suspect(Struct, frozen=True):
    """What may be lost with a table or column; without these, `reason` is why that is unknown."""

    label: str
    loss: Loss | None = None
    target: Target | None = None
    reason: str = "unknown: it is not there"
    now: str = ""
    """The present name, where an earlier step changes it."""
    is_foreign: bool = False
    """Whether no revision created it."""

    def content(self, reader: Reader) -> str:
        """Return what is lost; an empty text where it is known that nothing is."""
        if self.loss is None or self.target is None:
            return self.reason
        return content(reader, self.target, self.loss)


def open_losses(step: Step) -> tuple[Loss, ...]:
    """Return the losses of a step; of an upgrade, what it drops without an acceptance."""
    losses = step.effects.losses
    if not step.direction.is_upgrade:
        return losses
    return tuple(
        loss for loss in losses if loss.kind in _ACCEPTED_BY and not _is_accepted(step, loss)
    )


def _is_accepted(step: Step, loss: Loss) -> bool:
    """Whether the findings about it are accepted; one of an attribute is about its type."""
    record: Record = step.record
    findings = [
        finding
        for finding in step.effects.findings
        if finding.code in _ACCEPTED_BY[loss.kind]
        and (loss.kind is LossKind.ATTRIBUTE or _place(finding) == loss.place)
    ]
    return bool(findings) and all(
        record.reason_for(finding, step.direction) is not None for finding in findings
    )


def _place(finding: Finding) -> TableColumn | None:
    return TableColumn(finding.relation, finding.detail) if finding.relation else None


def find_suspects(
    connection: psycopg.Connection[Any], step: Step, names: Names
) -> Iterator[Suspect]:
    """Yield what a step may destroy, by the names that its tables and columns have now."""
    losses = open_losses(step)
    dropped = {loss.place for loss in step.effects.losses if loss.kind is LossKind.DROPPED}
    origins = {loss: names.origin(loss.place) for loss in losses}
    targets = find_targets(connection, [place for place in origins.values() if place])
    for loss, origin in origins.items():
        if loss.kind is LossKind.UNKNOWN:
            yield Suspect(loss.label, reason="unknown: it depends on the database")
        elif origin is not None and not (loss.column and TableColumn(loss.table) in dropped):
            yield from _resolved(connection, loss, origin, targets.get(origin, ()))
    yield from _cascading(connection, step, names)


def _resolved(
    connection: psycopg.Connection[Any],
    loss: Loss,
    origin: TableColumn,
    targets: Sequence[Target],
) -> Iterator[Suspect]:
    """Yield the tables that a name means: one that lacks the column only where all lack it."""
    now = "" if origin == loss.place else origin.label
    present = Loss(origin.table, origin.column, loss.kind, loss.rows)
    meant = [target for target in targets if target.number is not None]
    if not meant and loss.kind is not LossKind.CONDITIONAL:
        yield Suspect(loss.label, now=now)
    for target in meant:
        yield Suspect(loss.label, present, target, now=now)
        if loss.kind is LossKind.EMPTIED_CASCADE:
            references = map(TableColumn, find_references(connection, target))
            yield from _tables(connection, [*references], LossKind.EMPTIED)


def _cascading(connection: psycopg.Connection[Any], step: Step, names: Names) -> Iterator[Suspect]:
    """Yield what a CASCADE takes along and no revision created."""
    if not step.effects.cascade:
        return
    dependents = [*find_dependents(connection, step.effects.cascade, names)]
    for item in dependents:
        if item.place is None:
            reason = "dropped by CASCADE; no revision created it"
            yield Suspect(item.description, reason=reason)
    places = [item.place for item in dependents if item.place]
    for suspect in _tables(connection, places, LossKind.DROPPED):
        yield replace(suspect, is_foreign=True)


def _tables(
    connection: psycopg.Connection[Any], places: Sequence[TableColumn], kind: LossKind
) -> Iterator[Suspect]:
    for place, targets in find_targets(connection, places).items():
        loss = Loss(place.table, place.column, kind)
        exact = [target for target in targets if target.name == place.table]
        yield from (Suspect(loss.label, loss, target) for target in exact)
