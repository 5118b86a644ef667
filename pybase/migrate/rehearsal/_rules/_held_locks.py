"""Rules about locks that a statement leaves behind: they are held while later ones read a table."""

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pglast import ast

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case, retyped
from pybase.migrate.rehearsal._rules._data import processed
from pybase.migrate.rehearsal._rules._locks import constraints
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import (
    REPACK_CONCURRENTLY,
    WRITES,
    code_words,
    is_kind,
    names,
    newer_form,
    parsed,
)
from pybase.migrate.sql.lock_modes import SHARE

_QUERIES = (ast.SelectStmt, ast.CreateTableAsStmt, ast.DoStmt, ast.CallStmt)
_READERS = (*_QUERIES, ast.VacuumStmt)
"""Statements that lock no table against writers themselves."""


class HeldLock(NamedTuple):
    """A statement that reads known tables from end to end, and one that was locked before it."""

    observation: Observation
    locked: int
    scanned: tuple[QualifiedName, ...]


def held_locks(case: Case) -> Iterator[HeldLock]:
    """Yield each lock of SHARE or stronger that an earlier statement took, and what it is held for.

    Not of a table that was read under its lock before, or that the statement locks itself: these
    have codes of their own; but what a foreign key locks while the type of its column changes.
    """
    earlier: Observation | None = None
    long: set[int] = set()
    for observation in case.observations:
        yield from _locked_by_keys(case, observation)
        held = _held(case, earlier, observation) - long - _locked_by(observation)
        earlier = observation
        long |= {oid for oid in _locked(observation) if _is_read(observation, oid)}
        long |= set(_referenced(observation))
        scanned = set(_read(case, observation)) if held else set()
        relations = tuple(sorted({case.named(table, observation) for table in scanned}))
        if relations:
            yield from (HeldLock(observation, oid, relations) for oid in held)


def _locked_by_keys(case: Case, observation: Observation) -> Iterator[HeldLock]:
    """Yield the tables at the other end of keys whose column gets another type."""
    known = filter(case.is_known_table, retyped(observation))
    changed = {oid for oid in known if _is_read(observation, oid)}
    family = {part for oid in changed for part in observation.before.family(oid)}
    checked = {finding.label for finding in constraints(case, observation)}
    relations = tuple(sorted({case.named(oid, observation) for oid in changed}))
    for oid, rank in observation.gained.items() if changed else ():
        is_other = rank >= SHARE and case.is_known_table(oid) and oid not in family
        if is_other and case.named(oid, observation).label not in checked:
            yield HeldLock(observation, oid, relations)


def _held(case: Case, earlier: Observation | None, observation: Observation) -> set[int]:
    """Return the known tables that were locked before the statement, and are not dropped."""
    if earlier is None or not (earlier.transactional and observation.transactional):
        return set()
    return set(filter(case.is_awaited, _locked(observation) & _locked(earlier)))


def _locked(observation: Observation) -> set[int]:
    return {oid for oid, rank in observation.locks.items() if rank >= SHARE}


def _locked_by(observation: Observation) -> set[int]:
    """Return the tables that a statement names which locks what it names."""
    if is_kind(observation.sql, *_READERS):
        return set()
    named = (find_relation(observation.before, name) for name in names(observation.sql))
    tables = (observation.before.family(oid) for oid in named if oid is not None)
    return {oid for family in tables for oid in family}


def _is_read(observation: Observation, oid: int) -> bool:
    return observation.is_scanned(oid) or observation.is_rewritten(oid)


def _referenced(observation: Observation) -> Iterator[int]:
    """Yield the tables of validated foreign keys: whether they are scanned depends on the rows."""
    for _, before, after in observation.changed:
        for key in after.constraints.keys() - before.constraints.keys():
            if after.constraints[key].is_valid:
                yield after.constraints[key].references


def _read(case: Case, observation: Observation) -> Iterator[int]:
    """Yield the known tables that a statement reads from end to end; `_data` looks at writes."""
    if is_kind(observation.sql, *WRITES, ast.TruncateStmt) or _is_reported(case, observation):
        return
    is_read = observation.is_scanned
    if is_kind(observation.sql, *_QUERIES):
        is_read = observation.is_read_through
    tables = {oid for oid in observation.before.relations if is_read(oid)}
    tables -= {oid for change in observation.changes for oid in change.found - change.read}
    tables -= processed(case, observation)
    if is_kind(observation.sql, ast.SelectStmt, ast.DoStmt):
        tables = {oid for oid in tables if not _is_one_row(observation, oid)}
    elif is_kind(observation.sql, ast.VacuumStmt):
        tables |= set(_analyzed(observation))
    for oid in tables:
        if case.is_known_table(oid) and case.known.relations[oid].label not in case.small_tables:
            yield oid


def _is_one_row(observation: Observation, oid: int) -> bool:
    """Whether a query without any condition has read only the first row, as of LIMIT 1."""
    scans, words = observation.scans.get(oid), code_words(observation.sql)
    is_first = scans is not None and scans.read <= scans.number
    return is_first and "where" not in words and observation.before.relations[oid].name in words


def _is_reported(case: Case, observation: Observation) -> bool:
    """Whether it validates what was added before: that finding is about both tables of a key."""
    findings = constraints(case, observation)
    return any(finding.code == "validates-with-not-valid" for finding in findings)


def _analyzed(observation: Observation) -> Iterator[int]:
    """Yield the tables of an ANALYZE, which the server does not count as read."""
    named = [find_relation(observation.before, name) for name in names(observation.sql)]
    if parsed(observation.sql).rels is None:
        named = [oid for oid, item in observation.before.relations.items() if item.is_table]
    yield from (oid for oid in named if oid is not None)


def scans_under_lock(case: Case) -> Iterator[Finding]:
    """Find statements that read a table while another stays locked for what came before."""
    for held in held_locks(case):
        detail = ", ".join(name.label for name in held.scanned)
        yield case.finding(held.observation, "scans-under-lock", held.locked, detail)


def unexplained_scans(case: Case, explained: Collection[int]) -> Iterator[Finding]:
    """Find tables that a statement reads under a lock of SHARE or stronger, unless it is explained.

    `explained` are the statements that have a finding: a new form of ALTER TABLE has none.
    """
    for observation in case.observations:
        is_reader = is_kind(observation.sql, *_READERS, *WRITES)
        is_concurrent = newer_form(observation.sql) == REPACK_CONCURRENTLY
        if observation.index in explained or is_reader or is_concurrent:
            continue
        for oid in _locked(observation) - {*_referenced(observation)}:
            parts = {oid, *observation.before.indexes_of(oid)}  # not of a new partition
            is_view = oid in case.known.relations and case.known.relations[oid].kind == "m"
            if case.is_known_table(oid) and parts & observation.scans.keys() and not is_view:
                label = case.named(oid, observation).label
                yield case.finding(observation, "scans-under-lock", oid, label)


RUN_RULES = (scans_under_lock,)
