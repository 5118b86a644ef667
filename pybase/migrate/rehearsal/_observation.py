"""Observations of statements, as data: states before and after, locks, scans and rows."""

from collections.abc import Mapping
from functools import cached_property

import psycopg
from msgspec import Struct

from pybase.migrate.catalog import Relation, State
from pybase.migrate.rehearsal._plans import Change

_FEW = 10_000


class Rows(Struct, frozen=True):
    """How many rows of one table a statement wrote."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


class Scans(Struct, frozen=True):
    """How often a table or index was scanned, and how many rows or entries that returned."""

    number: int
    read: int


class Observation(Struct, frozen=True, dict=True):
    """What one statement did. Relations are named by oid.

    `locks` is the strongest rank in MODES that its transaction holds on each relation afterwards,
    `gained` what this statement itself added to that. `changes` is what its plan writes to; of
    code that has no plan, `rows` show it. `emptied` are the tables that hidden code left empty with
    a new file. It `is_of_python` where the statements of a revision are not known: it may have run
    any.
    """

    index: int
    sql: str
    transactional: bool
    before: State
    after: State
    locks: Mapping[int, int] = {}
    gained: Mapping[int, int] = {}
    scans: Mapping[int, Scans] = {}
    rows: Mapping[int, Rows] = {}
    notices: tuple[str, ...] = ()
    error: psycopg.Error | None = None
    changes: tuple[Change, ...] = ()
    is_of_python: bool = False
    emptied: frozenset[int] = frozenset()

    # Every rule needs these, of every statement: with hundreds of tables, compute them once.

    @cached_property
    def changed(self) -> tuple[tuple[int, Relation, Relation], ...]:
        """The relations that existed before and after, and are not the same."""
        after = self.after.relations
        return tuple(
            (oid, before, after[oid])
            for oid, before in self.before.relations.items()
            if oid in after and before is not after[oid] and before != after[oid]
        )

    @cached_property
    def dropped(self) -> tuple[tuple[int, Relation], ...]:
        """The relations that no longer exist."""
        after = self.after.relations
        return tuple(item for item in self.before.relations.items() if item[0] not in after)

    @cached_property
    def created(self) -> tuple[tuple[int, Relation], ...]:
        """The relations that did not exist before."""
        before = self.before.relations
        return tuple(item for item in self.after.relations.items() if item[0] not in before)

    def is_scanned(self, table: int) -> bool:
        """Whether a table, or one of its partitions, was read from end to end; no new one."""
        return bool(self.scans) and any(
            oid in self.scans or any(index in self.scans for index in self.after.indexes_of(oid))
            for oid in self.before.family(table)
        )

    def is_read_through(self, table: int) -> bool:
        """Whether a table was read otherwise than row by row, each by a unique key."""
        return any(
            not self._is_lookup(part, self.scans[part])
            for oid in self.before.family(table)
            for part in (oid, *self.before.indexes_of(oid))
            if part in self.scans
        )

    def _is_lookup(self, oid: int, scans: Scans) -> bool:
        """Whether each scan of a unique index found one row at most, and they were not many."""
        index = self.before.relations[oid].index
        is_few = scans.read <= scans.number <= _FEW
        return index is not None and index.is_unique and is_few

    def is_rewritten(self, oid: int) -> bool:
        """Whether a relation has another file than before the statement."""
        before, after = self.before.relations.get(oid), self.after.relations.get(oid)
        return bool(before and after and before.file and after.file and before.file != after.file)


class Run(Struct, frozen=True):
    """One direction of one revision on the scratch database, from `start` to `end`."""

    start: State
    end: State
    observations: tuple[Observation, ...]

    @property
    def error(self) -> psycopg.Error | None:
        """The error that ended it, if any."""
        errors = (observation.error for observation in self.observations)
        return next((error for error in errors if error), None)
