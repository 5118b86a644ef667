"""Columns whose values a new type may round, cut or compute."""

import re
from collections.abc import Iterator
from math import inf, nan

from pglast import ast

from pybase.migrate.catalog import Column, State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.sql.grammar import trees


def converted(start: State, observation: Observation) -> Iterator[Loss]:
    """Yield the columns whose values a new type may round, cut or compute."""
    retyped = {
        (oid, number): (column, after.columns[number])
        for oid, before, after in observation.changed
        if before.kind in "rp" and oid in start.relations
        for number, column in before.columns.items()
        if number in start.relations[oid].columns
        and not after.columns[number].is_dropped
        and column.type != after.columns[number].type
    }
    for (oid, number), (old, new) in retyped.items():
        table = start.relations[oid]
        if table.parent in {other for other, _ in retyped} or not _is_rewritten(observation, oid):
            continue
        if not _keeps_values(observation, old, new):
            name = table.columns[number].name
            yield Loss(table.qualified_name, name, LossKind.CONVERTED)


def _is_rewritten(observation: Observation, oid: int) -> bool:
    """Whether rows are written again; of a partitioned table without partitions, it is unknown."""
    family = [*observation.after.family(oid)]
    is_empty = observation.after.relations[oid].kind == "p" and len(family) == 1
    return is_empty or any(map(observation.is_rewritten, family))


def _keeps_values(observation: Observation, old: Column, new: Column) -> bool:
    """Whether the server converts every value without a change, or refuses it."""
    using = _using(observation.sql, old.name)
    if using is not None and not _is_plain_cast(using):
        return False
    is_array = old.type.endswith("[]") and new.type.endswith("[]")
    before, after = (c.type.removesuffix("[]") if is_array else c.type for c in (old, new))
    if after in _TEXT:
        return True
    if after.startswith("character varying(") and before.startswith(_TEXT):
        return using is None  # an assignment refuses what is too long; a cast cuts it
    is_enum = any(
        kind.kind == "e" and oid == new.type_oid for oid, kind in observation.after.types.items()
    )
    return is_enum or (before, after) in _EXACT or _scale(after) >= _scale(before)


def _scale(name: str) -> float:
    """Return the digits after the point that a type of exact numbers keeps; of others, none."""
    if name in _INTEGERS:
        return 0
    number = re.fullmatch(r"numeric(?:\(\d+,(-?\d+)\))?", name)
    return nan if number is None else float(number[1] or inf)


def _using(sql: str, column: str) -> object:
    """Return the USING expression of a column's new type; `...` where the text has no ALTER."""
    alters = [tree for tree in trees(sql) if isinstance(tree, ast.AlterTableStmt)]
    if not alters:
        return ...
    commands = [cmd for tree in alters for cmd in tree.cmds or () if cmd.name == column]
    expressions = (getattr(cmd.def_, "raw_default", None) for cmd in commands)
    return next((item for item in expressions if item is not None), None)


def _is_plain_cast(node: object) -> bool:
    return isinstance(node, ast.ColumnRef) or (
        isinstance(node, ast.TypeCast) and _is_plain_cast(node.arg)
    )


_TEXT = ("text", "character varying")
_INTEGERS = ("smallint", "integer", "bigint")
_MOMENTS = ("timestamp without time zone", "timestamp with time zone")
_EXACT = {
    *((old, new) for old in ("date", *_MOMENTS) for new in _MOMENTS),
    ("real", "double precision"),
    ("jsonb", "json"),
}
"""Casts that change no value: they are exact, or refuse it."""
