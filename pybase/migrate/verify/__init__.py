"""The `check` verb: whether models, revisions and committed SQL agree."""

from pybase.migrate.verify._checks import Finding, check

__all__ = ["Finding", "check"]
