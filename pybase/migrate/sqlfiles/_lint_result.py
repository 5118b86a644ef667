"""What the lint of `sql/` returns."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from pybase.migrate.record import ERROR, WARNING

NOTE = "note"
"""The level of what is no fault."""


class LintFinding(Struct, frozen=True):
    """One finding at one place. `file` is relative to the project's root.

    `accepted` is the reason for which a revision accepts it, `key` its name in `accepted_hazards`,
    `statement` its SQL where it has one.
    """

    file: str
    line: int
    revision: str = ""
    direction: str = ""
    relation: str = ""
    code: str = ""
    level: str = ERROR
    message: str = ""
    fix: str = ""
    accepted: str | None = None
    key: str = ""
    statement: str = ""


class LintResult(Struct, frozen=True):
    """All findings, and of how many files and revisions.

    `assumed` has the settings of sqlfluff that are ours, because the project has none.
    """

    findings: tuple[LintFinding, ...]
    files: int
    revisions: int
    assumed: Mapping[str, Any] = {}

    @property
    def errors(self) -> int:
        """How many errors are not accepted."""
        return self._count(ERROR)

    @property
    def warnings(self) -> int:
        """How many warnings are not accepted."""
        return self._count(WARNING)

    def _count(self, level: str) -> int:
        return sum(1 for f in self.findings if f.level == level and f.accepted is None)
