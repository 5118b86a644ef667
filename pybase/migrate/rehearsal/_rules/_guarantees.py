"""Rules about what a table guaranteed: unique rows, an identity for replication, its children."""

from collections.abc import Iterator, Mapping

from pybase.migrate.catalog import Column, Index, Relation
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case, dropped
from pybase.migrate.sql.grammar import words


def dropped_keys(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find keys and unique indexes that the end of an upgrade has no equal of."""
    gone = {**dict(dropped(observation, "iI")), **_weakened(observation)} if case.is_upgrade else {}
    for oid, relation in gone.items():
        index = relation.index
        if index is None or not index.is_key or not case.is_known(oid):
            continue
        table = case.run.end.relations.get(index.table)
        if table is None or any(parent in gone for parent in relation.parents):
            continue
        before = case.known.relations[index.table].columns
        kept = (case.run.end.relations[key].index for key in case.run.end.indexes_of(index.table))
        is_kept = any(_replaces(other, index) for other in kept if other is not None)
        if not is_kept and not _is_moot(index, before, table.columns):
            yield case.finding(observation, "drops-key", index.table, relation.name)


def _weakened(observation: Observation) -> dict[int, Relation]:
    """Return the indexes that stay, and guarantee less: those of a constraint USING INDEX."""
    return {
        oid: before
        for oid, before, after in observation.changed
        if before.index and after.index and not _replaces(after.index, before.index)
    }


def _replaces(index: Index, other: Index) -> bool:
    """Whether ON CONFLICT takes an index for another one."""
    is_immediate = index.is_immediate or not other.is_immediate
    return index.is_key and is_immediate and _guarantee(index) == _guarantee(other)


def _guarantee(index: Index) -> tuple[object, ...]:
    """Return what is unique: the columns in any order, and the rows that count."""
    return frozenset(index.columns[: index.key_length]), index.expressions, index.predicate


def _is_moot(index: Index, before: Mapping[int, Column], after: Mapping[int, Column]) -> bool:
    """Whether nothing that it was about remains; a primary key also identifies the rows."""
    expressed = {word.strip('"') for word in words(index.expressions or "")}
    numbers = {number for number, column in before.items() if column.name in expressed}
    numbers |= {*index.columns[: index.key_length]} - {0}
    gone = [number in after and after[number].is_dropped for number in numbers]
    return not index.is_primary and bool(gone) and all(gone)


def replica_identities(case: Case) -> Iterator[Finding]:
    """Find tables that were written to, and that no UPDATE or DELETE can change at the end."""
    for oid in case.run.end.without_identity - case.known.without_identity:
        if case.is_known_table(oid) and case.observations:
            name = case.known.relations[oid].qualified_name
            yield Finding(_loses_identity(case, oid), "loses-replica-identity", name)


def _loses_identity(case: Case, oid: int) -> int:
    for item in reversed(case.observations):
        if oid in item.after.without_identity and oid not in item.before.without_identity:
            return item.index
    return -1


def detached_children(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find tables that no longer inherit; a partition is detached on purpose."""
    for oid, before, after in observation.changed if case.is_upgrade else ():
        for parent in {*before.parents} - {*after.parents}:
            table = observation.after.relations.get(parent)
            if table is None or table.kind == "p" or not before.is_table:
                continue
            if case.is_known(oid) and case.is_known(parent):
                name = case.known.relations[parent].qualified_name
                yield Finding(observation.index, "detaches-child", name, before.label)


RULES = (dropped_keys, detached_children)
RUN_RULES = (replica_identities,)
