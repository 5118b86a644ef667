"""The layout that models declare, as data: one entry a table, parents first."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.migrate.sql import QualifiedName

if TYPE_CHECKING:  # importing SQLAlchemy takes longer than the work of this module
    import sqlalchemy as sa


class TableLayout(Struct, frozen=True, omit_defaults=True):
    """A table that is spread: by the values of a column, or as a copy on every node."""

    table: QualifiedName
    column: str | None = None
    """The distribution column; None for a reference table."""
    colocated_with: QualifiedName | None = None
    """The table whose rows of the same value are on the same node; None begins a group."""


class _Info(Struct, forbid_unknown_fields=True):
    """What `info["citus"]` of a table holds."""

    distributed_by: str | None
    colocated_with: str | None = None


def declared(metadata: "Iterable[sa.MetaData]") -> tuple[TableLayout, ...]:
    """Return the layout that models declare; empty where they declare none.

    Raises UsageError for a declaration that cannot be read, and for one without an order.
    """
    tables = [table for models in metadata for table in models.tables.values()]
    layouts = {
        layout.table: layout
        for table in tables
        if "citus" in table.info
        for layout in [_layout(_name(table), table.info["citus"])]
    }
    _require_targets(layouts)
    parents = {name: set(_parents(layout)) for name, layout in layouts.items()}
    for table in tables if layouts else ():
        name = _name(table)
        if name in layouts:
            parents[name] |= set(_referred(table)) & layouts.keys() - {name}
    return tuple(layouts[name] for name in _parents_first(parents))


def _name(table: "sa.Table") -> QualifiedName:
    # as plain text: SQLAlchemy's names are of a type of its own
    return QualifiedName(f"{table.schema or 'public'}", f"{table.name}")


def _layout(table: QualifiedName, value: Any) -> TableLayout:
    try:
        info = msgspec.convert(value, _Info)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"The layout of the table {table.label} cannot be read: {error}.",
            'Write info={"citus": {"distributed_by": "COLUMN"}}, or None for a reference table.',
            code="invalid-layout",
        ) from None
    other = info.colocated_with
    schema, _, name = other.rpartition(".") if other else ("", "", "")
    target = QualifiedName(schema or table.schema, name) if name else None
    return TableLayout(table, info.distributed_by, target)


def _require_targets(layouts: Mapping[QualifiedName, TableLayout]) -> None:
    """Require that what a table is colocated with begins or joins a group of rows itself."""
    for layout in layouts.values():
        other = layout.colocated_with
        if other is not None and (layout.column is None or _column(layouts.get(other)) is None):
            raise UsageError(
                f"The table {layout.table.label} is declared colocated with {other.label}, and "
                f"only distributed tables can be colocated.",
                "Declare both as distributed, or leave colocated_with out.",
                code="invalid-colocation",
            )


def _column(layout: TableLayout | None) -> str | None:
    return layout.column if layout else None


def _parents(layout: TableLayout) -> Iterator[QualifiedName]:
    if layout.colocated_with is not None:
        yield layout.colocated_with


def _referred(table: "sa.Table") -> Iterator[QualifiedName]:
    """Yield the tables that the foreign keys of a table refer to."""
    for key in table.foreign_keys:
        name, _, _ = key.target_fullname.rpartition(".")
        schema, _, table_name = name.rpartition(".")
        yield QualifiedName(schema or "public", table_name)


def _parents_first(parents: Mapping[QualifiedName, set[QualifiedName]]) -> Iterator[QualifiedName]:
    """Yield every table after those that it needs, else by name."""
    sorter = TopologicalSorter(parents)
    try:
        sorter.prepare()
    except CycleError as error:
        names = ", ".join(sorted({name.label for name in error.args[1]}))
        raise UsageError(
            f"The tables {names} need each other by foreign keys or colocation, and Citus can "
            "distribute a table only after those that it refers to.",
            "Leave one of these foreign keys out, or the layout of these tables.",
            code="layout-cycle",
        ) from None
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        yield from ready
        sorter.done(*ready)
