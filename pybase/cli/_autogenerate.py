"""Verbs that write revisions: makemigration, rebase."""

import argparse
from pathlib import Path

from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO, no_arguments, relative, wrote
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.autogenerate import Request, describe, generate, rebase


def _makemigration_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("message", nargs="*", help="what the revision does, in one sentence")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--empty", action="store_true", help="write it without operations")
    kind.add_argument("--data", action="store_true", help="write a backfill to complete")
    kind.add_argument("--sql-only", metavar="FILE", help="a revision that runs the SQL of a file")
    kind.add_argument(
        "--single", action="store_true", help="one revision in Alembic's own form, which locks"
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="replace the revisions that only this branch has, by what the models need now",
    )
    parser.add_argument(
        "--rename",
        metavar="OLD:NEW",
        action="append",
        default=[],
        help="TABLE.OLD:NEW a column or constraint, TYPE.OLD:NEW an enum value, OLD:NEW the rest",
    )
    parser.add_argument(
        "--head", default="head", metavar="LABEL@head", help="the branch that it is for"
    )
    parser.add_argument(
        "--no-rename", action="store_true", help="treat every other drop and add as no rename"
    )


def _makemigration(args: argparse.Namespace, settings: Settings) -> int:
    request = Request(
        " ".join(args.message),
        empty=args.empty,
        data=args.data,
        sql_only=_read_sql(args.sql_only) if args.sql_only else None,
        single=args.single,
        renames=tuple(args.rename),
        no_rename=args.no_rename,
        head=args.head,
        again=args.again,
        ask=terminal.ask if terminal.can_ask() else None,
    )
    outcome = generate(settings, request)
    if outcome is None:
        terminal.result(f"{NOTHING_TO_DO} models and revisions agree. No revision was written.")
        return 0
    terminal.result(describe(outcome, settings))
    return 0 if outcome.is_complete else 1


def _read_sql(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{name} cannot be read: {error}.", "Name a file of SQL.", code="unreadable-file"
        ) from error


def _rebase(_args: argparse.Namespace, settings: Settings) -> None:
    outcome = rebase(settings)
    if outcome is None:
        terminal.result(f"{NOTHING_TO_DO} the history has one head a branch.")
        return
    for move in outcome.moves:
        path = relative(Path(move.script.path), settings)
        terminal.result(f"{style('moved', 'green')}  {path}  (now after {move.parent})")
    for name in outcome.sql:
        terminal.result(wrote(settings.written_name(name)))
    terminal.result("\nRead what changed, then apply it: nox -s migrate")


COMMANDS: Commands = {
    "makemigration": Command(_makemigration_arguments, _makemigration),
    "rebase": Command(no_arguments, _rebase),
}
