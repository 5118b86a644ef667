"""Tables that TRUNCATE empties."""

from collections.abc import Iterator

from pglast import ast, enums

from pybase.migrate.catalog import State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.sql.grammar import trees


def emptied(start: State, observation: Observation) -> Iterator[Loss]:
    """Yield the tables that a TRUNCATE names, and those that it takes along."""
    sql, before = observation.sql, observation.before
    truncates = [tree for tree in trees(sql) if isinstance(tree, ast.TruncateStmt)]
    if not truncates and not observation.emptied:
        return
    oids = (find_relation(before, name) for tree in truncates for name in tree.relations or ())
    named = {oid for oid in oids if oid is not None}
    cascades = any(tree.behavior == enums.DropBehavior.DROP_CASCADE for tree in truncates)
    kind = LossKind.EMPTIED_CASCADE if cascades else LossKind.EMPTIED
    with_parts = {part for oid in named for part in before.family(oid)}
    for oid in named | {_topmost(before, oid) for oid in observation.emptied - with_parts}:
        if oid in start.relations and start.relations[oid].is_table:
            yield Loss(start.relations[oid].qualified_name, kind=kind)


def _topmost(state: State, oid: int) -> int:
    parent = state.relations[oid].parent
    return _topmost(state, parent) if parent in state.relations else oid
