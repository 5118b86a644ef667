"""Tables, columns and sequences that a state lacks or has under another name, by object id."""

from collections.abc import Iterator

from pybase.migrate.catalog import Relation, State
from pybase.migrate.record import Rename, TableColumn
from pybase.migrate.rehearsal._rules import Case


def _has_data(relation: Relation) -> bool:
    """Whether it shows rows, those of a foreign table too, or a position of its own."""
    return relation.kind in "rpfm" or (relation.kind == "S" and not relation.is_owned)


def lost(start: State, end: State) -> Iterator[TableColumn]:
    """Yield the tables and columns that are dropped with what they store."""
    relations = {table.qualified_name: table for table in start.relations.values()}
    for place in dropped(start, end):
        table = relations[place.table]
        numbers = [n for n, column in table.columns.items() if column.name == place.column]
        if table.kind != "f" and all(map(table.stores, numbers)):
            yield place


def dropped(start: State, end: State) -> Iterator[TableColumn]:
    """Yield the tables, columns and sequences that are dropped; those of children on their own.

    A materialized view that is created again is computed from the same rows.
    """
    views = {item.qualified_name for item in end.relations.values() if item.kind == "m"}
    for oid, table in start.relations.items():
        after = end.relations.get(oid)
        if after is table or not _has_data(table):
            continue
        if after is None:
            is_with_parent = table.parent in start.relations and table.parent not in end.relations
            if not is_with_parent and not (table.kind == "m" and table.qualified_name in views):
                yield TableColumn(table.qualified_name)
        else:
            inherited = lost_columns(start, end, table.parent)
            for name in sorted(lost_columns(start, end, oid) - inherited):
                yield TableColumn(table.qualified_name, name)


def lost_columns(start: State, end: State, oid: int) -> frozenset[str]:
    """Return the columns of a relation that only the start has, while the relation stays."""
    before, after = start.relations.get(oid), end.relations.get(oid)
    if before is None or after is None:
        return frozenset()
    return frozenset(
        column.name
        for number, column in before.columns.items()
        if not column.is_dropped
        and (number not in after.columns or after.columns[number].is_dropped)
    )


def created(case: Case) -> tuple[TableColumn, ...]:
    """Return the tables and columns that only the end has."""
    return tuple(sorted(dropped(case.run.end, case.run.start)))


def renames(case: Case) -> tuple[Rename, ...]:
    """Return the tables, and the columns of tables, that have another name at the end."""
    end = case.run.end.relations
    found = []
    for oid, before in case.run.start.relations.items():
        after = end.get(oid, before)
        if before is after or not _has_data(before):
            continue
        old, new = before.qualified_name, after.qualified_name
        if old != new:
            found.append(Rename(TableColumn(old), TableColumn(new)))
        for number, column in after.columns.items():
            former = before.columns.get(number, column).name
            if former != column.name and not column.is_dropped:
                found.append(Rename(TableColumn(old, former), TableColumn(new, column.name)))
    return tuple(sorted(found))
