"""Renames: what is dropped and added may be one object under two names, whose data must stay."""

from pybase.migrate.autogenerate._renames._resolve import resolve_renames

__all__ = ["resolve_renames"]
