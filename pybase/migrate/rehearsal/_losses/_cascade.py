"""Objects that a revision with CASCADE drops where it is rehearsed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pglast import ast, enums

from pybase.migrate.catalog import Relation, State
from pybase.migrate.record import DroppedObject, ObjectKind
from pybase.migrate.rehearsal._losses._names import lost_columns
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules import Case
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import is_opaque, parsed, trees


def cascade(case: Case) -> tuple[DroppedObject, ...]:
    """Return all objects that are dropped, where a statement has CASCADE; else nothing."""
    if not any(map(_may_cascade, case.observations)):
        return ()
    named = {
        item
        for observation in case.observations
        for tree in trees(observation.sql)
        for item in _named_objects(tree)
    }
    return tuple(sorted({*_dropped_objects(case.run.start, case.run.end), *named}))


def _named_objects(tree: Any) -> Iterator[DroppedObject]:
    """Yield what a DROP names, there or not."""
    kind = _OBJECTS.get(tree.removeType) if isinstance(tree, ast.DropStmt) else None
    if kind is None:
        return
    default = "public" if kind in (ObjectKind.RELATION, ObjectKind.TYPE) else ""
    for item in tree.objects or ():
        words = getattr(item, "names", item)  # of a type
        *schema, name = (word.sval for word in (words if isinstance(words, tuple) else (words,)))
        yield DroppedObject(kind, QualifiedName(schema[-1] if schema else default, name))


_OBJECTS: Mapping[Any, ObjectKind] = {
    enums.ObjectType.OBJECT_TABLE: ObjectKind.RELATION,
    enums.ObjectType.OBJECT_FOREIGN_TABLE: ObjectKind.RELATION,
    enums.ObjectType.OBJECT_MATVIEW: ObjectKind.RELATION,
    enums.ObjectType.OBJECT_VIEW: ObjectKind.RELATION,
    enums.ObjectType.OBJECT_SEQUENCE: ObjectKind.RELATION,
    enums.ObjectType.OBJECT_SCHEMA: ObjectKind.SCHEMA,
    enums.ObjectType.OBJECT_EXTENSION: ObjectKind.EXTENSION,
    enums.ObjectType.OBJECT_TYPE: ObjectKind.TYPE,
    enums.ObjectType.OBJECT_DOMAIN: ObjectKind.TYPE,
}
"""What DROP ... CASCADE is followed from."""


def _may_cascade(observation: Observation) -> bool:
    sql, tree = observation.sql, parsed(observation.sql)
    if observation.is_of_python:
        return True
    if tree is None or is_opaque(sql):
        return re.search(r"\bcascade\b", sql, re.IGNORECASE) is not None
    parts = (tree, *(getattr(tree, "cmds", None) or ()))
    is_drop = not isinstance(tree, ast.TruncateStmt)
    cascading = enums.DropBehavior.DROP_CASCADE
    return is_drop and any(getattr(part, "behavior", None) == cascading for part in parts)


def _dropped_objects(start: State, end: State) -> Iterator[DroppedObject]:
    for oid, name in start.schemas.items():
        if oid not in end.schemas:
            yield DroppedObject(ObjectKind.SCHEMA, QualifiedName("", name))
    for oid, kind in start.types.items():
        if oid not in end.types:
            yield DroppedObject(ObjectKind.TYPE, kind.qualified_name)
    for oid, function in start.functions.items():
        if oid not in end.functions:
            yield DroppedObject(ObjectKind.FUNCTION, function.qualified_name, function.arguments)
    for oid, relation in start.relations.items():
        after = end.relations.get(oid)
        if after is not relation and relation.kind not in "iIc":
            yield from _dropped_parts(relation, after, lost_columns(start, end, oid))


def _dropped_parts(
    before: Relation, after: Relation | None, columns: Iterable[str]
) -> Iterator[DroppedObject]:
    name = before.qualified_name
    if after is None:
        yield DroppedObject(ObjectKind.RELATION, name)
    for column in columns:
        yield DroppedObject(ObjectKind.COLUMN, name, column)
    for oid, constraint in before.constraints.items():
        if after is None or oid not in after.constraints:
            yield DroppedObject(ObjectKind.CONSTRAINT, name, constraint.name)
