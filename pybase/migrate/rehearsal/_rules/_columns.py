"""Rules about columns at the end of a revision: required ones, and types to avoid."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pglast import ast

from pybase.migrate.catalog import Column, Relation
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql.grammar import is_kind, parsed

_TYPES = (
    ("timestamp-without-zone", re.compile(r"^timestamp(\(\d\))? without time zone(\[\])*$")),
    ("json-column", re.compile(r"^json(\[\])*$")),
    ("char-column", re.compile(r"^(character\(\d+\)|bpchar)(\[\])*$")),
)


class _NewColumn(NamedTuple):
    oid: int
    number: int
    column: Column


def required_columns(case: Case) -> Iterator[Finding]:
    """Find new columns of known tables for which an old INSERT has no value."""
    for new in _new_columns(case):
        table, column = case.run.end.relations[new.oid], new.column
        if not case.is_known(new.oid) or table.parent in case.known.relations:
            continue
        is_filled = column.default is not None or column.identity or column.generated
        if column.is_required and not is_filled:
            name = case.known.relations[new.oid].qualified_name
            yield Finding(_statement(case, new), "adds-required-column", name, column.name)


def given_values(case: Case) -> Iterator[Finding]:
    """Find columns for which an old INSERT must now give a value, or may no longer give one."""
    for oid, before in case.known.relations.items() if case.is_upgrade else ():
        after = case.run.end.relations.get(oid)
        if after is None or not before.is_table or before.parent in case.known.relations:
            continue
        for number, old in before.columns.items():
            column = after.columns.get(number)
            if column is None or column.is_dropped:
                continue
            code = _refused(old, column)
            if code:
                index = _change(case, oid, number)
                yield Finding(index, code, before.qualified_name, column.name)


def _refused(old: Column, column: Column) -> str:
    """Return the hazard for an INSERT that fits the old column and not the new one."""
    if _is_filled(old) and column.is_required and not _is_filled(column):
        return "drops-default"
    was_given = old.identity != "a" and not old.generated
    takes_none = column.identity == "a" or column.generated
    return "generates-always" if was_given and takes_none else ""


def _is_filled(column: Column) -> bool:
    is_null = column.default is not None and _NULL.match(column.default)
    has_default = (column.default or column.type_default) is not None and not is_null
    return has_default or bool(column.identity or column.generated)


_NULL = re.compile(r"NULL\b", re.IGNORECASE)
_TIME = re.compile(
    r"^(date|timestamp|time)(?:\(\d\))?( with time zone)?(?: without time zone)?(?:\[\])*$"
)
_MOMENT = ("timestamp", " with time zone")
_SETS_ZONE = re.compile(r"\bset_config\s*\(\s*'timezone'", re.IGNORECASE)
_GIVES_ZONE = re.compile(r"\bat\s+time\s+zone\b|\btimezone\s*\(", re.IGNORECASE)


def time_zones(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find moments that are converted by the time zone of the session that runs the statement."""
    for oid, before, after in observation.changed:
        if not case.is_known_table(oid) or before.parent in case.known.relations:
            continue
        for number, old in before.columns.items():
            column = after.columns.get(number)
            if column is None or column.is_dropped or _gives_zone(case, observation):
                continue
            if _is_converted_by_zone(old.type, column.type):
                yield case.finding(observation, "depends-on-time-zone", oid, old.name)


def _is_converted_by_zone(old: str, new: str) -> bool:
    """Whether a moment becomes what a clock or calendar shows, or that becomes a moment."""
    before, after = (match and match.groups() for match in map(_TIME.match, (old, new)))
    if before is None or after is None or before == after:
        return False
    return _MOMENT in (before, after) or (not before[1] and bool(after[1]))


def _gives_zone(case: Case, observation: Observation) -> bool:
    """Whether the statement names a time zone, or an earlier one has set it."""
    earlier = [item.sql for item in case.observations if item.index < observation.index]
    settings = (parsed(sql) for sql in earlier if is_kind(sql, ast.VariableSetStmt))
    is_set = any(setting.name == "timezone" for setting in settings)
    return (
        is_set or any(map(_SETS_ZONE.search, earlier)) or bool(_GIVES_ZONE.search(observation.sql))
    )


def column_types(case: Case) -> Iterator[Finding]:
    """Find types to avoid of new columns, and of columns with a new type."""
    if not case.is_upgrade:
        return
    for new in _new_columns(case, retyped=True):
        table = case.run.end.relations[new.oid]
        if table.parent in case.run.end.relations or not table.is_table or table.kind == "m":
            continue
        start = case.run.start.relations.get(new.oid)
        old = start.columns.get(new.number) if start else None
        before = old.type if old else ""
        codes = [c for c, kind in _TYPES if kind.match(new.column.type) and not kind.match(before)]
        if _is_small_key(table, new):
            codes.append("small-key")
        for code in codes:
            yield Finding(_statement(case, new), code, table.qualified_name, new.column.name)


def _is_small_key(table: Relation, new: _NewColumn) -> bool:
    if new.column.type not in ("smallint", "integer"):
        return False
    is_serial = bool(new.column.identity) or "nextval(" in (new.column.default or "")
    keys = table.constraints.values()
    is_primary = any(key.kind == "p" and key.columns == (new.number,) for key in keys)
    is_reference = any(key.kind == "f" and new.number in key.columns for key in keys)
    return (is_serial or is_primary) and not is_reference


def _new_columns(case: Case, *, retyped: bool = False) -> Iterator[_NewColumn]:
    for oid, relation in case.run.end.relations.items():
        start = case.run.start.relations.get(oid)
        if start is relation:
            continue
        for number, column in relation.columns.items():
            old = start.columns.get(number) if start else None
            if not column.is_dropped and (old is None or (retyped and old.type != column.type)):
                yield _NewColumn(oid, number, column)


def _change(case: Case, oid: int, number: int) -> int:
    """Return the statement that last changed a column."""
    for observation in reversed(case.observations):
        states = (observation.before, observation.after)
        before, after = (state.relations.get(oid) for state in states)
        if before and after and before.columns.get(number) != after.columns.get(number):
            return observation.index
    return -1


def _statement(case: Case, new: _NewColumn) -> int:
    """Return the statement after which the column exists with its type."""
    for observation in case.observations:
        after = observation.after.relations.get(new.oid)
        before = observation.before.relations.get(new.oid)
        column = after.columns.get(new.number) if after else None
        old = before.columns.get(new.number) if before else None
        if column is not None and (old is None or old.type != column.type):
            return observation.index
    return -1


RULES = (time_zones,)
RUN_RULES = (required_columns, given_values, column_types)
