"""Verbs that show state: current, history, pending, and the plan of migrate."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from pybase.cli import _terminal as terminal
from pybase.cli._common import announced_database, no_arguments
from pybase.cli._plan import plan_json, plan_text
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate import deploy
from pybase.migrate.database import (
    Database,
    LedgerEntry,
    connect,
    find_database,
    is_at_hand,
    require_known,
)
from pybase.migrate.record import Direction
from pybase.migrate.revisions import AlembicScript, History, explained, read, title


def _current(_args: argparse.Namespace, settings: Settings) -> None:
    source = deploy.status_source(settings, announced_database(settings))
    heads, _ = deploy.read_status(source)
    require_known(heads, source.graph)
    if not heads:
        terminal.result("base (nothing is applied)")
        return
    history = source.history
    rows = [_row(history.get(revision), (), {}) for revision in heads]
    terminal.result("\n".join(table(rows)))


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )


def _history(args: argparse.Namespace, settings: Settings) -> None:
    history = read(settings)
    heads: tuple[str, ...] = ()
    entries: Mapping[str, LedgerEntry] = {}
    # no server is started, and an unreachable one is no error, only to mark a line
    if "current" in (args.rev_range or "") or is_at_hand(settings):
        source = deploy.status_source(settings, find_database(settings))
        heads, entries = deploy.read_status(source)
    rows = [_row(script, heads, entries) for script in _scripts(history, args.rev_range, heads)]
    if rows:
        terminal.result("\n".join(table(rows)))


def _scripts(
    history: History, rev_range: str | None, current_heads: tuple[str, ...]
) -> Iterator[AlembicScript]:
    """Yield the revisions of the range `A:B`, or all of them, newest first."""
    if rev_range is None:
        yield from reversed(history.revisions)
        return
    lower, colon, upper = rev_range.partition(":")
    if not colon:
        raise UsageError(
            f"The range {rev_range!r} has no colon.",
            "Write A:B, A: or :B, as in -r current:head.",
            code="invalid-range",
        )
    ends: list[Any] = [current_heads if end == "current" else end for end in (lower, upper)]
    with explained():
        yield from history.scripts.walk_revisions(ends[0] or "base", ends[1] or "heads")


def _row(
    script: AlembicScript, current_heads: tuple[str, ...], entries: Mapping[str, LedgerEntry]
) -> tuple[str, str, str]:
    """Return the id, the title and the marks of a revision."""
    marks = []
    if script.revision in current_heads:
        marks.append(style("current", "bold green"))
    if script.is_head:
        marks.append(style("head", "bold cyan"))
    if script.is_merge_point:
        marks.append("merge")
    if script.is_branch_point:
        marks.append("branch point")
    entry = entries.get(script.revision)
    if entry and entry.direction == Direction.UPGRADE.value:
        marks.append(style(f"applied {entry}", "dim"))
    aside = f"({', '.join(marks)})" if marks else ""
    return style(script.revision, "magenta"), title(script.doc), aside


def _pending_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="the format of the plan"
    )


def _pending(args: argparse.Namespace, settings: Settings) -> None:
    show_plan(settings, announced_database(settings), args.format, "heads")


def show_plan(settings: Settings, database: Database, output_format: str, destination: str) -> None:
    """Show what an upgrade of `database` to `destination` would do."""
    source = deploy.rendered_source(settings, database)
    with connect(database, autocommit=True) as connection:
        plan = deploy.plan(connection, source, destination, Direction.UPGRADE)
        steps = deploy.estimate(connection, plan.steps)
    if output_format == "json":
        terminal.data(f"{plan_json(steps)}\n")
    else:
        terminal.result(plan_text(steps))


COMMANDS: Commands = {
    "current": Command(no_arguments, _current),
    "history": Command(_history_arguments, _history),
    "pending": Command(_pending_arguments, _pending),
}
