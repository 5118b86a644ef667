"""Scope of a comparison: the metadata and the filters that env.py configures."""

from pybase.migrate.autogenerate._scope._metadata import Scope, read_scope
from pybase.migrate.autogenerate._scope._reflection import reflect

__all__ = ["Scope", "read_scope", "reflect"]
