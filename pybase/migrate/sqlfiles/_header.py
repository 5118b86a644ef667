"""The header of a SQL file and the comments above its statements, rendered from the record.

For reviewers only: nothing reads them.
"""

from collections.abc import Iterator
from textwrap import wrap

from pybase.migrate.record import (
    Direction,
    Finding,
    Record,
    Revision,
    Script,
    TableEffect,
    differences,
)
from pybase.migrate.sql import one_line

WIDTH = 97
"""Longest comment after its `-- `, in characters."""

_MOST_TABLES = 12

_WIDEST_NAME = 30
"""Longest name that the texts of a header are aligned to; a longer one sticks out."""

NOT_REHEARSED = "not rehearsed, because this revision's upgrade, or one before it, cannot be run"
"""A direction of which nothing is known must not look harmless."""


def header(record: Record, direction: Direction) -> str:
    """Return what a reviewer has to know before the first statement, as comment lines."""
    script, effects = record.scripts[direction], record.effects(direction)
    rows = _rows(record, direction)
    if script.has_sql and not effects.is_rehearsed and not effects.findings:
        rows.append(("unseen", NOT_REHEARSED))
    return header_text(record.revision, script, direction, rows)


def header_text(
    revision: Revision, script: Script, direction: Direction, rows: list[tuple[str, str]]
) -> str:
    """Return a header with some rows, each a name and a text."""
    parents = " and ".join(map(one_line, revision.parents))
    if direction.is_upgrade:
        title, place = revision.title, f"after {parents}" if parents else "the first"
    else:
        title, place = f"Undo: {revision.title}", f"back to {parents or 'base'}"
    shape = ("revision", f"{one_line(revision.id)}, {place}; {script.summary}")
    width = max(len(name) for name, _ in (shape, *rows) if len(name) <= _WIDEST_NAME)
    lines = [title, "", *(f"{name:<{width}}  {text}" for name, text in (shape, *rows))]
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def _rows(record: Record, direction: Direction) -> list[tuple[str, str]]:
    """Return the rows that describe what a rehearsal observed."""
    effects = record.effects(direction)
    rows = [
        (one_line(effect.table.label), "; ".join(effect_words(effect)))
        for effect in effects.tables[:_MOST_TABLES]
    ]
    if len(effects.tables) > _MOST_TABLES:
        more = len(effects.tables) - _MOST_TABLES
        rows.append(("...", f"and {more} more tables, none with a stronger lock"))
    if effects.losses:
        rows += _wrapped("loses", ", ".join(loss.label for loss in effects.losses))
    if effects.unfilled:
        unfilled = ", ".join(name.label for name in effects.unfilled)
        rows += _wrapped("unseen", f"no sample rows could be made for {unfilled}")
    for version, text in differences(record.report, direction):
        rows += _wrapped(f"on {version}", text)
    for finding in effects.findings:
        rows += _wrapped("hazards", hazard_words(record, finding, direction))
    return _named_once(rows)


def effect_words(effect: TableEffect) -> list[str]:
    """Return the lock and what it blocks, then what is done to the rows."""
    return [f"{effect.lock}: {effect.blocks}", *effect.done]


def hazard_words(record: Record, finding: Finding, direction: Direction) -> str:
    """Return a hazard in one line: its code, where, and the reason for which it is accepted."""
    reason = record.reason_for(finding, direction)
    accepted = "" if reason is None else f" (accepted: {one_line(reason)})"
    where = f" (on {finding.on})" if finding.versions else ""
    return f"{finding.title}{where}{accepted}"


def _wrapped(name: str, text: str) -> list[tuple[str, str]]:
    return [(name, line) for line in wrap(one_line(text), WIDTH - 12)]


def _named_once(rows: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out a name that is in the row above already."""
    names = ["", *(name for name, _ in rows)]
    return [
        ("" if name == above else name, text)
        for (name, text), above in zip(rows, names, strict=False)
    ]


def statement_comments(record: Record, direction: Direction) -> dict[int, list[str]]:
    """Return the comment lines above each statement that has a hazard, by its number."""
    comments: dict[int, list[str]] = {}
    for finding in record.effects(direction).findings:
        if finding.statement >= 0:
            lines = (f"-- {line}" for line in _comment(record, finding, direction))
            comments.setdefault(finding.statement, []).extend(lines)
    return comments


def _comment(record: Record, finding: Finding, direction: Direction) -> Iterator[str]:
    yield from wrap(one_line(f"{finding.code}: {finding.message}"), WIDTH)
    reason = record.reason_for(finding, direction)
    if reason is not None:
        yield from wrap(one_line(f"accepted: {reason}"), WIDTH)
