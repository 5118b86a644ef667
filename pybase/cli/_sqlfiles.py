"""Verbs about the committed SQL: sql, sql-lint."""

import argparse

from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO
from pybase.cli._verbs import Command, Commands
from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate import sqlfiles
from pybase.migrate.sqlfiles import _lint_formats as formats


def _sql_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is stale"
    )


def _sql(args: argparse.Namespace, settings: Settings) -> None:
    folder = f"{settings.options.sql}/"
    if args.check:
        sqlfiles.check(settings)
        terminal.result(f"{style(f'{folder} is fresh', 'green')}.")
        return
    changes = sqlfiles.write(settings)
    removed = [change for change in changes if change.reason == "orphaned"]
    for change in changes:
        label = style("removed", "yellow") if change in removed else style("wrote", "green") + "  "
        terminal.result(f"{label}  {settings.written_name(change.path)}")
    counts = {"written": len(changes) - len(removed), "removed": len(removed)}
    parts = [f"{counted(count, 'file')} {verb}" for verb, count in counts.items() if count]
    terminal.result(f"{', '.join(parts)}." if parts else f"{NOTHING_TO_DO} {folder} is fresh.")


def _sql_lint_arguments(parser: argparse.ArgumentParser) -> None:
    formats = ("text", "json", "github", "sarif", "gitlab")
    parser.add_argument("--format", choices=formats, default="text", help="the output format")
    parser.add_argument("--since", metavar="REV", help="only revisions after this one")
    parser.add_argument("--strict", action="store_true", help="fail on warnings, too")


def _sql_lint(args: argparse.Namespace, settings: Settings) -> int:
    result = sqlfiles.lint(settings, args.since)
    output = formats.FORMATS[args.format](result)
    if args.format == "text":
        terminal.result(output)
    else:
        terminal.data(f"{output}\n")
    return 1 if result.errors or (args.strict and result.warnings) else 0


COMMANDS: Commands = {
    "sql": Command(_sql_arguments, _sql),
    "sql-lint": Command(_sql_lint_arguments, _sql_lint),
}
