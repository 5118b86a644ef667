"""The verb sql: write sql/, or compare it."""

import argparse

from pybase.cli import _terminal as terminal
from pybase.cli._verbs import Command, Commands
from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate import sqlfiles


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is stale"
    )


def _sql(args: argparse.Namespace, settings: Settings) -> None:
    folder = f"{settings.options.sql}/"
    if args.check:
        sqlfiles.check(settings)
        terminal.result(f"{style(f'{folder} is fresh', 'green')}.")
        return
    written = sqlfiles.write(settings)
    changes = written.changes
    removed = [change for change in changes if change.reason == "orphaned"]
    for change in written.foreign:
        name = settings.written_name(change.path)
        terminal.note(f"{style('kept', 'yellow')}     {name}, which nox -s sql has not written")
    for change in changes:
        label = style("removed", "yellow") if change in removed else style("wrote", "green") + "  "
        terminal.result(f"{label}  {settings.written_name(change.path)}")
    counts = {"written": len(changes) - len(removed), "removed": len(removed)}
    parts = [f"{counted(count, 'file')} {verb}" for verb, count in counts.items() if count]
    nothing = f"{style('Nothing to do:', 'green')} {folder} is fresh."
    terminal.result(f"{', '.join(parts)}." if parts else nothing)


COMMANDS: Commands = {"sql": Command(_arguments, _sql)}
