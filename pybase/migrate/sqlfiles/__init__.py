"""The folder `sql/`: records, SQL files, manifest, freshness, lint.

Quick to import: what renders, rehearses or lints is imported when something has to be done.
"""

from pybase.migrate.sqlfiles._build import Built, Reviewed, build, check, files, review, write
from pybase.migrate.sqlfiles._files import Stale, compare, sql_file, stems
from pybase.migrate.sqlfiles._header import NOT_REHEARSED, hazard_words, what_is_done
from pybase.migrate.sqlfiles._lint import LintFinding, LintResult, hazard_findings, lint
from pybase.migrate.sqlfiles._load import Committed, StaleError, load

__all__ = [
    "NOT_REHEARSED",
    "Built",
    "Committed",
    "LintFinding",
    "LintResult",
    "Reviewed",
    "Stale",
    "StaleError",
    "build",
    "check",
    "compare",
    "files",
    "hazard_findings",
    "hazard_words",
    "lint",
    "load",
    "review",
    "sql_file",
    "stems",
    "what_is_done",
    "write",
]
