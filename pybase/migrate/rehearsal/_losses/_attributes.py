"""Columns whose values lose an attribute of their type."""

from collections.abc import Iterator

from pybase.migrate.catalog import Column, State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._losses._names import lost_columns
from pybase.migrate.sql import quote


def lost_attributes(start: State, end: State) -> Iterator[Loss]:
    """Yield the columns of tables with values of a composite type that has lost an attribute.

    The values that count are known where the column is of the type itself, not an array of it.
    """
    for oid, composite in start.relations.items():
        names = sorted(lost_columns(start, end, oid)) if composite.kind == "c" else ()
        if not names:
            continue
        holders = _holders(start, composite.row_type)
        for key, table in start.relations.items():
            after = end.relations.get(key)
            if table.kind not in "rpm" or after is None or table.parent in start.relations:
                continue
            for column in table.columns.values():
                if column.is_dropped or not _holds(start, column, holders):
                    continue
                is_direct = column.type_oid == composite.row_type
                rows = (_rows(column.name, name) if is_direct else "" for name in names)
                for condition in rows:
                    kind = LossKind.ATTRIBUTE
                    yield Loss(table.qualified_name, column.name, kind, condition)


def _rows(column: str, attribute: str) -> str:
    return f"AS t WHERE (t.{quote(column)}).{quote(attribute)} IS NOT NULL"


def _holders(state: State, row_type: int) -> set[int]:
    """Return a composite type, with the domains over it and all that have an attribute of it."""
    types = {row_type}
    composites = [item for item in state.relations.values() if item.kind == "c"]
    while True:
        more = {oid for oid, item in state.types.items() if item.base in types} | {
            item.row_type
            for item in composites
            if any(_holds(state, column, types) for column in item.columns.values())
        }
        if more <= types:
            return types
        types |= more


def _holds(state: State, column: Column, row_types: set[int]) -> bool:
    """Whether values of a column are of one of some types, or arrays of it."""
    if column.type_oid in row_types:
        return True
    types = (item for oid, item in state.types.items() if oid in row_types)
    names = {name for item in types for name in (item.quoted, quote(item.name))}
    return column.element_type in names
