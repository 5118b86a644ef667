"""Kinds of catalog objects, as data: the SQL expressions that identify and define each."""

from pybase.migrate.catalog._kinds import _operators, _relations, _rules, _services, _types
from pybase.migrate.catalog._kinds._coverage import LEFT_OUT, OBJECTS, PARTS
from pybase.migrate.catalog._kinds._kind import Kind, grants

__all__ = ["KINDS", "LEFT_OUT", "OBJECTS", "PARTS", "Kind", "grants"]

KINDS = (
    *_relations.KINDS,
    *_types.KINDS,
    *_operators.KINDS,
    *_rules.KINDS,
    *_services.KINDS,
)
