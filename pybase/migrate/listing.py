"""Revisions as lines of text, with marks for where the database and the heads are."""

from collections.abc import Callable, Iterator
from typing import Any

from alembic.script import Script

from pybase.errors import UsageError
from pybase.migrate.history import History, explained

Current = Callable[[], tuple[str, ...]]
"""Asks the database where it is."""


def history_lines(history: History, rev_range: str | None, current: Current) -> Iterator[str]:
    """All revisions, or those of the range `A:B`, newest first, one line each.

    Raises UsageError for a range that is none, and what `current` raises.
    """
    at = current()
    for script in _walk(history, rev_range, at):
        yield line(script, is_current=script.revision in at)


def line(script: Script, *, is_current: bool = False) -> str:
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
    return f"{script.revision}  {script.doc}" + (f"  ({', '.join(marks)})" if marks else "")


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
