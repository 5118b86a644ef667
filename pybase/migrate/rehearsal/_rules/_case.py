"""Input of the rules: one direction of one revision."""

from collections.abc import Iterator

from msgspec import Struct

from pybase.migrate.catalog import Access, Relation, Snapshot, State
from pybase.migrate.record import Finding, Script
from pybase.migrate.rehearsal._observation import Observation, Run
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.lock_modes import SHARE


class Case(Struct, frozen=True):
    """A run, and what the rules have to know about it.

    `known` is the state before the upgrade, for a downgrade too: what the upgrade created, it may
    drop. `upgrade` is, for a downgrade, the run that it reverts, and `leftovers` what it failed to
    restore. `access` and `snapshots` are those before and after an upgrade; None where nothing
    changed.
    """

    run: Run
    script: Script
    known: State
    upgrade: Run | None = None
    leftovers: str = ""
    access: tuple[Access, Access] | None = None
    snapshots: tuple[Snapshot, Snapshot] | None = None
    small_tables: frozenset[str] = frozenset()

    @property
    def is_upgrade(self) -> bool:
        """Whether it is the upgrade."""
        return self.upgrade is None

    @property
    def observations(self) -> tuple[Observation, ...]:
        """The observations of the revision's own statements, not of the version table's."""
        skipped = self.script.bookkeeping
        return tuple(item for item in self.run.observations if item.sql not in skipped)

    def is_known(self, oid: int) -> bool:
        """Whether the relation existed before the revision."""
        return oid in self.known.relations

    def is_known_table(self, oid: int) -> bool:
        """Whether the relation is a table that existed before the revision."""
        return oid in self.known.relations and self.known.relations[oid].is_table

    def is_awaited(self, oid: int) -> bool:
        """Whether it is a known table that, under its name, the revision does not drop."""
        if not self.is_known_table(oid):
            return False
        names = (item.qualified_name for item in self.run.end.relations.values())
        return oid in self.run.end.relations or self.known.relations[oid].qualified_name in names

    def finding(self, observation: Observation, code: str, oid: int, detail: str = "") -> Finding:
        """Return a finding about a relation, under the name that the statement used."""
        return Finding(observation.index, code, self.named(oid, observation), detail)

    def named(self, oid: int, observation: Observation) -> QualifiedName:
        """Return the name of a relation; its parent's where the statement locked that too."""
        relation = self.known.relations[oid]
        if relation.parent in self.known.relations:
            if observation.locks.get(relation.parent, -1) >= SHARE:
                return self.named(relation.parent, observation)
        return relation.qualified_name

    def part(self, table: int, name: str) -> str:
        """Return the name of an index or constraint of a table; partitions have their own."""
        relation = self.known.relations[table]
        return name if relation.kind == "r" and not relation.is_partition else ""


def dropped(observation: Observation, kinds: str) -> Iterator[tuple[int, Relation]]:
    """Return the relations of some kinds that the statement dropped."""
    return ((oid, before) for oid, before in observation.dropped if before.kind in kinds)


def created(observation: Observation, kinds: str) -> Iterator[tuple[int, Relation]]:
    """Return the relations of some kinds that the statement created."""
    return ((oid, after) for oid, after in observation.created if after.kind in kinds)


def retyped(observation: Observation) -> set[int]:
    """Return the tables of which a column got another type or collation."""
    return {
        oid
        for oid, before, after in observation.changed
        if before.is_table
        for number, old in before.columns.items()
        if number in after.columns
        and not after.columns[number].is_dropped
        and (old.type, old.collation)
        != (after.columns[number].type, after.columns[number].collation)
    }
