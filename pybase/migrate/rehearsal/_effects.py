"""What was done to each table, and which tables and columns only one of two states has."""

from pybase.migrate.catalog import State
from pybase.migrate.record import TableColumn, TableEffect
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules import Case
from pybase.migrate.sql import LOCKS, RANKS, QualifiedName
from pybase.migrate.sql.lock_modes import ROW_EXCLUSIVE


def table_effects(case: Case) -> tuple[TableEffect, ...]:
    """Return what was done to each known table, the strongest lock first."""
    effects: dict[QualifiedName, TableEffect] = {}
    for observation in case.observations:
        for oid, rank in observation.locks.items():
            if case.is_known(oid) and case.known.relations[oid].is_table:
                name = case.named(oid, observation)
                effect = _table_effect(observation, oid, name, rank)
                effects[name] = _merged(effects.get(name, effect), effect)
    kept = [
        effect for effect in effects.values() if effect.rank > ROW_EXCLUSIVE or effect.is_changed
    ]
    return tuple(sorted(kept, key=lambda effect: (-effect.rank, effect.table.label)))


def _table_effect(
    observation: Observation, oid: int, name: QualifiedName, rank: int
) -> TableEffect:
    return TableEffect(
        name,
        LOCKS[rank][0],
        observation.is_rewritten(oid),
        observation.is_scanned(oid),
        observation.gained.get(oid) == ROW_EXCLUSIVE or oid in observation.rows,
    )


def _merged(one: TableEffect, other: TableEffect) -> TableEffect:
    return TableEffect(
        one.table,
        max(one.lock, other.lock, key=RANKS.__getitem__),
        one.is_rewritten or other.is_rewritten,
        one.is_scanned or other.is_scanned,
        one.is_changed or other.is_changed,
    )


def only_in_first(first: State, second: State) -> tuple[TableColumn, ...]:
    """Return the tables, and the columns of common tables, that only `first` has.

    Only what holds rows of its own counts: no view, and no partition of a table that is there.
    """
    missing = set()
    for oid, table in first.relations.items():
        other = second.relations.get(oid)
        if table.kind not in "rpf" or table.parent in first.relations:
            continue
        if other is None:
            missing.add(TableColumn(table.qualified_name))
        elif other is not table:
            missing |= {
                TableColumn(table.qualified_name, column.name)
                for number, column in table.columns.items()
                if not column.is_dropped
                and (number not in other.columns or other.columns[number].is_dropped)
            }
    return tuple(sorted(missing))
