"""Verbs that show state: current, history, pending, and the plan of migrate."""

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from alembic.script import Script

from pybase.cli import _terminal as terminal
from pybase.cli._common import announced_database, no_arguments
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate.database import _connect as target
from pybase.migrate.database._ledger import Entry
from pybase.migrate.deploy import _online as online
from pybase.migrate.deploy import _plan as plan
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.migrate.sqlfiles import _headers as headers
from pybase.migrate.sqlfiles._header import title


def _current(_args: argparse.Namespace, settings: Settings) -> None:
    revisions = history.read(settings)
    current_heads, _ = online.look(revisions, announced_database(settings))
    revisions.require_known(current_heads)
    if not current_heads:
        terminal.result("base (nothing is applied)")
        return
    rows = [_row(revisions.get(revision), (), {}) for revision in current_heads]
    terminal.result("\n".join(table(rows)))


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )


def _history(args: argparse.Namespace, settings: Settings) -> None:
    revisions = history.read(settings)
    current_heads: tuple[str, ...] = ()
    entries: Mapping[str, Entry] = {}
    # no server is started, and an unreachable one is no error, only to mark a line
    if "current" in (args.rev_range or "") or target.is_at_hand(settings):
        current_heads, entries = online.look(revisions, target.find(settings))
    scripts = _scripts(revisions, args.rev_range, current_heads)
    rows = [_row(script, current_heads, entries) for script in scripts]
    if rows:
        terminal.result("\n".join(table(rows)))


def _scripts(
    revisions: History, rev_range: str | None, current_heads: tuple[str, ...]
) -> Iterator[Script]:
    """Yield the revisions of the range `A:B`, or all of them, newest first."""
    if rev_range is None:
        yield from reversed(revisions.revisions)
        return
    lower, colon, upper = rev_range.partition(":")
    if not colon:
        raise UsageError(
            f"The range {rev_range!r} has no colon.",
            "Write A:B, A: or :B, as in -r current:head.",
            code="invalid-range",
        )
    ends: list[Any] = [current_heads if end == "current" else end for end in (lower, upper)]
    with history.explained():
        yield from revisions.scripts.walk_revisions(ends[0] or "base", ends[1] or "heads")


def _row(
    script: Script, current_heads: tuple[str, ...], entries: Mapping[str, Entry]
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
    if entry and entry.direction == "upgrade":
        marks.append(style(f"applied {entry}", "dim"))
    aside = f"({', '.join(marks)})" if marks else ""
    return style(script.revision, "magenta"), title(script.doc), aside


def _pending_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="the format of the plan"
    )


def _pending(args: argparse.Namespace, settings: Settings) -> None:
    show_plan(settings, announced_database(settings), args.format, "heads")


def show_plan(
    settings: Settings, database: target.Database, output_format: str, destination: str
) -> None:
    """Show what an upgrade of `database` to `destination` would do."""
    revisions = history.read(settings)
    current_heads, _ = online.look(revisions, database)
    path = revisions.upgrade_path(current_heads, destination)
    with target.connect(database, autocommit=True) as connection:
        steps = plan.make(connection, headers.of(revisions, path))
    if output_format == "json":
        terminal.data(f"{plan.as_json(steps)}\n")
    else:
        terminal.result(plan.text(steps))


COMMANDS: Commands = {
    "current": Command(no_arguments, _current),
    "history": Command(_history_arguments, _history),
    "pending": Command(_pending_arguments, _pending),
}
