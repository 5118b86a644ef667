"""Model of a schema by oid: an object that is renamed remains the same object."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct

from pybase.migrate.sql.names import QualifiedName

FIRST_USER_OID = 16384
"""PostgreSQL's FirstNormalObjectId: objects below it belong to the server itself."""


class Column(NamedTuple):
    """A row of pg_attribute. `type` is format_type(); `default` also a generation expression.

    `identity` and `generated` are the letters of pg_attribute, or empty.
    """

    name: str
    is_dropped: bool
    type: str
    type_oid: int
    element_type: str | None
    """The type of an element, without a modifier, where it is not `type`."""
    collation: str
    """Where it is not the type's own."""
    is_required: bool
    is_nullable: bool
    """Neither the column nor its domain refuses null."""
    default: str | None
    type_default: str | None
    identity: str
    generated: str
    is_local: bool
    """Whether it is declared by the table itself and not only inherited."""


class Constraint(NamedTuple):
    """A row of pg_constraint; `kind` is contype: c, f, p, u, x or, since PostgreSQL 18, n."""

    name: str
    kind: str
    is_valid: bool
    index_oid: int
    references: int
    columns: tuple[int, ...]
    referenced_columns: tuple[int, ...]
    is_match_full: bool
    is_copy: bool
    """Whether it exists because of a constraint of another table, as in partitions."""
    definition: str


class Index(NamedTuple):
    """A row of pg_index; a column number of 0 is an expression, INCLUDE columns come last."""

    table: int
    columns: tuple[int, ...]
    key_length: int
    is_primary: bool
    is_unique: bool
    """Whether it guarantees that all rows of the table differ: valid, without a predicate."""
    is_key: bool
    """Whether it guarantees that of those rows that fit its predicate, if it has one."""
    is_immediate: bool
    """Whether it is checked row by row: ON CONFLICT cannot use a deferrable one."""
    expressions: str | None
    predicate: str | None


class Relation(QualifiedName, frozen=True):
    """A table, view, index, sequence or composite type."""

    schema_oid: int
    kind: str
    file: int | None
    parents: tuple[int, ...]
    is_partition: bool
    is_extension_member: bool
    is_populated: bool
    """False for a materialized view that the server refuses to read."""
    is_owned: bool
    """Whether it is the sequence of a column, from whose values its position can be found again."""
    row_type: int
    index: Index | None
    columns: Mapping[int, Column]
    constraints: Mapping[int, Constraint]
    triggers: Mapping[int, str]

    @property
    def parent(self) -> int:
        """The first table that it inherits from, or is a partition of, else 0."""
        return self.parents[0] if self.parents else 0

    @property
    def is_table(self) -> bool:
        """Whether rows are stored in it, or in its partitions."""
        return self.kind in "rpmf"

    def stores(self, number: int) -> bool:
        """Whether the values of a column are stored: not those of foreign or virtual ones."""
        return self.kind != "f" and self.columns[number].generated != "v"

    @property
    def table(self) -> int:
        """The table that an index is on, else 0."""
        return self.index.table if self.index else 0


class Type(QualifiedName, frozen=True):
    """An enum, domain, range or composite type with its enum labels by oid.

    `base` is what a domain is over, or the type of its elements where that is an array; else 0.
    """

    kind: str
    base: int
    labels: Mapping[int, str]
    constraints: Mapping[int, bool]


class Function(QualifiedName, frozen=True):
    """A function or procedure."""

    arguments: str
    is_trigger: bool
    result: str | None
    required_arguments: int
    """How many have no default."""


def _grouped(pairs: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for key, oid in pairs:
        groups[key].append(oid)
    return groups


class State(Struct, frozen=True, dict=True):
    """All that a revision may change, at one moment; by oid, in the order of creation."""

    relations: Mapping[int, Relation]
    schemas: Mapping[int, str]
    types: Mapping[int, Type]
    functions: Mapping[int, Function]
    extensions: Mapping[int, str]
    without_identity: frozenset[int]
    """Published tables without a replica identity: UPDATE and DELETE of them fail."""
    replication_role: str
    search_path: tuple[str, ...]
    """The schemas where a name without one is looked for."""

    def table_of(self, oid: int) -> int:
        """Return the table to which an index belongs; any other relation is its own."""
        relation = self.relations.get(oid)
        return relation.table if relation is not None and relation.table else oid

    def indexes_of(self, table: int) -> Iterable[int]:
        """Return the indexes of a table."""
        return self._indexes.get(table, ())

    def family(self, table: int) -> Iterator[int]:
        """Return a table with all of its partitions."""
        yield table
        for child in self._partitions.get(table, ()):
            yield from self.family(child)

    @cached_property
    def _indexes(self) -> Mapping[int, list[int]]:
        return _grouped((item.table, oid) for oid, item in self.relations.items())

    @cached_property
    def _partitions(self) -> Mapping[int, list[int]]:
        return _grouped((item.parent, oid) for oid, item in self.relations.items())
