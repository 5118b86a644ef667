"""Objects that an old application still uses, and that are gone or called otherwise.

In a downgrade only lost data counts: whatever else is missing at its end is a trace.
"""

from collections.abc import Iterator

from pybase.migrate.catalog._state import Relation, State
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observer import Observation
from pybase.migrate.rehearsal._rules._case import Case, changed, gone
from pybase.migrate.rehearsal._rules._locks import rewrites
from pybase.migrate.sql._names import QualifiedName


def dropped_tables(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find dropped tables; one of a family stands for its partitions."""
    for oid, relation in gone(seen, "rpf"):
        if case.is_known(oid) and relation.parent not in _gone_oids(seen):
            yield _loss(case, seen, "drops-table", relation.qualified_name, "")


def emptied_tables(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find tables that a downgrade truncates."""
    for finding in rewrites(case, seen) if not case.is_upgrade else ():
        if finding.code == "truncates":
            assert finding.relation is not None
            yield _loss(case, seen, finding.code, finding.relation, "")


def dropped_columns(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find dropped columns of tables that stay."""
    for oid, before, after in changed(seen):
        if not before.is_table or not case.is_known(oid):
            continue
        for number, column in after.columns.items():
            old = before.columns.get(number)
            if column.is_dropped and old and not old.is_dropped:
                if number in case.known.relations[oid].columns:
                    yield _loss(case, seen, "drops-column", case.named(oid, seen), old.name)


def dropped_views(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find dropped views, unless one of that name with every old column is there at the end."""
    for oid, view in gone(seen, "vm"):
        if case.is_upgrade and case.is_known(oid):
            again = _by_name(case.run.end, view)
            if again is None or not _column_names(view) <= _column_names(again):
                yield Finding(seen.index, "drops-view", view.qualified_name)


def _loss(
    case: Case, seen: Observation, code: str, relation: QualifiedName, detail: str
) -> Finding:
    if case.is_upgrade:
        return Finding(seen.index, code, relation, detail)
    lost = f"{relation.label}.{detail}" if detail else relation.label
    return Finding(seen.index, "downgrade-loses-data", relation, lost)


def _gone_oids(seen: Observation) -> set[int]:
    return set(seen.before.relations) - set(seen.after.relations)


def _by_name(state: State, relation: Relation) -> Relation | None:
    """Return the relation that now has the name of another, which is not it."""
    for each in state.relations.values():
        if (each.schema_oid, each.name) == (relation.schema_oid, relation.name):
            return each
    return None


def _column_names(relation: Relation) -> set[str]:
    return {column.name for column in relation.columns.values() if not column.is_dropped}


def renamed_relations(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find renamed tables and views, unless a view of the old name takes their place."""
    for oid, before, after in changed(seen):
        if before.kind not in "rpfvm" or not case.is_known(oid) or not case.is_upgrade:
            continue
        if (before.schema_oid, before.name) != (after.schema_oid, after.name):
            if _by_name(case.run.end, before) is None:
                yield Finding(seen.index, "renames-table", before.qualified_name)


def renamed_columns(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find renamed columns of tables and views."""
    for oid, before, after in changed(seen):
        if before.kind not in "rpfvm" or not case.is_known(oid) or not case.is_upgrade:
            continue
        known = case.known.relations[oid].columns
        for number, column in after.columns.items():
            old = before.columns.get(number)
            if old and number in known and not column.is_dropped and column.name != old.name:
                yield case.finding(seen, "renames-column", oid, old.name)


def schemas(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find schemas that go or are renamed; what goes with one has its own code."""
    for oid, name in seen.before.schemas.items():
        if oid not in case.known.schemas or not case.is_upgrade:
            continue
        if oid not in seen.after.schemas:
            yield Finding(seen.index, "drops-schema", QualifiedName("", name))
        elif seen.after.schemas[oid] != name:
            yield Finding(seen.index, "renames-schema", QualifiedName("", name))


def types(case: Case) -> Iterator[Finding]:
    """Find types and enum values, by what is there at the end under the old name."""
    if not case.is_upgrade:
        return
    at_end = {(each.schema, each.name): (oid, each) for oid, each in case.run.end.types.items()}
    for oid, before in case.known.types.items():
        found = at_end.get((before.schema, before.name))
        if found is None:
            code = "renames-type" if oid in case.run.end.types else "drops-type"
            if code == "renames-type" and before.schema in _renamed_schemas(case):
                continue
            yield Finding(_when(case, oid), code, before.qualified_name)
            continue
        same, after = found
        if same == oid:
            for label, name in before.labels.items():
                if after.labels.get(label, name) != name:
                    yield Finding(
                        _when(case, oid), "renames-enum-value", before.qualified_name, repr(name)
                    )
        else:
            missing = sorted(set(before.labels.values()) - set(after.labels.values()))
            if missing:
                detail = ", ".join(map(repr, missing))
                yield Finding(_when(case, oid), "drops-enum-value", before.qualified_name, detail)


def _renamed_schemas(case: Case) -> set[str]:
    end = case.run.end.schemas
    return {name for oid, name in case.known.schemas.items() if end.get(oid, name) != name}


def _when(case: Case, oid: int) -> int:
    """Return the statement that last changed a type."""
    for seen in reversed(case.observations):
        if seen.before.types.get(oid) != seen.after.types.get(oid):
            return seen.index
    return -1


def functions(case: Case) -> Iterator[Finding]:
    """Find functions that are gone; no application calls a trigger's."""
    if not case.is_upgrade:
        return
    at_end = set(case.run.end.functions.values())
    for oid, function in case.known.functions.items():
        if function.is_trigger or function in at_end or oid in case.run.end.functions:
            continue
        for seen in case.observations:
            if oid in seen.before.functions and oid not in seen.after.functions:
                yield Finding(seen.index, "drops-function", function.qualified_name)


def access(case: Case) -> Iterator[Finding]:
    """Find rights taken away, and row security switched on, for tables that were there."""
    if not case.is_upgrade:
        return
    for oid, before in case.known.relations.items():
        after = case.run.end.relations.get(oid)
        if after is None or not before.is_table:
            continue
        taken = case.known.grants.get(oid, frozenset()) - case.run.end.grants.get(oid, frozenset())
        if taken or (after.has_row_security and not before.has_row_security):
            yield Finding(_narrowed(case, oid), "narrows-access", before.qualified_name)


def _narrowed(case: Case, oid: int) -> int:
    for seen in case.observations:
        secured = seen.after.relations[oid].has_row_security if oid in seen.after.relations else 0
        if seen.before.grants.get(oid) != seen.after.grants.get(oid) or (
            secured and not seen.before.relations[oid].has_row_security
        ):
            return seen.index
    return -1


RULES = (
    dropped_tables,
    emptied_tables,
    dropped_columns,
    dropped_views,
    renamed_relations,
    renamed_columns,
    schemas,
)
RUN_RULES = (types, functions, access)
