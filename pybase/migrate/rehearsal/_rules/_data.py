"""Rules about rows of existing tables: changed all at once, or while other sessions are blocked."""

from collections.abc import Collection, Iterator

from pglast import ast

from pybase.migrate.catalog import State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._plans import Change
from pybase.migrate.rehearsal._row_sources import find_relation, target_table
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.rehearsal._rules._objects import drops_data
from pybase.migrate.sql import QualifiedName, is_unfilled, parse_backfill
from pybase.migrate.sql.grammar import is_kind, is_opaque, is_write, parsed
from pybase.migrate.sql.lock_modes import ROW_EXCLUSIVE, SHARE
from pybase.migrate.sql.names import parts


def data_changes(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find statements that may process a complete table, and what is locked meanwhile."""
    tables = {
        oid
        for oid in processed(case, observation)
        if case.known.relations[oid].label not in case.small_tables
    }
    for oid in tables:
        yield case.finding(observation, "unbatched-data-change", oid)
    if tables and observation.transactional:
        for oid, rank in observation.locks.items():
            if rank >= SHARE and case.is_awaited(oid):
                yield case.finding(observation, "changes-data-under-lock", oid)


def unfilled_rules(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find generated fills and casts whose rule is not written yet."""
    if not is_unfilled(observation.sql):
        return
    table = filled_table(observation)
    relation = getattr(parsed(observation.sql), "relation", None)
    target = find_relation(observation.before, relation) if relation else None
    if table is not None:
        yield Finding(observation.index, "unfilled-rule", table)
    elif target is not None:
        table = observation.before.relations[target].qualified_name
        yield Finding(observation.index, "unfilled-rule", table)


def filled_table(observation: Observation) -> QualifiedName | None:
    """Return the table that a loop of `op.backfill` fills, None for another statement."""
    names = parse_backfill(observation.sql)
    if names is None:
        return None
    *schema, name = parts(names[0])
    return QualifiedName(schema[0] if schema else "public", name)


def processed(case: Case, observation: Observation) -> set[int]:
    """Return the known tables that a statement may read or write from end to end."""
    tables: set[int] = set()
    if is_unfilled(observation.sql):
        tables = {target_table(observation.sql, observation.before) or 0}
    elif any(change.operation != "Select" for change in observation.changes):
        tables = {oid for change in observation.changes for oid in _planned(observation, change)}
        tables |= _written_by_triggers(observation)
    elif is_opaque(observation.sql) and not _commits(observation):
        written = _written(case, observation)
        tables = {oid for oid in written if _is_more_than_values(case, observation, oid)}
    return {oid for oid in tables if case.is_known_table(oid)}


def _planned(observation: Observation, change: Change) -> set[int]:
    """Return the tables of which a statement changes all rows, or copies them."""
    relations = observation.before.relations
    if change.operation == "Insert":
        # of a function that gives rows, the locks show what it reads; those of keys are stronger
        called = {oid for oid, rank in observation.gained.items() if rank == 0 and change.calls}
        return {*change.read, *called}
    if change.operation == "Select" or change.is_limited or not (change.read or change.calls):
        return set()
    is_view = change.target in relations and not relations[change.target].is_table
    return set(observation.rows) | set(change.read) if is_view else {change.target}


def _written_by_triggers(observation: Observation) -> set[int]:
    """Return the tables of which other rows are changed than the statement's own plan shows.

    A foreign key may do that too: it changes the rows of those that are changed.
    """
    targets = {change.target for change in observation.changes}
    family = {part for oid in targets for part in observation.before.family(oid)}
    return {
        oid
        for oid, rows in observation.rows.items()
        if oid not in family
        and rows.updated + rows.deleted > 1
        and oid in observation.before.relations
        and not _references(observation.before, oid, targets | observation.rows.keys())
    }


def _references(state: State, oid: int, targets: Collection[int]) -> bool:
    constraints = state.relations[oid].constraints.values()
    return any(constraint.references in targets for constraint in constraints)


def _written(case: Case, observation: Observation) -> set[int]:
    """Find tables with rows written, or locked to write: perhaps no sample row matches."""
    locked = {oid for oid, rank in observation.gained.items() if rank == ROW_EXCLUSIVE}
    return {oid for oid in (*observation.rows, *locked) if case.is_known(oid)}


def _is_more_than_values(case: Case, observation: Observation, oid: int) -> bool:
    """Whether hidden code changed existing rows, or copied them from another table."""
    rows = observation.rows.get(oid)
    if rows is not None and (rows.updated or rows.deleted):
        return observation.is_read_through(oid)
    if rows is not None and rows.inserted:
        tables = filter(case.is_known_table, case.known.relations)
        return any(table != oid and observation.is_read_through(table) for table in tables)
    return observation.is_scanned(oid)  # it looked for rows to change, and the sample had none


def _commits(observation: Observation) -> bool:
    """Whether a block outside a transaction commits by itself, batch after batch."""
    if observation.transactional:
        return False
    is_block = is_kind(observation.sql, ast.DoStmt) and "commit" in observation.sql.lower()
    return is_block or is_kind(observation.sql, ast.CallStmt)


def moved_and_dropped(case: Case) -> Iterator[Finding]:
    """Find rows that the upgrade moved to a new table, which the downgrade just drops."""
    if case.upgrade is None:
        return
    upgrade = Case(case.upgrade, case.script, case.known)
    if not any(drops_data(upgrade, observation) for observation in case.upgrade.observations):
        return
    if any(is_write(item.sql) for item in case.observations if _writes_known(case, item)):
        return
    for observation in case.upgrade.observations:
        target = target_table(observation.sql, observation.before)
        if target is None or case.is_known(target) or target in case.run.end.relations:
            continue
        if is_kind(observation.sql, ast.InsertStmt) and any(map(case.is_known, observation.scans)):
            name = case.upgrade.end.relations[target].qualified_name
            yield Finding(-1, "downgrade-loses-data", name, name.label)


def _writes_known(case: Case, observation: Observation) -> bool:
    target = target_table(observation.sql, observation.before)
    return target is not None and case.is_known(target)


RULES = (data_changes, unfilled_rules)
RUN_RULES = (moved_and_dropped,)
