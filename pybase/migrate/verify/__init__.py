"""The `check` verb: whether models, revisions and committed SQL agree."""

from pybase.migrate.verify._checks import Finding, check, check_models

__all__ = ["Finding", "check", "check_models"]
