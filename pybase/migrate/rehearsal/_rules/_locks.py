"""Scans and rewrites of existing tables under a lock that somebody waits for."""

from collections.abc import Iterator

from pglast import ast

from pybase.migrate.catalog._state import Relation, State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observer import Observation
from pybase.migrate.rehearsal._rules._case import (
    Case,
    changed,
    gone,
    is_rewritten,
    is_scanned,
    made,
)
from pybase.migrate.sql._lock_modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.sql.grammar._parse import is_kind, is_opaque, parsed

MANY_TABLES = 3
"""A foreign key locks two tables, a swap three; more can be done one after the other."""


def index_builds(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find CREATE INDEX and REINDEX that writers wait for; the index of a key is the key's."""
    keys = _key_indexes(seen.after)
    indexes: list[tuple[int, Relation | None, Relation]] = [
        (oid, None, after) for oid, after in made(seen, "iI")
    ]
    indexes += [(oid, before, after) for oid, before, after in changed(seen) if after.table]
    for oid, before, after in indexes:
        if not case.is_known(after.table) or (before is None and oid in keys):
            continue
        if before is None:
            built = is_scanned(seen, after.table)
        else:
            built = is_rewritten(seen, oid) and not is_rewritten(seen, after.table)
        if built and seen.locks.get(after.table, 0) >= SHARE:
            yield case.finding(seen, "blocking-index-build", after.table)


def index_drops(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find DROP INDEX; not one that goes with its column, its constraint or its table."""
    keys = _key_indexes(seen.before)
    for oid, index in gone(seen, "iI"):
        table = case.run.end.relations.get(index.table)
        if table is None or oid in keys or not case.is_known(index.table):
            continue
        columns = (table.columns.get(number) for number in index.index_columns)
        if any(column is not None and column.is_dropped for column in columns):
            continue
        if any(each.name == index.name for _, each in made(seen, "iI")):
            continue  # a type change makes the indexes anew; that is told as what it is
        if seen.locks.get(index.table, 0) == ACCESS_EXCLUSIVE:
            yield case.finding(seen, "blocking-index-drop", index.table)


def _key_indexes(state: State) -> set[int]:
    """Return the indexes behind unique, primary key and exclusion constraints."""
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


def constraints(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find constraints that are proved by reading the table while it is locked."""
    for oid, before, after in changed(seen):
        if not case.is_known(oid):
            continue
        for key, constraint in after.constraints.items():
            if not constraint.is_valid or _is_made_anew(seen, oid, before, constraint.name):
                continue
            if key not in before.constraints:
                code = _CODES.get(constraint.kind)
                if code and is_scanned(seen, oid) and _is_own(before, oid, seen, constraint.kind):
                    yield case.finding(seen, code, oid, constraint.name)
            elif not before.constraints[key].is_valid and seen.transactional:
                yield from _validated(case, seen, oid, key)


def _is_made_anew(seen: Observation, oid: int, before: Relation, name: str) -> bool:
    """Whether a rewrite took a constraint off and put it back."""
    names = {each.name for each in before.constraints.values()}
    return is_rewritten(seen, oid) and name in names


def _is_own(before: Relation, oid: int, seen: Observation, kind: str) -> bool:
    """Whether the table's own rows prove the constraint; a partition that is attached shares it."""
    return seen.after.relations[oid].parent == before.parent


def _validated(case: Case, seen: Observation, oid: int, key: int) -> Iterator[Finding]:
    table = case.run.start.relations.get(oid)
    if table is None or key not in table.constraints:
        yield case.finding(seen, "validates-with-not-valid", oid)
    elif seen.locks.get(oid, 0) >= SHARE:
        yield case.finding(seen, "validates-constraint", oid)


def domain_constraints(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find checks added to a domain: they read every table that has a column of it."""
    for oid, after in seen.after.types.items():
        before = seen.before.types.get(oid)
        if before is None or oid not in case.known.types or not seen.scans:
            continue
        if any(valid and key not in before.constraints for key, valid in after.constraints.items()):
            yield Finding(seen.index, "validates-constraint", after.qualified_name)


def not_null(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find SET NOT NULL that no validated check has proved; a primary key says so itself."""
    for oid, before, after in changed(seen):
        keys = {key for key, each in after.constraints.items() if each.kind == "p"}
        if not case.is_known(oid) or keys - set(before.constraints) or is_rewritten(seen, oid):
            continue
        required = [
            column.name
            for number, column in after.columns.items()
            if column.is_required
            and number in before.columns
            and not before.columns[number].is_required
        ]
        if required and is_scanned(seen, oid):
            yield case.finding(seen, "sets-not-null", oid, required[0])


def rewrites(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find tables that got a new file, under the code of what gave them one."""
    for oid, before, _after in changed(seen):
        if before.is_table and case.is_known(oid) and is_rewritten(seen, oid):
            yield case.finding(seen, _rewrite_code(seen.sql, before.kind), oid)
    if not seen.transactional and isinstance(parsed(seen.sql), ast.VacuumStmt | ast.ClusterStmt):
        for oid, rank in seen.locks.items():
            if rank == ACCESS_EXCLUSIVE and oid in case.known.relations:
                if case.known.relations[oid].is_table:
                    yield case.finding(seen, "rewrites-by-maintenance", oid)


def _rewrite_code(sql: str, kind: str) -> str:
    if kind == "m":
        return "refreshes-view"
    if is_kind(sql, ast.TruncateStmt) or (is_opaque(sql) and "truncate" in sql.lower()):
        return "truncates"
    if is_kind(sql, ast.ClusterStmt, ast.VacuumStmt):
        return "rewrites-by-maintenance"
    return "rewrites-table"


def partitions(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find ATTACH that reads rows to prove bounds, and DETACH that waits for everybody."""
    attached: list[tuple[int, Relation | None, Relation]] = [
        (oid, None, after) for oid, after in made(seen, "rp") if after.parent
    ]
    attached += [row for row in changed(seen) if row[2].parent != row[1].parent]
    for oid, before, after in attached:
        parent = seen.after.relations.get(after.parent)
        if parent is not None and parent.kind == "p" and case.is_known(after.parent):
            siblings = (
                key for key, each in seen.after.relations.items() if each.parent == after.parent
            )
            if any(case.is_known(each) and is_scanned(seen, each) for each in (oid, *siblings)):
                yield case.finding(seen, "attaches-partition", after.parent)
        elif before is not None and not after.parent and case.is_known(before.parent):
            old = seen.before.relations[before.parent]
            if old.kind == "p" and before.parent in seen.after.relations and seen.transactional:
                yield case.finding(seen, "detaches-partition", before.parent)


def lock_table(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find LOCK TABLE, also where a DO block does nothing else."""
    is_lock = is_kind(seen.sql, ast.LockStmt)
    is_quiet = is_opaque(seen.sql) and not (seen.scans or seen.rows or _is_changed(seen))
    if is_lock or is_quiet:
        for oid, rank in seen.gained.items():
            if rank >= SHARE and case.is_known(oid) and case.known.relations[oid].is_table:
                yield case.finding(seen, "locks-table", oid)


def _is_changed(seen: Observation) -> bool:
    before, after = seen.before, seen.after
    return (
        before.relations != after.relations
        or before.types != after.types
        or before.functions != after.functions
    )


def triggers(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find triggers switched off, those of foreign keys among them."""
    for oid, before, after in changed(seen):
        if case.is_known(oid) and any(
            enabled in "DR" and before.triggers.get(key) in ("O", "A")
            for key, enabled in after.triggers.items()
        ):
            yield case.finding(seen, "disables-triggers", oid)
    if seen.after.replication_role == "replica" != seen.before.replication_role:
        yield Finding(seen.index, "disables-triggers")


def many_locks(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find more tables locked against writers at once than a foreign key or a swap needs."""
    tables = {
        case.named(oid, seen).label
        for oid, rank in seen.locks.items()
        if rank >= SHARE and case.is_known(oid) and case.known.relations[oid].is_table
    }
    if seen.transactional and len(tables) > MANY_TABLES:
        yield Finding(seen.index, "many-blocking-locks", detail=", ".join(sorted(tables)))


RULES = (
    index_builds,
    index_drops,
    constraints,
    domain_constraints,
    not_null,
    rewrites,
    partitions,
    lock_table,
    triggers,
    many_locks,
)
