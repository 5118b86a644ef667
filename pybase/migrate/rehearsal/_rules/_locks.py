"""Rules about scans and rewrites of existing tables under a lock that blocks other sessions."""

from collections.abc import Iterator

from pglast import ast
from pglast.enums import AlterTableType

from pybase.migrate.catalog import State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case, created, dropped
from pybase.migrate.sql.grammar import code_words, is_kind, is_opaque, parsed
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, SHARE

MANY_TABLES = 3
"""A foreign key locks two tables, a swap three; other changes can lock one after the other."""


def index_builds(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find CREATE INDEX that blocks writers; not the index of a new constraint."""
    new = dict(created(observation, "iI"))
    keys = _constraint_indexes(observation.after) if new else set()
    old = {(item.table, item.name) for item in observation.before.relations.values()}
    for index in (index for oid, index in new.items() if oid not in keys):
        table = index.table
        is_locked = case.is_known(table) and observation.locks.get(table, 0) >= SHARE
        if is_locked and observation.is_scanned(table) and not observation.is_rewritten(table):
            is_again = (table, index.name) in old and bool(retyped(observation))
            code = "type-change-scans" if is_again else "blocking-index-build"
            yield case.finding(observation, code, table, _part(case, table, index.name))


def retyped(observation: Observation) -> set[int]:
    """Return the tables of which a column got another type or collation."""
    return {
        oid
        for oid, before, after in observation.changed
        if before.is_table
        for number, old in before.columns.items()
        if number in after.columns
        and not after.columns[number].is_dropped
        and (old.type, old.collation)
        != (after.columns[number].type, after.columns[number].collation)
    }


def index_rebuilds(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find REINDEX, and indexes that are moved: readers wait, too, since a query locks them all."""
    for oid, _, index in observation.changed:
        table = index.table
        is_built = observation.is_rewritten(oid) and not observation.is_rewritten(table)
        if table and is_built and case.is_known(table):
            part = _part(case, table, index.name)
            yield case.finding(observation, "blocking-index-rebuild", table, part)
    moved = _moved(observation)
    if moved is not None and case.is_known(observation.before.table_of(moved)):
        relation, table = observation.before.relations[moved], observation.before.table_of(moved)
        if relation.kind == "i":
            part = _part(case, table, relation.name)
            yield case.finding(observation, "blocking-index-rebuild", table, part)
        elif relation.kind in "rm":
            yield case.finding(observation, "rewrites-table", table)


def _moved(observation: Observation) -> int | None:
    """Return what SET TABLESPACE names: where a rehearsal runs, it may be in that one already."""
    tree = parsed(observation.sql)
    commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
    is_moved = any(command.subtype == AlterTableType.AT_SetTableSpace for command in commands)
    return find_relation(observation.before, tree.relation) if is_moved else None


def _part(case: Case, table: int, name: str) -> str:
    """Return the name of an index or constraint of a table; partitions have names of their own."""
    relation = case.known.relations[table]
    return name if relation.kind == "r" and relation.parent not in case.known.relations else ""


def index_drops(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find DROP INDEX; not an index dropped with its column, its constraint or its table."""
    if is_kind(observation.sql, ast.AlterTableStmt):
        return  # it drops none by itself
    indexes = dict(dropped(observation, "iI"))
    keys = _constraint_indexes(observation.before) if indexes else set()
    # A type change creates the indexes again: that has a code of its own.
    names = {index.name for _, index in created(observation, "iI")}
    for oid, relation in indexes.items():
        table = case.run.end.relations.get(relation.table)
        if table is None or oid in keys or not case.is_known(relation.table):
            continue
        numbers = relation.index.columns if relation.index else ()
        columns = (table.columns.get(number) for number in numbers)
        if relation.name in names or any(column and column.is_dropped for column in columns):
            continue
        if observation.locks.get(relation.table, 0) == ACCESS_EXCLUSIVE:
            part = _part(case, relation.table, relation.name)
            yield case.finding(observation, "blocking-index-drop", relation.table, part)


def _constraint_indexes(state: State) -> set[int]:
    """Return the indexes of unique, primary key and exclusion constraints."""
    return {
        constraint.index_oid
        for relation in state.relations.values()
        for constraint in relation.constraints.values()
        if constraint.kind in "pux"
    }


_CODES = {
    "c": "validates-constraint",
    "f": "validates-constraint",
    "p": "builds-key",
    "u": "builds-key",
    "x": "adds-exclusion",
}


def constraints(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find constraints that are validated by reading the table while it is locked."""
    for oid, before, after in observation.changed:
        if not case.is_known(oid):
            continue
        names = {constraint.name for constraint in before.constraints.values()}
        is_rewritten = observation.is_rewritten(oid)
        for key, constraint in after.constraints.items():
            if not constraint.is_valid or (is_rewritten and constraint.name in names):
                continue  # not validated, or created again by a rewrite
            old = before.constraints.get(key)
            if old is None:
                # An attached partition gets the constraints of its parent.
                is_own = after.parent == before.parent
                code = _CODES.get(constraint.kind)
                if code and constraint.name in names and retyped(observation):
                    code = "type-change-scans"
                if code and is_own and observation.is_scanned(oid):
                    yield case.finding(observation, code, oid, _part(case, oid, constraint.name))
            elif not old.is_valid and observation.transactional:
                yield from _validated(case, observation, oid, key)


def _validated(case: Case, observation: Observation, oid: int, key: int) -> Iterator[Finding]:
    table = case.run.start.relations.get(oid)
    if table is None or key not in table.constraints:
        yield case.finding(observation, "validates-with-not-valid", oid)
    elif observation.locks.get(oid, 0) >= SHARE:
        part = _part(case, oid, table.constraints[key].name)
        yield case.finding(observation, "validates-constraint", oid, part)


def domain_constraints(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find checks of a domain that are validated: they read every table with a column of it."""
    locked = (oid for oid, rank in observation.gained.items() if rank >= SHARE)
    if not observation.scans or not any(map(case.is_known_table, locked)):
        return
    for oid in observation.after.types.keys() & observation.before.types.keys():
        before, after = observation.before.types[oid], observation.after.types[oid]
        valid = {key for key, is_valid in after.constraints.items() if is_valid}
        is_new = any(not before.constraints.get(key, False) for key in valid)
        if oid in case.known.types and (is_new or _requires(observation, after.name)):
            yield Finding(observation.index, "validates-domain", after.qualified_name)


def _requires(observation: Observation, domain: str) -> bool:
    """Whether it is SET NOT NULL of a domain, which has no constraint up to PostgreSQL 16."""
    tree = parsed(observation.sql)
    if not isinstance(tree, ast.AlterDomainStmt) or tree.subtype != "O":
        return False
    return bool((tree.typeName or ())[-1].sval == domain)


def not_null(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find SET NOT NULL that no validated check proves; not of a new primary key.

    A new virtual column that is NOT NULL is computed for every row, and not written.
    """
    for oid, before, after in observation.changed:
        keys = {key for key, constraint in after.constraints.items() if constraint.kind == "p"}
        is_new_key = bool(keys - set(before.constraints))
        if not case.is_known(oid) or is_new_key or observation.is_rewritten(oid):
            continue
        required = [
            column.name
            for number, column in after.columns.items()
            if column.is_required
            and (
                column.generated == "v"
                if number not in before.columns
                else not before.columns[number].is_required
            )
        ]
        for column in required if observation.is_scanned(oid) else ():
            yield case.finding(observation, "sets-not-null", oid, column)


def rewrites(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find tables that got a new file, with a code for the kind of statement."""
    for oid, before, _ in observation.changed:
        if before.is_table and case.is_known(oid) and observation.is_rewritten(oid):
            yield case.finding(observation, _rewrite_code(observation.sql, before.kind), oid)
    is_maintenance = is_kind(observation.sql, ast.VacuumStmt, ast.ClusterStmt)
    if is_maintenance and not observation.transactional:
        for oid, rank in observation.locks.items():
            if rank == ACCESS_EXCLUSIVE and case.is_known_table(oid):
                yield case.finding(observation, "rewrites-by-maintenance", oid)


def _rewrite_code(sql: str, kind: str) -> str:
    if kind == "m":
        return "refreshes-view"
    if is_kind(sql, ast.TruncateStmt) or (is_opaque(sql) and "truncate" in sql.lower()):
        return "truncates"
    if is_kind(sql, ast.ClusterStmt, ast.VacuumStmt):
        return "rewrites-by-maintenance"
    return "rewrites-table"


def attached_partitions(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find ATTACH PARTITION that reads rows to prove bounds."""
    relations = observation.after.relations
    tables = [*created(observation, "rp")]
    tables += [
        (oid, after) for oid, before, after in observation.changed if after.parent != before.parent
    ]
    for oid, table in tables:
        parent = relations.get(table.parent)
        if parent is not None and parent.kind == "p" and case.is_known(table.parent):
            siblings = (key for key, item in relations.items() if item.parent == table.parent)
            family = filter(case.is_known, (oid, *siblings))
            if any(map(observation.is_scanned, family)):
                yield case.finding(observation, "attaches-partition", table.parent)


def detached_partitions(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find DETACH PARTITION that locks the parent."""
    for _, before, after in observation.changed:
        parent = observation.before.relations.get(before.parent)
        if parent is None or parent.kind != "p" or after.parent or not observation.transactional:
            continue
        if case.is_known(before.parent) and before.parent in observation.after.relations:
            yield case.finding(observation, "detaches-partition", before.parent)


def lock_table(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find LOCK TABLE, also in a DO block, or in a function that does nothing else."""
    is_lock = is_kind(observation.sql, ast.LockStmt)
    is_effective = observation.scans or observation.rows or _is_changed(observation)
    is_hidden = is_opaque(observation.sql) and not is_effective
    if is_hidden and is_kind(observation.sql, ast.DoStmt):  # else DDL that had nothing to do
        is_hidden = "lock" in code_words(observation.sql)
    if is_lock or is_hidden:
        for oid, rank in observation.gained.items():
            if rank >= SHARE and case.is_known_table(oid):
                yield case.finding(observation, "locks-table", oid)


def _is_changed(observation: Observation) -> bool:
    before, after = observation.before, observation.after
    return (
        before.relations != after.relations
        or before.types != after.types
        or before.functions != after.functions
    )


def triggers(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find disabled triggers, those of foreign keys among them; see also `_hidden_effects`."""
    for oid, before, after in observation.changed:
        if case.is_known(oid) and any(
            enabled in "DR" and before.triggers.get(key) in ("O", "A")
            for key, enabled in after.triggers.items()
        ):
            yield case.finding(observation, "disables-triggers", oid)
    if observation.after.replication_role == "replica" != observation.before.replication_role:
        yield Finding(observation.index, "disables-triggers")


def many_locks(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find more tables locked against writers at once than a foreign key or a swap needs."""
    tables = {
        case.named(oid, observation).label
        for oid, rank in observation.locks.items()
        if rank >= SHARE and case.is_known_table(oid)
    }
    if observation.transactional and len(tables) > MANY_TABLES:
        yield Finding(observation.index, "many-blocking-locks", detail=", ".join(sorted(tables)))


RULES = (
    *(
        index_builds,
        index_rebuilds,
        index_drops,
        constraints,
        domain_constraints,
        not_null,
        rewrites,
    ),
    *(attached_partitions, detached_partitions, lock_table, triggers, many_locks),
)
