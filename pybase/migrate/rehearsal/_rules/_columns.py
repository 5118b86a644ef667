"""Columns as the revision leaves them: required ones, and types that will be regretted."""

import re
from collections.abc import Iterator

from pybase.migrate.catalog._state import Column, Relation
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._rules._case import Case

_ADVICE = (
    ("timestamp-without-zone", re.compile(r"^timestamp(\(\d\))? without time zone(\[\])*$")),
    ("json-column", re.compile(r"^json(\[\])*$")),
    ("char-column", re.compile(r"^(character\(\d+\)|bpchar)(\[\])*$")),
)


def required(case: Case) -> Iterator[Finding]:
    """Find new columns of known tables into which an old INSERT cannot write."""
    for number, oid, column in _new_columns(case):
        if not case.is_known(oid) or case.run.end.relations[oid].parent in case.known.relations:
            continue
        is_filled = column.default is not None or column.identity or column.generated
        if column.is_required and not is_filled:
            name = case.known.relations[oid].qualified_name
            yield Finding(_added(case, oid, number), "adds-required-column", name, column.name)


def advice(case: Case) -> Iterator[Finding]:
    """Types of new columns, and of columns that got a new type."""
    if not case.is_upgrade:
        return
    for number, oid, column in _new_columns(case, retyped=True):
        table = case.run.end.relations[oid]
        if table.parent in case.run.end.relations or not table.is_table or table.kind == "m":
            continue
        codes = [code for code, pattern in _ADVICE if pattern.match(column.type)]
        if _is_small_key(table, number, column):
            codes.append("small-key")
        for code in codes:
            yield Finding(_added(case, oid, number), code, table.qualified_name, column.name)


def _is_small_key(table: Relation, number: int, column: Column) -> bool:
    if column.type not in ("smallint", "integer"):
        return False
    counts = bool(column.identity) or "nextval(" in (column.default or "")
    alone = any(k.kind == "p" and k.columns == (number,) for k in table.constraints.values())
    references = any(k.kind == "f" and number in k.columns for k in table.constraints.values())
    return (counts or alone) and not references


def _new_columns(case: Case, *, retyped: bool = False) -> Iterator[tuple[int, int, Column]]:
    for oid, relation in case.run.end.relations.items():
        start = case.run.start.relations.get(oid)
        if start is relation:
            continue
        for number, column in relation.columns.items():
            old = start.columns.get(number) if start else None
            if not column.is_dropped and (old is None or (retyped and old.type != column.type)):
                yield number, oid, column


def _added(case: Case, oid: int, number: int) -> int:
    """Return the statement after which the column is there with its type."""
    for seen in case.observations:
        after = seen.after.relations.get(oid)
        before = seen.before.relations.get(oid)
        column = after.columns.get(number) if after else None
        old = before.columns.get(number) if before else None
        if column is not None and (old is None or old.type != column.type):
            return seen.index
    return -1


RUN_RULES = (required, advice)
