"""Rules about objects that an old application still uses, and that are dropped or renamed.

In a downgrade only lost data counts: what else is missing at its end is left over.
"""

from collections.abc import Iterator

from msgspec.structs import replace
from pglast import ast

from pybase.migrate.catalog import Relation, State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case, dropped
from pybase.migrate.rehearsal._rules._locks import rewrites
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import MOVES_PARTITIONS, is_kind, newer_form, statements


def dropped_tables(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find dropped tables, without the partitions that are dropped with them."""
    if newer_form(observation.sql) in MOVES_PARTITIONS:
        return  # their rows are in other partitions
    parents = dict(observation.dropped)
    for oid, relation in dropped(observation, "rp"):
        if case.is_known(oid) and relation.parent not in parents:
            yield _loss(case, observation, "drops-table", relation.qualified_name, "")


def emptied_tables(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find tables that a downgrade truncates."""
    for finding in rewrites(case, observation) if not case.is_upgrade else ():
        if finding.code == "truncates" and finding.relation is not None:
            yield _loss(case, observation, finding.code, finding.relation, "")


def dropped_columns(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find dropped columns of tables, and attributes of types, that are not dropped."""
    for oid, before, after in observation.changed:
        if not (before.is_table or before.kind == "c") or not case.is_known(oid):
            continue
        code = "drops-attribute" if before.kind == "c" else "drops-column"
        for number, column in after.columns.items():
            old = before.columns.get(number)
            if column.is_dropped and old and not old.is_dropped:
                if not case.is_upgrade and not before.stores(number):
                    continue
                if number in case.known.relations[oid].columns:
                    taken = tuple(sorted(_taken(observation, oid, number)))
                    relation = case.named(oid, observation)
                    loss = _loss(case, observation, code, relation, old.name, taken)
                    loses_nothing = before.is_table and not before.stores(number)
                    yield replace(loss, loses_nothing=loses_nothing)


def _taken(observation: Observation, oid: int, number: int) -> set[str]:
    """Return the constraints and indexes that are dropped with a column, foreign keys to it too.

    An index whose predicate or expression needs it does not have it among its columns.
    """
    before, after = (state.relations[oid] for state in (observation.before, observation.after))
    names = {
        constraint.name
        for key, constraint in before.constraints.items()
        if key not in after.constraints and number in constraint.columns and constraint.kind != "n"
    }
    for _, other, now in observation.changed:
        names |= {
            f"{other.label}.{constraint.name}"
            for key, constraint in other.constraints.items()
            if key not in now.constraints
            and (constraint.references, number in constraint.referenced_columns) == (oid, True)
        }
    gone = {n for n, column in after.columns.items() if column.is_dropped}
    for _, index in dropped(observation, "iI"):
        columns = index.index.columns if index.index and index.table == oid else ()
        if number in columns or (columns and not gone & {*columns}):
            names.add(index.name)
    return names


def dropped_views(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find dropped views and foreign tables, which store nothing.

    Not where the end has one of that name with every old column.
    """
    for oid, view in dropped(observation, "vmf"):
        if case.is_upgrade and case.is_known(oid):
            successor = by_name(case.run.end, view)
            if successor is None or not _column_names(view) <= _column_names(successor):
                yield Finding(observation.index, "drops-view", view.qualified_name)


def _loss(
    case: Case,
    observation: Observation,
    code: str,
    relation: QualifiedName,
    detail: str,
    taken: tuple[str, ...] = (),
) -> Finding:
    if case.is_upgrade:
        return Finding(observation.index, code, relation, detail, taken)
    lost = f"{relation.label}.{detail}" if detail else relation.label
    return Finding(observation.index, "downgrade-loses-data", relation, lost)


def drops_data(case: Case, observation: Observation) -> bool:
    """Whether the statement dropped a table, or a column of one."""
    losses = (*dropped_columns(case, observation), *dropped_tables(case, observation))
    return bool(losses)


def by_name(state: State, relation: Relation) -> Relation | None:
    """Return the relation that has the name of an earlier one."""
    return next((item for item in state.relations.values() if _has_name(item, relation)), None)


def _has_name(relation: Relation, other: Relation) -> bool:
    return (relation.schema_oid, relation.name) == (other.schema_oid, other.name)


def _column_names(relation: Relation) -> set[str]:
    return {column.name for column in relation.columns.values() if not column.is_dropped}


def renamed_relations(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find renamed tables and views, unless a view of the old name replaces them."""
    for _, before, after in _changed(case, observation):
        if not _has_name(before, after) and by_name(case.run.end, before) is None:
            yield Finding(observation.index, "renames-table", before.qualified_name)
    is_moved = case.is_upgrade and newer_form(observation.sql) in MOVES_PARTITIONS
    for oid, partition in dropped(observation, "rpf") if is_moved else ():
        if case.is_known(oid) and by_name(case.run.end, partition) is None:
            yield Finding(observation.index, "renames-table", partition.qualified_name)


def renamed_columns(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find renamed columns of tables and views, and attributes of types.

    Not where a view of the table's old name has the old column.
    """
    for oid, before, after in _changed(case, observation, "rpfvmc"):
        code = "renames-attribute" if before.kind == "c" else "renames-column"
        table = case.known.relations[oid]
        view = by_name(case.run.end, table)
        kept = _column_names(view) if view is not None and view.kind != table.kind else ()
        for number, column in after.columns.items():
            old = before.columns.get(number)
            is_renamed = old and not column.is_dropped and column.name != old.name
            if old and is_renamed and number in table.columns and old.name not in kept:
                yield case.finding(observation, code, oid, old.name)


def _changed(
    case: Case, observation: Observation, kinds: str = "rpfvm"
) -> Iterator[tuple[int, Relation, Relation]]:
    """Return the known relations of some kinds that a statement of an upgrade changed."""
    for oid, before, after in observation.changed:
        if before.kind in kinds and case.is_known(oid) and case.is_upgrade:
            yield oid, before, after


def sequences(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find sequences dropped by themselves, and renamed ones: an application may call nextval."""
    if not case.is_upgrade:
        return
    drops = any(is_kind(sql, ast.DropStmt) for sql in statements(observation.sql))
    for oid, sequence in dropped(observation, "S") if drops else ():  # else with an identity
        is_kept = by_name(case.run.end, sequence) or drops_data(case, observation)
        if case.is_known(oid) and not is_kept:
            yield Finding(observation.index, "drops-sequence", sequence.qualified_name)
    renamed = [(oid, before) for oid, before in case.known.relations.items() if _moved(case, oid)]
    if any(before.is_table for _, before in renamed):
        return  # it may be of that table
    for oid, before, after in observation.changed:
        if before.kind == "S" and (oid, before) in renamed and not _has_name(before, after):
            yield Finding(observation.index, "renames-sequence", before.qualified_name)


def _moved(case: Case, oid: int) -> bool:
    """Whether a known relation has another name or schema at the end."""
    after = case.run.end.relations.get(oid)
    return after is not None and not _has_name(case.known.relations[oid], after)


def schemas(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find dropped and renamed schemas; what is dropped with one has its own code."""
    for oid, name in observation.before.schemas.items():
        if oid not in case.known.schemas or not case.is_upgrade:
            continue
        if oid not in observation.after.schemas:
            yield Finding(observation.index, "drops-schema", QualifiedName("", name))
        elif observation.after.schemas[oid] != name:
            yield Finding(observation.index, "renames-schema", QualifiedName("", name))


def types(case: Case) -> Iterator[Finding]:
    """Find types and enum values that the end does not have under the old name."""
    if not case.is_upgrade:
        return
    oids = {(item.schema, item.name): oid for oid, item in case.run.end.types.items()}
    for oid, before in case.known.types.items():
        end_oid = oids.get((before.schema, before.name), 0)
        after = case.run.end.types.get(end_oid)
        if after is None:
            if oid not in case.run.end.types:
                yield Finding(_last_change(case, oid), "drops-type", before.qualified_name)
            elif before.schema not in renamed_schemas(case):
                yield Finding(_last_change(case, oid), "renames-type", before.qualified_name)
        elif end_oid == oid:
            for key, label in before.labels.items():
                if after.labels.get(key, label) != label:
                    index = _last_change(case, oid)
                    yield Finding(index, "renames-enum-value", before.qualified_name, repr(label))
        elif missing := sorted(set(before.labels.values()) - set(after.labels.values())):
            detail = ", ".join(map(repr, missing))
            name, index = before.qualified_name, _last_change(case, oid)
            yield Finding(index, "drops-enum-value", name, detail)


def renamed_schemas(case: Case) -> set[str]:
    """Return the old names of the schemas that have another one at the end."""
    end = case.run.end.schemas
    return {name for oid, name in case.known.schemas.items() if end.get(oid, name) != name}


def _last_change(case: Case, oid: int) -> int:
    """Return the statement that last changed a type."""
    for observation in reversed(case.observations):
        if observation.before.types.get(oid) != observation.after.types.get(oid):
            return observation.index
    return -1


def extensions(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find dropped extensions."""
    for oid, name in observation.before.extensions.items() if case.is_upgrade else ():
        if oid in case.known.extensions and oid not in observation.after.extensions:
            yield Finding(observation.index, "drops-extension", QualifiedName("", name))


RULES = (
    *(dropped_tables, emptied_tables, dropped_columns, dropped_views),
    *(renamed_relations, renamed_columns, sequences, schemas, extensions),
)
RUN_RULES = (types,)
