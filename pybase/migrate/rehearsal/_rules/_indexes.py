"""Rules about indexes of existing tables: built, built again, moved and dropped."""

from collections.abc import Iterator, Mapping

from pglast import ast
from pglast.enums import AlterTableType, ObjectType

from pybase.migrate.catalog import State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case, created, dropped, retyped
from pybase.migrate.sql.grammar import is_kind, trees
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, SHARE


def index_builds(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find CREATE INDEX that blocks writers; not the index of a new constraint."""
    new = dict(created(observation, "iI"))
    keys = _constraint_indexes(observation.after) if new else set()
    old = {(item.table, item.name) for item in observation.before.relations.values()}
    for index in (index for oid, index in new.items() if oid not in keys):
        table = index.table
        is_locked = case.is_known(table) and observation.locks.get(table, 0) >= SHARE
        is_rewritten = any(map(observation.is_rewritten, observation.before.family(table)))
        if is_locked and observation.is_scanned(table) and not is_rewritten:
            is_again = (table, index.name) in old and bool(retyped(observation))
            code = "type-change-scans" if is_again else "blocking-index-build"
            yield case.finding(observation, code, table, case.part(table, index.name))


def index_rebuilds(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find REINDEX, and indexes that are moved: readers wait, too, since a query locks them all."""
    for oid, _, index in observation.changed:
        table = index.table
        is_built = observation.is_rewritten(oid) and not observation.is_rewritten(table)
        if table and is_built and case.is_known(table):
            part = case.part(table, index.name)
            yield case.finding(observation, "blocking-index-rebuild", table, part)
    for moved in _moved(observation):
        relation, table = observation.before.relations[moved], observation.before.table_of(moved)
        if relation.kind == "i" and case.is_known(table):
            part = case.part(table, relation.name)
            yield case.finding(observation, "blocking-index-rebuild", table, part)
        elif relation.kind in "rm" and case.is_known(table):
            yield case.finding(observation, "rewrites-table", table)


def _moved(observation: Observation) -> Iterator[int]:
    """Yield what SET TABLESPACE is about: where a rehearsal runs, it may be in that one already."""
    relations = observation.before.relations
    for tree in trees(observation.sql):
        if isinstance(tree, ast.AlterTableMoveAllStmt):
            kind = _MOVED.get(tree.objtype)
            yield from (oid for oid, item in relations.items() if item.kind == kind)
        commands = (tree.cmds or ()) if isinstance(tree, ast.AlterTableStmt) else ()
        if any(command.subtype == AlterTableType.AT_SetTableSpace for command in commands):
            moved = find_relation(observation.before, tree.relation)
            yield from () if moved is None else (moved,)


_MOVED: Mapping[ObjectType | None, str] = {
    ObjectType.OBJECT_TABLE: "r",
    ObjectType.OBJECT_INDEX: "i",
    ObjectType.OBJECT_MATVIEW: "m",
}
"""Kinds of relations that ALL IN TABLESPACE moves."""


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
            part = case.part(relation.table, relation.name)
            yield case.finding(observation, "blocking-index-drop", relation.table, part)


def _constraint_indexes(state: State) -> set[int]:
    """Return the indexes of unique, primary key and exclusion constraints."""
    return {
        constraint.index_oid
        for relation in state.relations.values()
        for constraint in relation.constraints.values()
        if constraint.kind in "pux"
    }


RULES = (index_builds, index_rebuilds, index_drops)
