"""A lint's result as text for people, as JSON, for GitHub's annotations, as SARIF, for GitLab."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import asdict

from pybase.core.files import digest
from pybase.core.humanize import counted
from pybase.core.style import Style, style
from pybase.migrate.record import ERROR, HAZARDS, WARNING
from pybase.migrate.sql import one_line
from pybase.migrate.sqlfiles._lint_result import NOTE, LintFinding, LintResult

_COLOURS: Mapping[str, Style] = {"error": "bold red", "warning": "bold yellow"}
_UNREAD = "Linted without sqlfluff's layout rules, since only PostgreSQL's grammar can read it:"


def text(result: LintResult) -> str:
    """Where, what, why and what to do; one line when nothing is wrong."""
    blocks = [
        f"{style(f'{line.file}:{line.line}', 'bold')}: {style(line.level, _COLOURS[line.level])}: "
        f"{line.code}{_on(line)}\n"
        f"  {one_line(line.message)}\n  {style('hint:', 'bold')} {line.fix}"
        for line in result.findings
        if line.accepted is None and line.level != NOTE
    ]
    notes = [*_notes(result)]
    accepted = sum(1 for line in result.findings if line.accepted is not None)
    more = f"; {counted(accepted, 'hazard')} accepted" if accepted else ""
    if not blocks:
        clean = style("sql/ is fresh and clean", "green")
        summary = f"{clean}: {counted(result.files, 'file')}{more}.{_assumed(result)}"
        return "\n\n".join([*notes, summary])
    errors, warnings = counted(result.errors, "error"), counted(result.warnings, "warning")
    counts = ", ".join(
        (
            style(errors, "bold red") if result.errors else errors,
            style(warnings, "bold yellow") if result.warnings else warnings,
        )
    )
    return "\n\n".join(
        [*blocks, *notes, *_acceptances(result), f"{counts}{more}.{_assumed(result)}"]
    )


def _notes(result: LintResult) -> Iterator[str]:
    """Yield what sqlfluff could not read: a line a statement."""
    lines = [
        f"  {line.file}:{line.line}: {one_line(line.statement)}"
        for line in result.findings
        if line.level == NOTE
    ]
    if lines:
        yield "\n".join((_UNREAD, *lines))


def _acceptances(result: LintResult) -> Iterator[str]:
    """Yield what accepts the hazards: a line a revision, with what it accepts already."""
    reasons: dict[str, dict[str, str]] = {}
    for line in result.findings:
        if line.key:
            reason = line.accepted if line.accepted is not None else _REASON
            reasons.setdefault(line.revision, {})[line.key] = reason
    lines = [
        f"  {revision}: accepted_hazards = {json.dumps(keys, ensure_ascii=False)}"
        for revision, keys in reasons.items()
        if _REASON in keys.values()
    ]
    if lines:
        yield "\n".join(
            (
                "Where a hazard is right as it is, write this next to the down_revision of its "
                "revision, with the reason, and leave out the others:",
                *lines,
            )
        )


_REASON = "..."
"""Stands for the reason that only an author can give; left in place, it is no reason."""


def _assumed(result: LintResult) -> str:
    """Return the line about settings of sqlfluff that the project does not have, or nothing."""
    if not result.assumed:
        return ""
    table = ", ".join(f"{name} = {json.dumps(value)}" for name, value in result.assumed.items())
    return (
        "\nThe project names no dialect for sqlfluff, so PyBase's settings were used. To choose, "
        f"write them into [tool.sqlfluff.core] of pyproject.toml: {table}"
    )


def _on(line: LintFinding) -> str:
    where = f" on {one_line(line.relation)}" if line.relation else ""
    return f"{where} ({line.direction} of {line.revision})" if line.revision else where


def as_json(result: LintResult) -> str:
    """Return a list of findings, the accepted ones with their reason."""
    return json.dumps([asdict(line) for line in result.findings], indent=2, ensure_ascii=False)


def github(result: LintResult) -> str:
    """Workflow commands, which GitHub shows at the line in a pull request."""
    return "\n".join(_annotations(result))


def _annotations(result: LintResult) -> Iterator[str]:
    for line in result.findings:
        level = "notice" if line.accepted is not None or line.level == NOTE else line.level
        why = f"accepted: {line.accepted}" if line.accepted is not None else line.fix
        properties = {"file": line.file, "line": str(line.line), "title": line.code + _on(line)}
        listed = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in properties.items())
        message = _escaped(f"{line.message}\n{why}")
        yield f"::{level} {listed}::{message}"


def _escaped(value: str, special: str = "") -> str:
    for character in "%\r\n" + special:
        value = value.replace(character, f"%{ord(character):02X}")
    return value


def sarif(result: LintResult) -> str:
    """SARIF 2.1.0, as code scanning takes it; an accepted hazard is a suppressed result."""
    codes = sorted({line.code for line in result.findings})
    run = {
        "tool": {"driver": {"name": "pybase sql-lint", "rules": [_sarif_rule(c) for c in codes]}},
        "results": [_sarif_result(line) for line in result.findings],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _sarif_rule(code: str) -> dict[str, Any]:
    hazard = HAZARDS.get(code)
    rule: dict[str, Any] = {"id": code}
    if hazard is not None:
        rule["help"] = {"text": hazard.recipe}
        rule["defaultConfiguration"] = {"level": hazard.level}
    return rule


def _sarif_result(line: LintFinding) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": line.file},
        "region": {"startLine": line.line},
    }
    result: dict[str, Any] = {
        "ruleId": line.code,
        "level": line.level,
        "message": {"text": f"{line.code}{_on(line)}: {line.message}"},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(line)},
    }
    if line.accepted is not None:
        result["suppressions"] = [{"kind": "inSource", "justification": line.accepted}]
    return result


def _fingerprint(line: LintFinding) -> str:
    """Return what identifies a finding from run to run; with its statement it may move."""
    where = line.statement or str(line.line)
    identity = (line.file, line.code, line.relation, line.message, where)
    return digest("\0".join(identity).encode())


_SEVERITIES: Mapping[str, str] = {ERROR: "major", WARNING: "minor", NOTE: "info"}


def gitlab(result: LintResult) -> str:
    """Code Quality, as GitLab shows it in a merge request; an accepted hazard is information."""
    return json.dumps([_quality(line) for line in result.findings], indent=2, ensure_ascii=False)


def _quality(line: LintFinding) -> dict[str, Any]:
    severity = _SEVERITIES[line.level]
    return {
        "description": f"{line.code}{_on(line)}: {line.message}",
        "check_name": line.code,
        "fingerprint": _fingerprint(line),
        "severity": severity if line.accepted is None else "info",
        "location": {"path": line.file, "lines": {"begin": line.line}},
    }


FORMATS: Mapping[str, Callable[[LintResult], str]] = {
    "text": text,
    "json": as_json,
    "github": github,
    "sarif": sarif,
    "gitlab": gitlab,
}
