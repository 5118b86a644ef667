"""Rules about scans and rewrites of existing tables under a lock that blocks other sessions."""

import re
from collections.abc import Iterator

from pglast import ast

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case, created, retyped
from pybase.migrate.sql.grammar import (
    MOVES_PARTITIONS,
    REPACK,
    REPACK_CONCURRENTLY,
    code_words,
    is_kind,
    is_opaque,
    newer_form,
    parsed,
    statements,
)
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, SHARE

MANY_TABLES = 3
"""A foreign key locks two tables, a swap three; other changes can lock one after the other."""


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
                    yield case.finding(observation, code, oid, case.part(oid, constraint.name))
            elif not old.is_valid and observation.transactional:
                yield from _validated(case, observation, oid, key)


def _validated(case: Case, observation: Observation, oid: int, key: int) -> Iterator[Finding]:
    table = case.run.start.relations.get(oid)
    if table is None or key not in table.constraints:
        yield case.finding(observation, "validates-with-not-valid", oid)
    elif observation.locks.get(oid, 0) >= SHARE:
        part = case.part(oid, table.constraints[key].name)
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
    """Find tables that got a new file, with a code for the kind of statement.

    REPACK (CONCURRENTLY) lets others read and write meanwhile. Partitions that are merged or split
    are copied into tables that get no other file.
    """
    form = newer_form(observation.sql)
    if form == REPACK_CONCURRENTLY:
        return
    if form in MOVES_PARTITIONS:
        parents = {partition.parent for _, partition in observation.dropped}
        for oid in filter(case.is_known_table, parents):
            yield case.finding(observation, "rewrites-table", oid)
    for oid, before, _ in observation.changed:
        if before.is_table and case.is_known(oid) and observation.is_rewritten(oid):
            yield case.finding(observation, _rewrite_code(observation, oid, before.kind), oid)
    is_maintenance = _is_maintenance(observation.sql)
    if is_maintenance and not observation.transactional:
        for oid, rank in observation.locks.items():
            if rank == ACCESS_EXCLUSIVE and case.is_known_table(oid):
                yield case.finding(observation, "rewrites-by-maintenance", oid)


def _is_maintenance(sql: str) -> bool:
    return is_kind(sql, ast.ClusterStmt, ast.VacuumStmt) or newer_form(sql) == REPACK


def _rewrite_code(observation: Observation, oid: int, kind: str) -> str:
    if kind == "m":
        return "refreshes-view"
    is_truncate = any(is_kind(sql, ast.TruncateStmt) for sql in statements(observation.sql))
    if is_truncate or oid in observation.emptied:
        return "truncates"
    if _is_maintenance(observation.sql):
        return "rewrites-by-maintenance"
    return "rewrites-table"


def attached_partitions(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find ATTACH PARTITION that reads rows to prove bounds."""
    if newer_form(observation.sql) in MOVES_PARTITIONS:
        return
    relations = observation.after.relations
    tables = [*created(observation, "rp")]
    tables += [
        (oid, after) for oid, before, after in observation.changed if after.parent != before.parent
    ]
    for oid, table in tables:
        parent = relations.get(table.parent)
        if parent is not None and parent.kind == "p":
            siblings = (key for key, item in relations.items() if item.parent == table.parent)
            scanned = filter(observation.is_scanned, filter(case.is_known, (oid, *siblings)))
            for known in scanned:  # the partition of a new table is locked itself
                named = table.parent if case.is_known(table.parent) else known
                yield case.finding(observation, "attaches-partition", named)


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
    if is_lock or (is_hidden and _may_lock(case, observation)):
        for oid, rank in observation.gained.items():
            if rank >= SHARE and case.is_known_table(oid):
                yield case.finding(observation, "locks-table", oid)


def _may_lock(case: Case, observation: Observation) -> bool:
    """Whether hidden code may have LOCK TABLE, and is not DDL that had nothing to do."""
    if is_kind(observation.sql, ast.DoStmt):
        return "lock" in code_words(observation.sql)
    own = [item.sql for item in case.observations if is_kind(item.sql, ast.CreateFunctionStmt)]
    return not own or any(_LOCK.search(sql) for sql in own)


_LOCK = re.compile(r"\block\b", re.IGNORECASE)


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
        if rank >= SHARE and case.is_awaited(oid)
    }
    if observation.transactional and len(tables) > MANY_TABLES:
        yield Finding(observation.index, "many-blocking-locks", detail=", ".join(sorted(tables)))


RULES = (
    *(constraints, domain_constraints, not_null, rewrites),
    *(attached_partitions, detached_partitions, lock_table, triggers, many_locks),
)
