"""Locks on tables, and what was done to their rows, as a statement after another showed."""

from collections.abc import Iterable

from msgspec.structs import replace
from pglast import ast

from pybase.migrate.record import Finding, TableEffect
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules import Case, filled_table, held_locks
from pybase.migrate.sql import LOCKS, QualifiedName
from pybase.migrate.sql.grammar import REPACK_CONCURRENTLY, is_kind, newer_form, statements
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, ROW_EXCLUSIVE

_LONG = {
    "rewrites-table": (True, False),
    "rewrites-by-maintenance": (True, False),
    "blocking-index-rebuild": (False, True),
}
"""By hazard, whether it rewrites and reads a table, whatever the rehearsal observed."""


def table_effects(case: Case, findings: Iterable[Finding]) -> tuple[TableEffect, ...]:
    """Return what was done to each known table, the strongest lock first.

    What `findings` report is done elsewhere, though not where it was rehearsed: rows are moved to
    another tablespace.
    """
    effects: dict[QualifiedName, TableEffect] = {}
    for observation in case.observations:
        for oid, rank in observation.locks.items():
            if case.is_known(oid) and case.known.relations[oid].is_table:
                name = case.named(oid, observation)
                effect = _table_effect(observation, oid, name, rank)
                effects[name] = effect.merged(effects.get(name, effect))
        filled = filled_table(observation)  # its locks are gone, and no sample row may need it
        if filled is not None and filled in {
            relation.qualified_name for relation in case.known.relations.values()
        }:
            effect = TableEffect(filled, LOCKS[ROW_EXCLUSIVE][0], is_changed=True)
            effects[filled] = effect.merged(effects.get(filled, effect))
    for held in held_locks(case):
        name = case.named(held.locked, held.observation)
        tables = {*effects[name].held_for, *held.scanned} - {name}
        effects[name] = replace(effects[name], held_for=tuple(sorted(tables)))
    for finding in findings:
        if finding.relation is not None and finding.code in _LONG:
            effect = TableEffect(finding.relation, LOCKS[ACCESS_EXCLUSIVE][0], *_LONG[finding.code])
            effects[effect.table] = effect.merged(effects.get(effect.table, effect))
    kept = [
        effect for effect in effects.values() if effect.rank > ROW_EXCLUSIVE or effect.is_changed
    ]
    return tuple(sorted(kept, key=lambda effect: (-effect.rank, effect.table.label)))


def _table_effect(
    observation: Observation, oid: int, name: QualifiedName, rank: int
) -> TableEffect:
    """Return what a statement did; TRUNCATE gives a table a new file, and is done at once."""
    is_truncated = any(is_kind(sql, ast.TruncateStmt) for sql in statements(observation.sql))
    is_brief = is_truncated or newer_form(observation.sql) == REPACK_CONCURRENTLY
    is_written = observation.gained.get(oid) == ROW_EXCLUSIVE or oid in observation.rows
    return TableEffect(
        name,
        LOCKS[rank][0],
        observation.is_rewritten(oid) and not is_brief,
        observation.is_scanned(oid) and not is_brief,
        is_written or (is_truncated and observation.is_rewritten(oid)),
    )
