"""What Citus refuses of a layout, by the name of the constraint in the way.

The rules are those of Citus 13.2, which enforces them only when a table is distributed. They hold
for a database without Citus too: `check` applies them to the schema at head.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from pybase.migrate.layout._declared import TableLayout
from pybase.migrate.layout._observed import Link, ObservedSchema, ObservedTable
from pybase.migrate.sql import QualifiedName

_Layouts: TypeAlias = Mapping[QualifiedName, TableLayout]


class Obstacle(Struct, frozen=True):
    """A constraint, column or trigger that keeps a table from being spread as declared."""

    table: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.table}: {self.name} {self.reason}"


def obstacles(layouts: Sequence[TableLayout], schema: ObservedSchema) -> list[Obstacle]:
    """Return what Citus would refuse: tables in the order of the layout, then foreign keys."""
    by_name = {layout.table: layout for layout in layouts}
    tables = {table.table: table for table in schema.tables}
    present = [layout for layout in layouts if layout.table in tables]
    of_tables = [
        Obstacle(layout.table.label, name, reason)
        for layout in present
        for name, reason in _of_table(layout, tables[layout.table])
    ]
    of_columns = [
        Obstacle(layout.table.label, str(layout.column), reason)
        for layout in present
        for reason in _of_column(layout, by_name, tables)
    ]
    of_links = [
        Obstacle(link.source.label, link.name, reason)
        for link in schema.links
        for reason in _of_link(link, by_name)
    ]
    return [*of_tables, *of_columns, *of_links]


def _of_table(layout: TableLayout, table: ObservedTable) -> Iterator[tuple[str, str]]:
    """Yield the triggers, and the keys that no node can enforce, with the reason."""
    for trigger in table.triggers:
        yield trigger, "is a trigger, and Citus has none on a reference or distributed table."
    for key in table.keys:
        if layout.column is not None and layout.column not in key.columns:
            yield (
                key.name,
                (
                    f"does not contain {layout.column}, the distribution column: a node can find a "
                    "duplicate only among its own rows."
                ),
            )


def _of_column(
    layout: TableLayout, layouts: _Layouts, tables: Mapping[QualifiedName, ObservedTable]
) -> Iterator[str]:
    """Yield why the rows cannot be distributed by the declared column."""
    type_ = tables[layout.table].columns.get(layout.column or "")
    if layout.column is not None and type_ is None:
        yield "is declared as the distribution column, and does not exist."
    first = layouts.get(_group(layout.table, layouts))
    if type_ is None or first is None or first.table not in tables:
        return
    other = tables[first.table].columns.get(first.column or "")
    if other is not None and other != type_:
        yield f"is {type_}, and {first.column} of {first.table.label}, its group, is {other}."


def _group(name: QualifiedName, layouts: _Layouts) -> QualifiedName:
    """Return the table that begins the group of a table."""
    while (layout := layouts.get(name)) is not None and layout.colocated_with is not None:
        name = layout.colocated_with
    return name


# --- foreign keys ---------------------------------------------------------------------------------


class _Case(Struct, frozen=True):
    """A foreign key with the layouts of both sides; a column is None for a reference table."""

    link: Link
    undeclared: str
    column: str | None
    target_column: str | None
    is_colocated: bool

    @property
    def is_distributed(self) -> bool:
        """Whether both sides are."""
        return self.column is not None and self.target_column is not None

    @property
    def is_by_column(self) -> bool:
        """Whether both sides have their distribution column at the same place."""
        pairs = zip(self.link.columns, self.link.target_columns, strict=True)
        return any(pair == (self.column, self.target_column) for pair in pairs)

    @property
    def has_action(self) -> bool:
        """Whether it sets its columns itself."""
        return self.link.on_delete in "nd" or self.link.on_update in "ndc"


def _of_link(link: Link, layouts: _Layouts) -> Iterator[str]:
    """Yield the first rule that a foreign key breaks."""
    source, target = layouts.get(link.source), layouts.get(link.target)
    undeclared = link.source.label if source is None else link.target.label
    case = _Case(
        link,
        undeclared if source is None or target is None else "",
        source.column if source else None,
        target.column if target else None,
        _group(link.source, layouts) == _group(link.target, layouts),
    )
    for is_broken, reason in _LINK_RULES:
        if is_broken(case):
            yield reason.format(
                source=link.source.label,
                target=link.target.label,
                undeclared=case.undeclared,
                column=case.column,
                target_column=case.target_column,
            )
            return


_LINK_RULES: tuple[tuple[Callable[[_Case], bool], str], ...] = (
    (
        lambda case: bool(case.undeclared),
        "refers to {target}, and {undeclared} declares no layout: the rows of a local table are "
        "on one node, and its foreign keys are checked only there.",
    ),
    (
        lambda case: case.column is None and case.target_column is not None,
        "refers to the distributed table {target}: {source} is on every node, and a row of "
        "{target} on one.",
    ),
    (
        lambda case: case.is_distributed and not case.is_colocated,
        "refers to {target}, which is not colocated with {source}: the two rows may be on two "
        "nodes.",
    ),
    (
        lambda case: case.is_distributed and not case.is_by_column,
        "does not join {column} with {target_column} of {target}, the distribution columns: the "
        "two rows may be on two nodes.",
    ),
    (
        lambda case: case.has_action and case.column in case.link.columns,
        "would set {column}, the distribution column, by ON DELETE SET NULL, SET DEFAULT or ON "
        "UPDATE: a row cannot move to another node.",
    ),
)
