"""Verbs that show state: current, history, pending, and the plan of migrate."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pybase.cli import _terminal as terminal
from pybase.cli._common import announced_database, no_arguments
from pybase.cli._plan import plan_json, plan_text
from pybase.cli._verbs import Command, Commands
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
from pybase.migrate.sqlfiles import read_history

if TYPE_CHECKING:
    from pybase.migrate.revisions import AlembicScript, History


def _current(_args: argparse.Namespace, settings: Settings) -> None:
    source = deploy.status_source(settings, announced_database(settings))
    heads, _ = deploy.read_status(source)
    require_known(heads, source.graph)
    if not heads:
        terminal.result("base (nothing is applied)")
        return
    terminal.result("\n".join(table(_current_row(source, revision) for revision in heads)))


def _current_row(source: deploy.Source, revision: str) -> tuple[str, str, str]:
    """Return the id, the title and the marks of a revision that a database is at."""
    children = [parents for parents in source.graph.values() if revision in parents]
    marks = [style("head", "bold cyan")] if not children else []
    marks += ["merge"] if len(source.graph[revision]) > 1 else []
    marks += ["branch point"] if len(children) > 1 else []
    return _marked(revision, source.record(revision).revision.title, marks)


def _marked(revision: str, title: str, marks: Sequence[str]) -> tuple[str, str, str]:
    return style(revision, "magenta"), title, f"({', '.join(marks)})" if marks else ""


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )


def _history(args: argparse.Namespace, settings: Settings) -> None:
    history = read_history(settings)
    heads: tuple[str, ...] = ()
    entries: Mapping[str, LedgerEntry] = {}
    # no server is started, and an unreachable one is no error, only to mark a line
    if "current" in (args.rev_range or "") or is_at_hand(settings):
        source = deploy.status_source(settings, find_database(settings))
        heads, entries = deploy.read_status(source)
    rev_range = args.rev_range or ":"
    rows = [
        _row(history, script, heads, entries) for script in history.walk_range(rev_range, heads)
    ]
    if rows:
        terminal.result("\n".join(table(rows)))


def _row(
    history: "History",
    script: "AlembicScript",
    current_heads: tuple[str, ...],
    entries: Mapping[str, LedgerEntry],
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
    return _marked(script.revision, history.describe(script).title, marks)


def _pending_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="the format of the plan"
    )


def _pending(args: argparse.Namespace, settings: Settings) -> None:
    show_plan(settings, announced_database(settings), args.format, "heads")


def show_plan(
    settings: Settings, database: Database, output_format: str, destination: str | None
) -> None:
    """Show what an upgrade of `database` to `destination` would do, to the latest without one."""
    with connect(database, autocommit=True) as connection:
        plan = deploy.preview(connection, settings, database, destination)
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
