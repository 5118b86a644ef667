"""The `check` verb: whether models, revisions, committed SQL and the user's database agree.

It proves that on scratch databases, writes no file, and only reads the user's database.
"""

from pybase.migrate.verify._checks import Finding, check, check_models

__all__ = ["Finding", "check", "check_models"]
