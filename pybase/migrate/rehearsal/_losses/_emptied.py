"""Tables that TRUNCATE empties."""

from collections.abc import Iterator

from pglast import ast, enums

from pybase.migrate.catalog import State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.sql.grammar import is_opaque, parsed


def emptied(start: State, observation: Observation) -> Iterator[Loss]:
    """Yield the tables that a TRUNCATE names, and those that it takes along."""
    sql, before = observation.sql, observation.before
    tree = parsed(sql)
    is_hidden = observation.is_of_python or (is_opaque(sql) and "truncate" in sql.lower())
    if not isinstance(tree, ast.TruncateStmt) and not is_hidden:
        return
    named: set[int] = set()
    kind = LossKind.EMPTIED
    if isinstance(tree, ast.TruncateStmt):
        oids = (find_relation(before, name) for name in tree.relations or ())
        named = {oid for oid in oids if oid is not None}
        if tree.behavior == enums.DropBehavior.DROP_CASCADE:
            kind = LossKind.EMPTIED_CASCADE
    with_parts = {part for oid in named for part in before.family(oid)}
    rewritten = {oid for oid in before.relations if observation.is_rewritten(oid)} - with_parts
    for oid in named | {_topmost(before, oid) for oid in rewritten}:
        if oid in start.relations and start.relations[oid].is_table:
            yield Loss(start.relations[oid].qualified_name, kind=kind)


def _topmost(state: State, oid: int) -> int:
    parent = state.relations[oid].parent
    return _topmost(state, parent) if parent in state.relations else oid
