"""Verbs that show state: current, history, pending, and the plan of migrate."""

import argparse
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, TypeAlias

from pybase.cli import _fleet as fleet
from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO, announced_database, format_argument, show_json
from pybase.cli._plan import plan_json, plan_text
from pybase.cli._verbs import Command, Commands
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate import deploy
from pybase.migrate.database import (
    STAMP,
    Database,
    LedgerEntry,
    connect,
    find_database,
    is_at_hand,
    require_known,
    server_errors,
)
from pybase.migrate.record import Direction
from pybase.migrate.sqlfiles import read_history

if TYPE_CHECKING:
    from pybase.migrate.revisions import AlembicScript, History

_Shown: TypeAlias = dict[str, Any]
"""What is shown of a revision: the values of the JSON, by key."""


def _current_arguments(parser: argparse.ArgumentParser) -> None:
    format_argument(parser, "the revisions")
    fleet.fleet_arguments(parser)


def _current(args: argparse.Namespace, settings: Settings) -> int | None:
    if fleet.is_fleet(args):
        return fleet.show_current(args, settings)
    source = deploy.status_source(settings, announced_database(settings))
    heads, _ = deploy.read_status(source)
    require_known(heads, source.graph)
    revisions = [_current_revision(source, head) for head in heads]
    if args.format == "json":
        show_json({"current": revisions})
    elif not revisions:
        terminal.result("base (nothing is applied)")
    else:
        terminal.result("\n".join(table(map(_row, revisions))))
    return None


def _current_revision(source: deploy.Source, revision: str) -> _Shown:
    """Return what is shown of a revision that a database is at."""
    children = [parents for parents in source.graph.values() if revision in parents]
    return {
        "revision": revision,
        "title": source.record(revision).revision.title,
        "is_head": not children,
        "is_merge": len(source.graph[revision]) > 1,
        "is_branch_point": len(children) > 1,
    }


def _row(shown: _Shown) -> tuple[str, str, str]:
    """Return the id, the title and the marks of a revision."""
    marks = [mark for key, mark in _MARKS.items() if shown.get(key)]
    if word := _RECORDED.get(shown.get("recorded_as") or ""):
        when = f"{shown['recorded_at']:%Y-%m-%d %H:%M} UTC by {shown['recorded_by']}"
        marks.append(style(f"{word} {when}", "dim"))
    listed = f"({', '.join(marks)})" if marks else ""
    return style(shown["revision"], "magenta"), shown["title"], listed


_MARKS = {
    "is_current": style("current", "bold green"),
    "is_head": style("head", "bold cyan"),
    "is_merge": "merge",
    "is_branch_point": "branch point",
}
"""What is shown of a revision for a value of the JSON that is true."""

_RECORDED = {Direction.UPGRADE.value: "applied", STAMP: "stamped"}
"""The word for the last entry of the ledger; none for a downgrade."""


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )
    format_argument(parser, "the revisions")


def _history(args: argparse.Namespace, settings: Settings) -> None:
    history = read_history(settings)
    heads: tuple[str, ...] | None = None
    entries: Mapping[str, LedgerEntry] = {}
    # no server is started, and an unreachable one is no error, only to mark a line
    if "current" in (args.rev_range or "") or is_at_hand(settings):
        source = deploy.status_source(settings, find_database(settings))
        heads, entries = deploy.read_status(source)
    revisions = [
        _revision(history, script, heads, entries.get(script.revision))
        for script in history.walk_range(args.rev_range or ":", heads or ())
    ]
    if args.format == "json":
        show_json({"revisions": revisions})
    elif revisions:
        terminal.result("\n".join(table(map(_row, revisions))))


def _revision(
    history: "History",
    script: "AlembicScript",
    heads: tuple[str, ...] | None,
    entry: LedgerEntry | None,
) -> _Shown:
    """Return what is shown of a revision; what only a database knows is None without one."""
    described = history.describe(script)
    return {
        "revision": script.revision,
        "title": described.title,
        "parents": described.parents,
        "is_current": None if heads is None else script.revision in heads,
        "is_head": script.is_head,
        "is_merge": script.is_merge_point,
        "is_branch_point": script.is_branch_point,
        "recorded_as": entry and entry.direction,
        "recorded_at": entry and entry.applied_at.replace(tzinfo=UTC),
        "recorded_by": entry and entry.role,
    }


def _pending_arguments(parser: argparse.ArgumentParser) -> None:
    format_argument(parser, "the plan")
    parser.add_argument(
        "--check", action="store_true", help="list the revisions only, and fail if there are any"
    )
    fleet.fleet_arguments(parser)


def _pending(args: argparse.Namespace, settings: Settings) -> int:
    if fleet.is_fleet(args):
        return fleet.show_pending(args, settings, "heads", fails=args.check)
    database = announced_database(settings)
    if not args.check:
        show_plan(settings, database, args.format, "heads")
        return 0
    revisions = deploy.pending_revisions(deploy.status_source(settings, database))
    pending = [{"revision": revision.id, "title": revision.title} for revision in revisions]
    if args.format == "json":
        show_json({"pending": pending})
    else:
        count = style(f"{len(pending)} pending", "bold")
        last = f"{count}." if pending else f"{NOTHING_TO_DO} the database is up to date."
        terminal.result("\n".join([*table(map(_row, pending)), last]))
    return 1 if pending else 0


def show_plan(
    settings: Settings, database: Database, output_format: str, destination: str | None
) -> None:
    """Show what an upgrade of `database` to `destination` would do, to the latest without one."""
    with server_errors(database), connect(database, autocommit=True) as connection:
        plan = deploy.preview(connection, settings, database, destination)
        steps = deploy.estimate(connection, plan.steps)
        results = [*deploy.not_rehearsed(connection.info.server_version, plan.steps)]
    deploy.require_clear(results, terminal.note)
    if output_format == "json":
        terminal.data(f"{plan_json(steps)}\n")
    else:
        terminal.result(plan_text(steps))


COMMANDS: Commands = {
    "current": Command(_current_arguments, _current),
    "history": Command(_history_arguments, _history),
    "pending": Command(_pending_arguments, _pending),
}
