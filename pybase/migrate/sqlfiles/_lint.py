"""Lint the folder `sql/`: is it fresh, is it well laid out, and what would it do to a live server.

Owns what one line of the lint is, and where it points. The hazards come from `rehearse`, the
layout from `layout`; `findings` puts them in one list.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pybase.core.settings import Settings
from pybase.migrate.rehearsal._hazards import (
    ERROR,
    HAZARDS,
    WARNING,
    Finding,
    acceptance_faults,
    reason_for,
)
from pybase.migrate.sqlfiles import _files as sqlfiles
from pybase.migrate.sqlfiles import _freshness as freshness
from pybase.migrate.sqlfiles._header import first_comment_line

if TYPE_CHECKING:
    from pybase.migrate.revisions._history import History
    from pybase.migrate.revisions._render import RenderedRevision, Rendering
    from pybase.migrate.sqlfiles._build import Built

_NOTE = "lint"


@dataclass(frozen=True)
class Line:
    """One finding at one place. `file` is relative to the project's root.

    `accepted` is the reason for which a revision accepts it, `statement` its SQL where it has one.
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
    statement: str = ""


@dataclass(frozen=True)
class Result:
    """All findings, and of how many files and revisions."""

    lines: tuple[Line, ...]
    files: int
    revisions: int

    @property
    def errors(self) -> int:
        """How many errors nobody has accepted."""
        return self._count(ERROR)

    @property
    def warnings(self) -> int:
        """How many warnings nobody has accepted."""
        return self._count(WARNING)

    def _count(self, level: str) -> int:
        return sum(1 for line in self.lines if line.level == level and line.accepted is None)


def lint(settings: Settings, since: str | None = None) -> Result:
    """Lint every file; with `since`, the revisions that came after that one.

    Raises UsageError for an unknown revision, DatabaseError when nothing can be rehearsed.
    """
    noted = freshness.recall(settings, _NOTE)
    if noted is None or since is not None:
        from pybase.migrate.revisions import _history as history

        revisions = history.read(settings)
        noted = noted or _lint(revisions)
        noted = noted if since is None else _after(noted, revisions, since)
    return Result(
        tuple(Line(**each) for each in noted["lines"]), noted["files"], noted["revisions"]
    )


def _lint(history: "History") -> dict[str, Any]:
    """Lint all of it, and note the result for the next time."""
    from pybase.migrate.sqlfiles import _build as build
    from pybase.migrate.sqlfiles import _sqlfluff as layout

    settings = history.settings
    built = build.build(history)
    files = build.files(settings, built)
    stale = sqlfiles.compare(settings.sql, files)
    lines = [
        *_stale_lines(settings, stale),
        *layout.lint(settings, files),
        *(line for each in hazard_lines(settings, built, files) for line in each),
    ]
    result = {
        "lines": [asdict(line) for line in lines],
        "files": len(files),
        "revisions": len(built.reports),
    }
    freshness.take_note(settings, _NOTE, [*built.rendered.folders, settings.sql], result)
    return result


def _after(noted: Mapping[str, Any], history: "History", since: str) -> dict[str, Any]:
    """Leave out what is told of `since` and its ancestors; what is of no revision stays."""
    start = history.get(since).revision
    old = list(history.scripts.iterate_revisions(start, "base"))
    names = {each.revision for each in old} | {Path(each.path).stem for each in old}
    lines = [
        line for line in noted["lines"] if not names & {line["revision"], Path(line["file"]).stem}
    ]
    return {**noted, "lines": lines, "revisions": len(history.revisions) - len(old)}


def _stale_lines(settings: Settings, stale: Iterable[sqlfiles.Stale]) -> Iterator[Line]:
    """Tell each file that is not fresh, or once that the whole folder is missing."""
    folder = settings.options.sql
    found = [(settings.written_name(each.path), f"the file is {each.reason}") for each in stale]
    if found and not settings.sql.exists():
        found = [(folder, "the folder is missing")]
    for file, reason in found:
        yield Line(
            file=file,
            line=1,
            code="not-fresh",
            message=f"{reason}: it is not what the revisions render to.",
            fix="Run `nox -s sql` and commit what it writes.",
        )


def hazard_lines(
    settings: Settings, built: "Built", files: Mapping[str, str]
) -> Iterator[list[Line]]:
    """Return the hazards of each revision, in order, with the lines of its files that show them."""
    for revision, report in zip(built.rendered.revisions, built.reports, strict=True):
        faults = acceptance_faults(
            revision.accepted, (*report.upgrade.findings, *report.downgrade.findings)
        )
        up, down = revision.upgrade, revision.downgrade
        yield [
            *_lines(settings, revision, up, (*report.upgrade.findings, *faults), files),
            *_lines(settings, revision, down, report.downgrade.findings, files),
        ]


def _lines(
    settings: Settings,
    revision: "RenderedRevision",
    rendering: "Rendering",
    findings: Iterable[Finding],
    files: Mapping[str, str],
) -> Iterator[Line]:
    direction = "upgrade" if rendering is revision.upgrade else "downgrade"
    path = f"{direction}/{revision.file_stem}.sql"
    for finding in findings:
        hazard = HAZARDS[finding.code]
        known = 0 <= finding.statement < len(rendering.statements)
        yield Line(
            file=f"{settings.options.sql}/{path}",
            line=_place(files[path], finding),
            revision=revision.script.revision,
            direction=direction,
            relation=finding.relation,
            code=finding.code,
            level=hazard.level,
            message=finding.message,
            fix=hazard.recipe,
            accepted=reason_for(revision.accepted, finding),
            statement=rendering.statements[finding.statement] if known else "",
        )


def _place(text: str, finding: Finding) -> int:
    """Find the line that tells the hazard: above its statement, or else in the header."""
    comment = first_comment_line(finding)
    for wanted in (lambda line: line == comment, lambda line: finding.code in line):
        for number, line in enumerate(text.split("\n"), 1):
            if wanted(line):
                return number
    return 1
