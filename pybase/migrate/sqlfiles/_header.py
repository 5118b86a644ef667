"""What was seen, in a reviewer's words: the comments of a SQL file.

Text that people wrote is made safe here before it enters a comment.
"""

import re
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

from pybase.migrate.rehearsal._hazards import Finding, reason_for
from pybase.migrate.sql._lock_modes import LOCKS, SHARE

if TYPE_CHECKING:
    from pybase.migrate.rehearsal._effects import Report, Touch

WIDTH = 97
"""Longest comment behind its `-- `, in characters."""

_MOST_TABLES = 12

NOT_REHEARSED = "not rehearsed, because this revision's upgrade, or one before it, cannot be run"
"""A direction of which nothing is known must not look harmless."""


def one_line(text: str | None) -> str:
    """Text from people, made safe for a comment line: no line ends, no control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text or "").split())


def title(doc: str) -> str:
    """Return the title of a revision, by the first paragraph of its docstring."""
    return one_line(FIELDS.sub("", doc)).removesuffix(".") or "(no message)"


FIELDS = re.compile(r"^[ \t]*(?:Revision ID|Revises|Create Date|Branch Labels):.*$", re.MULTILINE)
"""What Alembic writes into a docstring, and people may leave no blank line above."""


def report_rows(report: "Report", accepted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the rows of a header, each a name and a text, that say what a rehearsal saw."""
    rows = [(one_line(each.relation), _touch_text(each)) for each in report.touches[:_MOST_TABLES]]
    if len(report.touches) > _MOST_TABLES:
        more = len(report.touches) - _MOST_TABLES
        rows.append(("...", f"and {more} more tables, none with a stronger lock"))
    if report.losses:
        rows += _wrapped("loses", ", ".join(report.losses))
    if report.unfilled:
        rows += _wrapped("unseen", f"no sample rows could be made for {', '.join(report.unfilled)}")
    for finding in report.findings:
        rows += _wrapped("hazards", _hazard_text(finding, accepted))
    return _named_once(rows)


def _touch_text(touch: "Touch") -> str:
    mode, blocks = LOCKS[touch.lock]
    return "; ".join((f"{mode}: {blocks}", *what_is_done(touch)))


def what_is_done(touch: "Touch") -> list[str]:
    """Say what is done to a table's rows, in a few words each; nothing is said of a weak lock."""
    words = (
        ("rewritten", touch.is_rewritten),
        ("scanned", touch.is_scanned and not touch.is_rewritten),
        ("rows changed", touch.is_changed),
    )
    done = [word for word, holds in words if holds]
    return ["no rewrite, no scan"] if not done and touch.lock >= SHARE else done


def _hazard_text(finding: Finding, accepted: Mapping[str, str]) -> str:
    what = finding.code
    if finding.relation:
        is_column = "{relation}.{detail}" in finding.hazard.consequence and finding.detail
        what += f" on {finding.relation}" + (f".{finding.detail}" if is_column else "")
    reason = reason_for(accepted, finding)
    return what if reason is None else f"{what} (accepted: {one_line(reason)})"


def _wrapped(name: str, text: str) -> list[tuple[str, str]]:
    return [(name, line) for line in wrap(one_line(text), WIDTH - 12)]


def _named_once(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out a name that stands in the row above already."""
    names = ["", *(name for name, _ in rows)]
    return [
        ("" if name == above else name, text)
        for (name, text), above in zip(rows, names, strict=False)
    ]


def statement_comments(report: "Report", accepted: Mapping[str, str]) -> dict[int, str]:
    """Return the comment above each statement that carries a hazard, by the statement's number."""
    found: dict[int, str] = {}
    for finding in report.findings:
        if finding.statement >= 0:
            lines = "".join(f"-- {line}\n" for line in _comment(finding, accepted))
            found[finding.statement] = found.get(finding.statement, "") + lines
    return found


def first_comment_line(finding: Finding) -> str:
    """Return the line of a file at which a hazard's comment begins."""
    return f"-- {next(_comment(finding, {}))}"


def _comment(finding: Finding, accepted: Mapping[str, str]) -> Iterator[str]:
    yield from wrap(one_line(f"{finding.code}: {finding.message}"), WIDTH)
    reason = reason_for(accepted, finding)
    if reason is not None:
        yield from wrap(one_line(f"accepted: {reason}"), WIDTH)
