"""Revisions as rows of text, with marks for where the database and the heads are."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from alembic.script import Script

from pybase.core.errors import UsageError
from pybase.migrate.database._ledger import Entry
from pybase.migrate.revisions._history import History, explained
from pybase.migrate.sqlfiles._header import title

Place: TypeAlias = tuple[tuple[str, ...], Mapping[str, Entry]]
"""Where a database is, and the last that its ledger says of each revision."""

Row: TypeAlias = tuple[str, str, str]
"""A revision's id, its title, and its marks."""


def history_rows(
    history: History, rev_range: str | None, look: Callable[[], Place]
) -> Iterator[Row]:
    """All revisions, or those of the range `A:B`, newest first, one row each.

    Raises UsageError for a range that is none, and what `look` raises.
    """
    at, entries = look()
    for script in _walk(history, rev_range, at):
        entry = entries.get(script.revision)
        applied = entry if entry and entry.direction == "upgrade" else None
        yield row(script, applied, is_current=script.revision in at)


def row(script: Script, applied: Entry | None = None, *, is_current: bool = False) -> Row:
    """One revision: its id, its title, and what is special about it."""
    marks = [
        word
        for word, holds in (
            ("current", is_current),
            ("head", script.is_head),
            ("merge", script.is_merge_point),
            ("branch point", script.is_branch_point),
        )
        if holds
    ]
    if applied:
        marks.append(f"applied {applied}")
    return script.revision, title(script.doc), f"({', '.join(marks)})" if marks else ""


def _walk(history: History, rev_range: str | None, at: tuple[str, ...]) -> Iterator[Script]:
    if rev_range is None:
        yield from reversed(history.revisions)
        return
    lower, colon, upper = rev_range.partition(":")
    if not colon:
        raise UsageError(
            f"The range {rev_range!r} has no colon.", "Write A:B, A: or :B, as in -r current:head."
        )
    ends: list[Any] = [at if end == "current" else end for end in (lower, upper)]
    with explained():
        yield from history.scripts.walk_revisions(ends[0] or "base", ends[1] or "heads")
