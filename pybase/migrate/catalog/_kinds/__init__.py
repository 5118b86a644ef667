"""Kinds of catalog objects, as data: the SQL expressions that identify and define each."""

from pybase.migrate.catalog._kinds import _relations, _rules, _services, _types
from pybase.migrate.catalog._kinds._kind import Kind, grants

__all__ = ["KINDS", "Kind", "grants"]

KINDS = (*_relations.KINDS, *_types.KINDS, *_rules.KINDS, *_services.KINDS)
