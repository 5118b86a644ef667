"""The verb sql-lint: report stale files, hazards and style of sql/."""

import argparse

from pybase.cli import _terminal as terminal
from pybase.cli._verbs import Command, Commands
from pybase.core.settings import Settings
from pybase.migrate.sqlfiles import lint
from pybase.migrate.sqlfiles.lint_formats import FORMATS


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=tuple(FORMATS), default="text", help="the output format"
    )
    parser.add_argument("--since", metavar="REV", help="only revisions after this one")
    parser.add_argument("--strict", action="store_true", help="fail on warnings, too")


def _lint(args: argparse.Namespace, settings: Settings) -> int:
    result = lint(settings, args.since)
    output = FORMATS[args.format](result)
    if args.format == "text":
        terminal.result(output)
    else:
        terminal.data(f"{output}\n")
    return 1 if result.errors or (args.strict and result.warnings) else 0


COMMANDS: Commands = {"sql-lint": Command(_arguments, _lint)}
