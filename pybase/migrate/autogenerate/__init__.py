"""Revisions from models: complete, in the safe form, and without a guess that loses data.

What has to change is the difference of the catalogs of two real databases, one created by the
revisions and one by the models. What is written counts once a database that it ran on equals the
models'. The developer's own database is never read, and nothing is written where anything fails.
"""

from pybase.migrate.autogenerate._compare import differences
from pybase.migrate.autogenerate._generate import generate
from pybase.migrate.autogenerate._outcome_text import describe
from pybase.migrate.autogenerate._rebase import Rebased, rebase
from pybase.migrate.autogenerate._request import Outcome, Request

__all__ = ["Outcome", "Rebased", "Request", "describe", "differences", "generate", "rebase"]
