"""Rules about columns at the end of a revision: required ones, and types to avoid."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from pybase.migrate.catalog import Column, Relation
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._rules._case import Case

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


def column_types(case: Case) -> Iterator[Finding]:
    """Find types to avoid of new columns, and of columns with a new type."""
    if not case.is_upgrade:
        return
    for new in _new_columns(case, retyped=True):
        table = case.run.end.relations[new.oid]
        if table.parent in case.run.end.relations or not table.is_table or table.kind == "m":
            continue
        codes = [code for code, pattern in _TYPES if pattern.match(new.column.type)]
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


RUN_RULES = (required_columns, column_types)
