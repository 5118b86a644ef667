"""What the rules look at: one direction of one revision."""

from collections.abc import Iterator
from dataclasses import dataclass

from pybase.migrate.catalog._state import Relation, State
from pybase.migrate.record import Finding, Script
from pybase.migrate.rehearsal._observer import Observation, Run
from pybase.migrate.sql._lock_modes import SHARE
from pybase.migrate.sql._names import QualifiedName


@dataclass(frozen=True)
class Case:
    """A run, and what has to be known to judge it.

    `known` is the state before the upgrade, for a downgrade too: what the upgrade made is its own
    to take away. `upgrade` is, for a downgrade, the run that it undoes. `trace` tells what a
    downgrade failed to restore, `changed` whether the upgrade changed the catalog.
    """

    run: Run
    script: Script
    known: State
    upgrade: Run | None = None
    trace: str = ""
    changed: bool = True
    small_tables: frozenset[str] = frozenset()

    @property
    def is_upgrade(self) -> bool:
        """Whether it is the way up."""
        return self.upgrade is None

    @property
    def observations(self) -> tuple[Observation, ...]:
        """What was seen of the revision's own statements, without those of the version table."""
        skipped = self.script.bookkeeping
        return tuple(seen for seen in self.run.observations if seen.sql not in skipped)

    def is_known(self, oid: int) -> bool:
        """Whether the relation was there before the revision."""
        return oid in self.known.relations

    def finding(self, seen: Observation, code: str, oid: int, detail: str = "") -> Finding:
        """Return a finding about a relation, under the name that the statement gave it."""
        return Finding(seen.index, code, self.named(oid, seen), detail)

    def named(self, oid: int, seen: Observation) -> QualifiedName:
        """Name a relation; a partition goes by its parent where the statement went through that."""
        relation = self.known.relations[oid]
        if relation.parent in self.known.relations:
            if seen.locks.get(relation.parent, -1) >= SHARE:
                return self.named(relation.parent, seen)
        return relation.qualified_name


def family(state: State, oid: int) -> Iterator[int]:
    """Return a table with all of its partitions."""
    yield oid
    for child, relation in state.relations.items():
        if relation.parent == oid:
            yield from family(state, child)


def is_scanned(seen: Observation, oid: int) -> bool:
    """Whether the statement read the whole of a table, or of one of its partitions."""
    scans = seen.scans
    return bool(scans) and any(
        each in scans or any(index in scans for index in _indexes(seen.after, each))
        for each in family(seen.after, oid)
    )


def _indexes(state: State, table: int) -> Iterator[int]:
    return (oid for oid, relation in state.relations.items() if relation.table == table)


def is_rewritten(seen: Observation, oid: int) -> bool:
    """Whether the table has another file than before the statement."""
    before, after = seen.before.relations.get(oid), seen.after.relations.get(oid)
    return bool(before and after and before.file and after.file and before.file != after.file)


def changed(seen: Observation) -> Iterator[tuple[int, Relation, Relation]]:
    """Return the relations that were there before and after the statement, and are not the same."""
    yield from seen.changed


def gone(seen: Observation, kinds: str) -> Iterator[tuple[int, Relation]]:
    """Return the relations of some kinds that the statement made disappear."""
    return ((oid, before) for oid, before in seen.gone if before.kind in kinds)


def made(seen: Observation, kinds: str) -> Iterator[tuple[int, Relation]]:
    """Return the relations of some kinds that the statement made."""
    return ((oid, after) for oid, after in seen.made if after.kind in kinds)
