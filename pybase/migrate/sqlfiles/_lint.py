"""The lint of `sql/`: is it fresh, is it well laid out, and what would it do to a live server."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pybase.core import cache
from pybase.core.files import digest, digest_files
from pybase.core.inputs import inputs_digest
from pybase.core.settings import Settings
from pybase.migrate.layout import SCRIPT
from pybase.migrate.record import (
    Direction,
    Directions,
    Finding,
    Record,
    acceptance_faults,
    acceptance_key,
)
from pybase.migrate.sql import HIDDEN_HINT, hidden_character
from pybase.migrate.sqlfiles import _build
from pybase.migrate.sqlfiles._files import SqlFile, scripts, sql_file, stems
from pybase.migrate.sqlfiles._folder import Stale, compare, hint, read
from pybase.migrate.sqlfiles._lint_result import LintFinding, LintResult
from pybase.migrate.sqlfiles._load import read_history

if TYPE_CHECKING:
    from pybase.migrate.revisions import AlembicScript, History

_KIND = "lint"


def lint(settings: Settings, since: str | None = None) -> LintResult:
    """Lint every file; with `since`, only the revisions after that one.

    Raises UsageError for an unknown revision, DatabaseError when nothing can be rehearsed.
    """
    key = _key(settings)
    result = None if key is None else cache.recall(settings, _KIND, key, LintResult)
    if result is not None and since is None:
        return result
    history = read_history(settings)
    old = [] if since is None else _until(history, since)
    return _without(result or _lint(history, old), old)


def _lint(history: "History", old: "Collection[AlembicScript]") -> LintResult:
    """Lint all of it but the layout of `old` revisions, and remember a complete result."""
    from pybase.migrate.sqlfiles import _sqlfluff as layout  # a second of imports

    settings = history.settings
    built = _build.build(history)
    files = _build.files(settings, built)
    names = stems([record.revision for record in built.records])
    hazards = (
        finding
        for record in built.records
        for finding in hazard_findings(settings, record, names[record.revision.id])
    )
    stale = [*_stale_findings(settings, compare(settings.sql, files))]
    configured = layout.configured(settings)
    skipped = {Path(script.path).stem for script in old}
    of_layout = layout.lint_layout(settings, scripts(built.records), configured, skipped)
    findings = (*stale, *_hidden(settings), *of_layout, *hazards)
    result = LintResult(findings, len(files), len(built.records), configured[0])
    key = _key(settings)
    if key is not None and not stale and not old:  # what git ignores may change meanwhile
        cache.remember(settings, _KIND, key, result)
    return result


def _key(settings: Settings) -> str | None:
    """Return the digest of all that a result depends on; None where that is unknown."""
    inputs = inputs_digest(settings, _build.PACKAGES, folders=[settings.sql])
    layout = digest_files(str(settings.root / name) for name in _LAYOUT_SETTINGS)
    return inputs and digest(f"{inputs} {layout}".encode())


_LAYOUT_SETTINGS = (".sqlfluff", "setup.cfg", "tox.ini", "pep8.ini")
"""Where sqlfluff looks for its settings, in addition to pyproject.toml."""


def _until(history: "History", since: str) -> "list[AlembicScript]":
    """Return `since` and its ancestors."""
    start = history.get(since).revision
    return [*history.scripts.iterate_revisions(start, "base")]


def _without(result: LintResult, old: "Collection[AlembicScript]") -> LintResult:
    """Leave out what is about old revisions; what is about no revision stays."""
    names = {script.revision for script in old} | {Path(script.path).stem for script in old}
    kept = (f for f in result.findings if not names & {f.revision, Path(f.file).stem})
    return replace(result, findings=tuple(kept), revisions=result.revisions - len(old))


def _stale_findings(settings: Settings, stale: Iterable[Stale]) -> Iterator[LintFinding]:
    """Yield each file that is not fresh, or once that the folder is missing."""
    places = [
        (settings.written_name(file.path), f"the file is {file.reason}", hint([file]))
        for file in stale
    ]
    if places and not settings.sql.exists():
        places = [(settings.options.sql, "the folder is missing", places[0][2])]
    for file, reason, fix in places:
        yield LintFinding(
            file=file,
            line=1,
            code="not-fresh",
            message=f"{reason}: it is not what the revisions render to.",
            fix=fix,
        )


def _hidden(settings: Settings) -> Iterator[LintFinding]:
    """Yield each SQL file that is run and has a character which a reviewer cannot see."""
    for path, text in sorted(read(settings.sql).items()):
        hidden = hidden_character(text.replace("\r\n", "\n"))
        if hidden is not None and path.startswith(("upgrade/", "downgrade/", SCRIPT)):
            yield LintFinding(
                file=settings.written_name(path),
                line=hidden[0],
                code="hidden-character",
                message=f"it has the hidden character {hidden[1]}.",
                fix=HIDDEN_HINT,
            )


def hazard_findings(settings: Settings, record: Record, stem: str) -> Iterator[LintFinding]:
    """Yield the hazards of a revision, with the lines of its files that show them."""
    both = Directions(*(effects.findings for _, effects in record.report.effects))
    faults = acceptance_faults(record.revision.accepted, both)
    for direction, effects in record.report.effects:
        extra = faults if direction.is_upgrade else ()
        if effects.findings or extra:
            file = sql_file(record, direction)
            for finding in (*effects.findings, *extra):
                yield _hazard_finding(settings, record, stem, direction, finding, file)


def _hazard_finding(
    settings: Settings,
    record: Record,
    stem: str,
    direction: Direction,
    finding: Finding,
    file: SqlFile,
) -> LintFinding:
    texts = record.scripts[direction].texts
    return LintFinding(
        file=f"{settings.options.sql}/{direction.value}/{stem}.sql",
        line=_line(file, finding),
        revision=record.revision.id,
        direction=direction.value,
        relation=finding.label,
        code=finding.code,
        level=finding.level(direction),
        message=finding.message,
        fix=finding.hazard.recipe,
        accepted=record.reason_for(finding, direction),
        key="" if finding.code.startswith("accepted-") else acceptance_key(finding, direction),
        statement=texts[finding.statement] if 0 <= finding.statement < len(texts) else "",
    )


def _line(file: SqlFile, finding: Finding) -> int:
    """Return the line that explains a hazard: above its statement, or else in the header."""
    comments: Mapping[int, int] = file.comments or {}
    if finding.statement in comments:
        return comments[finding.statement]
    header = file.text.split("\n\n", 1)[0].split("\n")
    return next((n for n, line in enumerate(header, 1) if finding.code in line), 1)
