"""Snapshot of one of the two schemas that are compared, derived from the catalog.

Names are quoted and qualified, as the identities of `catalog` contain them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import Any

import psycopg
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from pybase.migrate import catalog
from pybase.migrate.catalog import CatalogObject, Relation
from pybase.migrate.sql.names import quote

_IDENTITIES = {"a": "ALWAYS", "d": "BY DEFAULT"}
_STORAGES = {"s": "STORED", "v": "VIRTUAL"}


class Column(Struct, frozen=True):
    """A column. `identity` is ALWAYS, BY DEFAULT or empty; `generated` the expression."""

    table: str
    name: str
    type: str
    base_type: str
    collation: str
    default: str
    identity: str
    generated: str
    storage: str
    required: bool
    sequence: str
    """The sequence that the column owns, qualified."""
    position: int
    is_local: bool

    @property
    def identity_key(self) -> str:
        """The column as `catalog` names it."""
        return f"column {self.table}.{self.name}"


class Uses(Struct, frozen=True):
    """What a constraint or an index uses: columns as (table, name), and an index of a key."""

    columns: frozenset[tuple[str, str]]
    index: str


class Side(Struct, frozen=True, dict=True):
    """All of a schema, by `catalog` identity, with its columns in parts."""

    objects: dict[str, CatalogObject]
    columns: dict[tuple[str, str], Column]
    uses: dict[str, Uses]
    labels: dict[str, tuple[str, ...]]
    partitions: frozenset[str]
    reflected: Mapping[str, sa.Table] = {}
    """Tables as SQLAlchemy reflects them, where a filter is asked about them."""
    needs: dict[str, frozenset[str]] = {}
    """What each object depends on, by identity."""

    @cached_property
    def definitions(self) -> dict[str, str]:
        """Identity -> definition, as a catalog snapshot has it."""
        return catalog.snapshot_of(self.objects.values())

    @cached_property
    def by_table(self) -> dict[str, list[CatalogObject]]:
        """Each table's own objects, by identity."""
        tables = defaultdict[str, list[CatalogObject]](list)
        for _, item in sorted(self.objects.items()):
            if item.table:
                tables[item.table].append(item)
        return tables

    def of(self, table: str, *kinds: str) -> list[CatalogObject]:
        """Return the objects of some kinds that belong to a table, by identity."""
        return [item for item in self.by_table.get(table, ()) if item.kind in kinds]

    def columns_of(self, table: str) -> list[Column]:
        """Return the columns of a table in their order."""
        columns = (column for (owner, _), column in self.columns.items() if owner == table)
        return sorted(columns, key=lambda column: column.position)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The names of all tables."""
        return frozenset(
            item.name for item in self.objects.values() if item.kind in ("table", "foreign table")
        )

    @cached_property
    def names(self) -> frozenset[str]:
        """The last part of each name, unquoted."""
        return frozenset(item.path[-1] for item in self.objects.values() if item.path)

    def users_of_type(self, type_name: str) -> Iterator[Column]:
        """Return the columns of a type, or of an array of it."""
        for column in self.columns.values():
            if column.base_type == type_name and column.table in self.tables:
                yield column


def read(connection: psycopg.Connection[Any], ignore_tables: Collection[str] = ()) -> Side:
    """Read a database. `ignore_tables` as in `catalog.snapshot`. Raises psycopg.Error."""
    objects = catalog.read_objects(connection, ignore_tables, keep_prepared=True)
    with catalog.fixed_settings(connection):
        state = catalog.read_state(connection)
        uses = catalog.read_column_uses(connection)
        needs = catalog.read_dependencies(connection, objects)
    return replace(_Parts(objects, state, uses).side(), needs=needs)


class _Parts:
    """What the objects of a schema consist of, found in its state by their oids."""

    def __init__(
        self,
        objects: Collection[CatalogObject],
        state: catalog.State,
        uses: Mapping[tuple[str, int, int], frozenset[tuple[int, int]]],
    ) -> None:
        self._objects = objects
        self._state = state
        self._uses = uses
        self._columns = {
            (item.table_oid, item.position): (item.table, constraint_name(item))
            for item in objects
            if item.kind == "column" and item.table and self._relation(item).kind in "rpf"
        }
        self._sequences = {
            key: item.name
            for item in objects
            if item.kind == "sequence"
            for key in uses.get(("pg_class", item.oid, 0), ())
        }

    def side(self) -> Side:
        columns = (self._column(oid, number) for oid, number in self._columns)
        types = self._state.types
        labels = {
            item.name: tuple(types[item.oid].labels.values())
            for item in self._objects
            if item.kind == "type" and item.oid in types
        }
        return Side(
            {item.identity: item for item in self._objects},
            {(column.table, column.name): column for column in columns},
            {item.identity: uses for item in self._objects for uses in self._uses_of(item)},
            {name: values for name, values in labels.items() if values},
            frozenset(
                item.name
                for item in self._objects
                if item.kind in ("table", "foreign table") and self._relation(item).is_partition
            ),
        )

    def _relation(self, item: CatalogObject) -> Relation:
        return self._state.relations[item.table_oid]

    def _column(self, oid: int, number: int) -> Column:
        table, name = self._columns[oid, number]
        column = self._state.relations[oid].columns[number]
        default = column.default or ""
        return Column(
            table=table,
            name=name,
            type=column.type,
            base_type=column.element_type or column.type,
            collation=column.collation,
            default="" if column.generated else default,
            identity=_IDENTITIES.get(column.identity, ""),
            generated=default if column.generated else "",
            storage=_STORAGES.get(column.generated, ""),
            required=column.is_required,
            sequence=self._sequences.get((oid, number), ""),
            position=number,
            is_local=column.is_local,
        )

    def _uses_of(self, item: CatalogObject) -> Iterator[Uses]:
        if item.kind not in _DEPENDENT or item.table is None:
            return
        relation, key = self._relation(item), (_DEPENDENT[item.kind], item.oid, item.position)
        column = relation.columns.get(item.position)  # the columns of an index are not read
        if item.kind != "column" or (column and column.generated):
            constraint = relation.constraints.get(item.oid) if item.kind == "constraint" else None
            index = self._state.relations.get(constraint.index_oid) if constraint else None
            columns = frozenset(self._name(*place) for place in self._uses.get(key, ()))
            yield Uses(columns, index.quoted if index else "")

    def _name(self, oid: int, number: int) -> tuple[str, str]:
        if (oid, number) in self._columns:
            return self._columns[oid, number]
        relation = self._state.relations[oid]  # a materialized view
        return relation.quoted, quote(relation.columns[number].name)


_DEPENDENT = {"index": "pg_class", "constraint": "pg_constraint", "column": "pg_attrdef"}
"""The system catalog under which `read_column_uses` has what a kind of object depends on."""


def constraint_name(item: CatalogObject) -> str:
    """Return the quoted name of a column, constraint, trigger or policy, without its table."""
    return item.name.removeprefix(f"{item.table}.")


_KINDS = {"p": "primary", "u": "unique", "c": "check", "f": "foreignkey", "x": "exclude"}


def constraint_kind(item: CatalogObject) -> str:
    """Return the kind of a constraint in Alembic's words; empty for anything else."""
    return _KINDS.get(item.subtype, "") if item.kind == "constraint" else ""
