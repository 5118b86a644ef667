"""The folder `sql/`: records, SQL files, manifest, freshness, lint.

Quick to import: what renders, rehearses or lints is imported when something has to be done.
"""

from pybase.migrate.sqlfiles._build import (
    PACKAGES,
    Built,
    Reviewed,
    build,
    check,
    files,
    review,
    stale_revisions,
    write,
)
from pybase.migrate.sqlfiles._files import sql_file, stems
from pybase.migrate.sqlfiles._folder import Replaced, Stale, compare, replaced
from pybase.migrate.sqlfiles._header import (
    NOT_REHEARSED,
    effect_words,
    hazard_words,
    header,
    what_is_done,
)
from pybase.migrate.sqlfiles._lint import hazard_findings, lint
from pybase.migrate.sqlfiles._lint_result import LintFinding, LintResult
from pybase.migrate.sqlfiles._load import Committed, StaleError, load, read_history, revision_files
from pybase.migrate.sqlfiles._manifest import NAME as MANIFEST
from pybase.migrate.sqlfiles._manifest import has_manifest

__all__ = [
    "MANIFEST",
    "NOT_REHEARSED",
    "PACKAGES",
    "Built",
    "Committed",
    "LintFinding",
    "LintResult",
    "Replaced",
    "Reviewed",
    "Stale",
    "StaleError",
    "build",
    "check",
    "compare",
    "effect_words",
    "files",
    "has_manifest",
    "hazard_findings",
    "hazard_words",
    "header",
    "lint",
    "load",
    "read_history",
    "replaced",
    "review",
    "revision_files",
    "sql_file",
    "stale_revisions",
    "stems",
    "what_is_done",
    "write",
]
