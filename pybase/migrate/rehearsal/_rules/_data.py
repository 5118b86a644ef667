"""Rows of existing tables: changed all at once, or while somebody waits for a lock."""

from collections.abc import Iterator

from pglast import ast

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observer import Observation
from pybase.migrate.rehearsal._row_sources import keeps_to_key, sources, target
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql._lock_modes import ROW_EXCLUSIVE, SHARE
from pybase.migrate.sql.grammar._parse import is_kind, is_opaque, is_write, parsed


def data_changes(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find a statement that may go through a whole table, and what stays locked meanwhile."""
    tables = {
        oid
        for oid in _worked_through(case, seen)
        if case.known.relations[oid].label not in case.small_tables
    }
    for oid in tables:
        yield case.finding(seen, "unbatched-data-change", oid)
    if tables and seen.transactional:
        for oid, rank in seen.locks.items():
            if rank >= SHARE and case.is_known(oid) and case.known.relations[oid].is_table:
                yield case.finding(seen, "changes-data-under-lock", oid)


def _worked_through(case: Case, seen: Observation) -> set[int]:
    """Return the known tables that one statement reads or writes from end to end."""
    if is_write(seen.sql):
        found = _by_statement(case, seen)
    elif is_opaque(seen.sql) and not _commits(seen):
        found = {oid for oid in _written(case, seen) if _is_more_than_rows_given(case, seen, oid)}
    else:
        found = set()
    return {oid for oid in found if case.is_known(oid) and case.known.relations[oid].is_table}


def _by_statement(case: Case, seen: Observation) -> set[int]:
    into = target(seen.sql, seen.before)
    tree = parsed(seen.sql)
    if isinstance(tree, ast.InsertStmt):
        return _read_by_insert(case, seen, tree) - {into}
    if tree.withClause is not None:
        return _written(case, seen)
    return set() if into is None or keeps_to_key(seen.sql, seen.before) else {into}


def _read_by_insert(case: Case, seen: Observation, tree: ast.InsertStmt) -> set[int]:
    """Find the tables whose rows it copies; that foreign keys look something up counts not."""
    named = list(sources(seen.sql, seen.before))
    found = {oid for oid in named if oid is not None and seen.before.relations[oid].is_table}
    if len(found) < len(set(named)):  # a view or a function reads what is not named
        found |= {oid for oid, rank in seen.gained.items() if rank == 0}
    return found | (_written(case, seen) if tree.withClause is not None else set())


def _written(case: Case, seen: Observation) -> set[int]:
    """Find tables with rows written, or locked as by a writer: no sample row may match."""
    locked = {oid for oid, rank in seen.gained.items() if rank == ROW_EXCLUSIVE}
    written = {oid for oid in (*seen.rows, *locked) if case.is_known(oid)}
    roots = {case.known.relations[oid].parent for oid in written}
    return {
        oid for oid in written if case.known.relations[oid].parent not in written | roots
    } or written


def _is_more_than_rows_given(case: Case, seen: Observation, oid: int) -> bool:
    """Whether hidden code changed rows that were there, or copied them from another table."""
    rows = seen.rows.get(oid)
    if rows is not None and (rows.updated or rows.deleted):
        return True
    others = {each for each in seen.scans if each != oid and case.is_known(each)}
    if rows is not None and rows.inserted:
        return bool(others)
    return oid in seen.scans  # it looked for rows to change, and the sample had none


def _commits(seen: Observation) -> bool:
    """Whether a block outside a transaction commits by itself, batch after batch."""
    return (
        not seen.transactional
        and is_kind(seen.sql, ast.DoStmt, ast.CallStmt)
        and (is_kind(seen.sql, ast.CallStmt) or "commit" in seen.sql.lower())
    )


def moved_and_dropped(case: Case) -> Iterator[Finding]:
    """Find rows that the upgrade moved to a table of its own, which the downgrade just drops."""
    if case.upgrade is None:
        return
    lost = any(
        finding.code in ("drops-column", "drops-table")
        for seen in case.upgrade.observations
        for finding in _losses(case, seen)
    )
    if not lost or any(is_write(seen.sql) for seen in case.observations if _touches(case, seen)):
        return
    for seen in case.upgrade.observations:
        tree = parsed(seen.sql)
        into = target(seen.sql, seen.before)
        if isinstance(tree, ast.InsertStmt) and into is not None and not case.is_known(into):
            if into not in case.run.end.relations and (set(seen.scans) & set(case.known.relations)):
                name = case.upgrade.end.relations[into].qualified_name
                yield Finding(-1, "downgrade-loses-data", name, name.label)


def _losses(case: Case, seen: Observation) -> Iterator[Finding]:
    from pybase.migrate.rehearsal._rules._objects import dropped_columns, dropped_tables

    up = Case(case.upgrade or case.run, case.script, case.known)
    yield from dropped_columns(up, seen)
    yield from dropped_tables(up, seen)


def _touches(case: Case, seen: Observation) -> bool:
    into = target(seen.sql, seen.before)
    return into is not None and case.is_known(into)


RULES = (data_changes,)
RUN_RULES = (moved_and_dropped,)
