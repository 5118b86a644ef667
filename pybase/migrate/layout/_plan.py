"""The plan of a distribution: what is in one transaction, what can be done while others write."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from pybase.migrate.layout._declared import TableLayout
from pybase.migrate.layout._observed import ObservedSchema, ObservedTable, Placement
from pybase.migrate.sql import QualifiedName


class Distribution(Struct, frozen=True):
    """What brings a database to a layout."""

    together: tuple[TableLayout, ...]
    """Distributed in one transaction, so that no foreign key has one side on the coordinator."""
    concurrent: tuple[TableLayout, ...]
    """With rows and without foreign keys: distributed one by one, without blocking writes."""
    leftovers: tuple[QualifiedName, ...]
    """Tables whose rows were copied to the shards, and are still on the coordinator too."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.together or self.concurrent or self.leftovers)


def plan(layouts: Sequence[TableLayout], schema: ObservedSchema) -> Distribution:
    """Plan the way of a database with Citus to a layout; tables that do not exist are left out."""
    tables = {table.table: table for table in schema.tables}
    missing = [
        layout
        for layout in layouts
        if layout.table in tables and not _is_spread(tables[layout.table])
    ]
    tied = _linked(schema) | {layout.colocated_with for layout in missing}
    concurrent = tuple(
        layout
        for layout in missing
        if layout.table not in tied and _gains_by_concurrency(layout, tables[layout.table])
    )
    together = tuple(layout for layout in missing if layout not in concurrent)
    return Distribution(together, concurrent, tuple(_leftovers(layouts, tables)))


def _is_spread(table: ObservedTable) -> bool:
    return table.placement is not None and table.placement.kind != "local"


def _gains_by_concurrency(layout: TableLayout, table: ObservedTable) -> bool:
    return layout.column is not None and table.has_rows and table.has_primary_key


def _linked(schema: ObservedSchema) -> set[QualifiedName]:
    """Return the tables that have a foreign key, or that one refers to."""
    return {name for link in schema.links for name in (link.source, link.target)}


def _leftovers(
    layouts: Sequence[TableLayout], tables: Mapping[QualifiedName, ObservedTable]
) -> Iterator[QualifiedName]:
    for layout in layouts:
        table = tables.get(layout.table)
        if table is not None and table.placement is not None and table.placement.local_bytes:
            yield layout.table


def differences(layouts: Sequence[TableLayout], schema: ObservedSchema) -> list[str]:
    """Return what is spread in another way than declared, a sentence each.

    What is not spread yet is none: `plan` has it.
    """
    placements = {table.table: table.placement for table in schema.tables if table.placement}
    linked = _linked(schema)
    found = (_difference(layout, placements, linked) for layout in layouts)
    return [sentence for sentence in found if sentence]


def _difference(
    layout: TableLayout, placements: Mapping[QualifiedName, Placement], linked: set[QualifiedName]
) -> str:
    placement, other = placements.get(layout.table), layout.colocated_with
    label = layout.table.label
    if placement is None:
        return ""
    if placement.kind == "local":
        if layout.column is None or layout.table not in linked:
            return ""
        return f"{label} is a local table that Citus manages, with foreign keys"
    if (placement.kind, placement.column) != _declared(layout):
        return f"{label} is {_shown(placement)}, and declared as {_words(layout)}"
    if other is not None and other in placements and placements[other].group != placement.group:
        return f"{label} is not colocated with {other.label}"
    return ""


def _declared(layout: TableLayout) -> tuple[str, str | None]:
    return ("reference" if layout.column is None else "distributed", layout.column)


def _shown(placement: Placement) -> str:
    return f"{placement.kind} by {placement.column}" if placement.column else placement.kind


def _words(layout: TableLayout) -> str:
    kind, column = _declared(layout)
    return f"{kind} by {column}" if column else kind
