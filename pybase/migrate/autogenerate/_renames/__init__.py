"""Renames: what is dropped and added may be one object under two names, whose data must stay."""

from pybase.migrate.autogenerate._renames._resolve import Resolved, resolve_renames

__all__ = ["Resolved", "resolve_renames"]
