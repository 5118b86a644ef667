"""The folder `sql/`: records, SQL files, manifest, freshness, lint.

Quick to import: what renders, rehearses or lints is imported when something has to be done.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.sqlfiles._build import PACKAGES as PACKAGES
    from pybase.migrate.sqlfiles._build import Built as Built
    from pybase.migrate.sqlfiles._build import Reviewed as Reviewed
    from pybase.migrate.sqlfiles._build import build as build
    from pybase.migrate.sqlfiles._build import check as check
    from pybase.migrate.sqlfiles._build import files as files
    from pybase.migrate.sqlfiles._build import review as review
    from pybase.migrate.sqlfiles._build import stale_revisions as stale_revisions
    from pybase.migrate.sqlfiles._build import write as write
    from pybase.migrate.sqlfiles._files import SqlFile as SqlFile
    from pybase.migrate.sqlfiles._files import scripts as scripts
    from pybase.migrate.sqlfiles._files import sql_file as sql_file
    from pybase.migrate.sqlfiles._files import stems as stems
    from pybase.migrate.sqlfiles._folder import Replaced as Replaced
    from pybase.migrate.sqlfiles._folder import Stale as Stale
    from pybase.migrate.sqlfiles._folder import compare as compare
    from pybase.migrate.sqlfiles._folder import replaced as replaced
    from pybase.migrate.sqlfiles._header import NOT_REHEARSED as NOT_REHEARSED
    from pybase.migrate.sqlfiles._header import effect_words as effect_words
    from pybase.migrate.sqlfiles._header import hazard_words as hazard_words
    from pybase.migrate.sqlfiles._header import header as header
    from pybase.migrate.sqlfiles._layout import committed_layout as committed_layout
    from pybase.migrate.sqlfiles._lint import hazard_findings as hazard_findings
    from pybase.migrate.sqlfiles._lint import lint as lint
    from pybase.migrate.sqlfiles._lint_result import LintFinding as LintFinding
    from pybase.migrate.sqlfiles._lint_result import LintResult as LintResult
    from pybase.migrate.sqlfiles._load import Committed as Committed
    from pybase.migrate.sqlfiles._load import StaleError as StaleError
    from pybase.migrate.sqlfiles._load import env_file as env_file
    from pybase.migrate.sqlfiles._load import load as load
    from pybase.migrate.sqlfiles._load import read_history as read_history
    from pybase.migrate.sqlfiles._load import revision_files as revision_files
    from pybase.migrate.sqlfiles._manifest import MANIFEST as MANIFEST
    from pybase.migrate.sqlfiles._manifest import has_manifest as has_manifest
    from pybase.migrate.sqlfiles._records import own_digests as own_digests
    from pybase.migrate.sqlfiles._sqlfluff import lint_draft as lint_draft
else:
    __getattr__ = lazy(
        __name__,
        {
            "_build": "Built PACKAGES Reviewed build check files review stale_revisions write",
            "_files": "SqlFile scripts sql_file stems",
            "_folder": "Replaced Stale compare replaced",
            "_header": "NOT_REHEARSED effect_words hazard_words header",
            "_layout": "committed_layout",
            "_lint": "hazard_findings lint",
            "_lint_result": "LintFinding LintResult",
            "_load": "Committed StaleError env_file load read_history revision_files",
            "_manifest": "MANIFEST has_manifest",
            "_records": "own_digests",
            "_sqlfluff": "lint_draft",
        },
    )
