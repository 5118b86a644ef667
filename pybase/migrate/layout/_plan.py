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
    linked = {name for link in schema.links for name in (link.source, link.target)}
    needed = {layout.colocated_with for layout in missing}
    concurrent = tuple(
        layout
        for layout in missing
        if layout.column is not None
        and tables[layout.table].has_rows
        and tables[layout.table].has_primary_key
        and layout.table not in linked | needed
    )
    together = tuple(layout for layout in missing if layout not in concurrent)
    return Distribution(together, concurrent, tuple(_leftovers(layouts, tables)))


def _is_spread(table: ObservedTable) -> bool:
    return table.placement is not None and table.placement.kind != "local"


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
    tables = {table.table: table for table in schema.tables}
    groups = {name: table.placement.group for name, table in tables.items() if table.placement}
    linked = {name for link in schema.links for name in (link.source, link.target)}
    found: list[str] = []
    for layout in layouts:
        table = tables.get(layout.table)
        if table is None or table.placement is None:
            continue
        placement, label = table.placement, layout.table.label
        other = layout.colocated_with
        if placement.kind == "local":
            if layout.column is not None and layout.table in linked:
                found.append(f"{label} is a local table that Citus manages, with foreign keys")
        elif (placement.kind, placement.column) != _declared(layout):
            found.append(f"{label} is {_shown(placement)}, and declared as {_words(layout)}")
        elif other is not None and groups.get(other, placement.group) != placement.group:
            found.append(f"{label} is not colocated with {other.label}")
    return found


def _declared(layout: TableLayout) -> tuple[str, str | None]:
    return ("reference" if layout.column is None else "distributed", layout.column)


def _shown(placement: Placement) -> str:
    return f"{placement.kind} by {placement.column}" if placement.column else placement.kind


def _words(layout: TableLayout) -> str:
    kind, column = _declared(layout)
    return f"{kind} by {column}" if column else kind
