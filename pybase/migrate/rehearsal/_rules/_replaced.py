"""Rules about objects that the end has under the old name, but not as they were."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pglast import ast

from pybase.migrate.catalog import Function, Relation
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules._case import Case, dropped
from pybase.migrate.rehearsal._rules._objects import by_name, renamed_schemas
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import code_words, is_kind


def functions(case: Case) -> Iterator[Finding]:
    """Find dropped, renamed and changed functions; no application calls those of triggers."""
    end = {_signature(item): item for item in case.run.end.functions.values()}
    for oid, function in case.known.functions.items() if case.is_upgrade else ():
        after = end.get(_signature(function))
        same = case.run.end.functions.get(oid)
        if function.is_trigger or function.schema in renamed_schemas(case):
            continue
        if same is not None and same.qualified_name == function.qualified_name:
            continue  # at most a type among its arguments has another name
        if after is None and any(_takes_calls(item, function) for item in end.values()):
            continue
        if after is None:
            code = "renames-function" if oid in case.run.end.functions else "drops-function"
            yield Finding(_last_change(case, oid), code, function.qualified_name)
        elif oid not in case.run.end.functions and (change := _change(function, after)):
            index = _last_change(case, oid)
            yield Finding(index, "changes-function", function.qualified_name, change)


def _signature(function: Function) -> tuple[str, ...]:
    return function.schema, function.name, function.arguments


def _takes_calls(function: Function, other: Function) -> bool:
    """Whether it is the other one with more arguments, which have defaults."""
    names = (function.schema, function.name, function.result)
    begin = f"{other.arguments}, " if other.arguments else ""
    return (
        names == (other.schema, other.name, other.result)
        and function.arguments.startswith(begin)
        and function.required_arguments <= other.required_arguments
    )


def _change(before: Function, after: Function) -> str:
    """Return what is different for a caller of the new function, as an end of a sentence."""
    if before.result != after.result:
        return f"{before.result or 'no result'} becomes {after.result or 'no result'}"
    is_longer = after.required_arguments > before.required_arguments
    return "an argument has no default any more" if is_longer else ""


def _last_change(case: Case, oid: int) -> int:
    """Return the statement that dropped or last changed a function."""
    for observation in reversed(case.observations):
        if observation.before.functions.get(oid) != observation.after.functions.get(oid):
            return observation.index
    return -1


class _Recreated(NamedTuple):
    """A view or function that was dropped, and whether OR REPLACE would have been enough."""

    observation: Observation
    name: QualifiedName
    is_replaceable: bool


def recreated(case: Case) -> Iterator[Finding]:
    """Find views and functions that are dropped only to be created with the same interface.

    Where one of them must be dropped, those that depend on it must be, too; so must they for any
    other statement in between.
    """
    found = [*_recreated(case)] if case.is_upgrade else []
    if not all(item.is_replaceable for item in found):
        return
    for observation, name, _ in found:
        later = [item.sql for item in case.observations if item.index > observation.index]
        create = [index for index, sql in enumerate(later) if is_kind(sql, *_CREATES)][-1:]
        needed = later[: create[0]] if create else later
        is_plain = all(is_kind(sql, ast.DropStmt, *_CREATES) for sql in needed)
        if is_plain and not any(_grants(sql, name) for sql in later):
            yield Finding(observation.index, "recreates-object", name)


_CREATES = (ast.ViewStmt, ast.CreateFunctionStmt)


def _grants(sql: str, name: QualifiedName) -> bool:
    return is_kind(sql, ast.GrantStmt) and name.name.lower() in code_words(sql)


def _recreated(case: Case) -> Iterator[_Recreated]:
    end = case.run.end
    for observation in case.observations:
        for oid, view in dropped(observation, "v"):
            after = by_name(end, view)
            if case.is_known(oid) and after is not None and after.kind == "v":
                is_same = _begins_with(_columns(after), _columns(view))
                yield _Recreated(observation, view.qualified_name, is_same)
        for oid, function in observation.before.functions.items():
            if oid in case.known.functions and oid not in observation.after.functions:
                signatures = {_signature(item) for item in end.functions.values()}
                if _signature(function) in signatures and not function.is_trigger:
                    is_same = function in end.functions.values()
                    yield _Recreated(observation, function.qualified_name, is_same)


def _columns(view: Relation) -> list[tuple[str, str, str]]:
    return [(item.name, item.type, item.collation) for _, item in sorted(view.columns.items())]


def _begins_with(columns: Sequence[object], start: Sequence[object]) -> bool:
    return columns[: len(start)] == start


def unpopulated(case: Case) -> Iterator[Finding]:
    """Find materialized views that no query can read at the end."""
    for oid, view in case.run.end.relations.items():
        before = case.run.start.relations.get(oid)
        if view.is_populated or (before is not None and not before.is_populated):
            continue
        known = by_name(case.known, view)
        if known is not None and known.is_populated:
            yield Finding(_last_version(case, oid), "empties-view", view.qualified_name)
        elif known is None and case.is_upgrade:
            yield Finding(_last_version(case, oid), "view-without-data", view.qualified_name)


def _last_version(case: Case, oid: int) -> int:
    for item in reversed(case.observations):
        if item.before.relations.get(oid) != item.after.relations.get(oid):
            return item.index
    return -1


RUN_RULES = (functions, recreated, unpopulated)
