"""The verbs that write revisions: makemigration, rebase."""

import argparse
from pathlib import Path

from pybase.cli._verb import Verb, no_arguments, relative
from pybase.core import terminal as present
from pybase.core.errors import UsageError
from pybase.core.settings import Settings


def _makemigration_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("message", nargs="*", help="what the revision does, in one sentence")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--empty", action="store_true", help="write it without operations")
    kind.add_argument("--data", action="store_true", help="write a backfill to fill in")
    kind.add_argument("--sql-only", metavar="FILE", help="a revision that runs the SQL of a file")
    kind.add_argument(
        "--single", action="store_true", help="one revision in Alembic's own form, which locks"
    )
    parser.add_argument(
        "--rename",
        metavar="OLD:NEW",
        action="append",
        default=[],
        help="TABLE.OLD:NEW a column or constraint, TYPE.OLD:NEW an enum value, OLD:NEW the rest",
    )
    parser.add_argument(
        "--no-rename", action="store_true", help="what else is dropped and added is just that"
    )


def _makemigration(args: argparse.Namespace, settings: Settings) -> int:
    from pybase.migrate.autogenerate import Request, describe, generate
    from pybase.migrate.revisions import _history as history

    request = Request(
        " ".join(args.message),
        empty=args.empty,
        data=args.data,
        sql_only=_read_sql(args.sql_only) if args.sql_only else None,
        single=args.single,
        renames=tuple(args.rename),
        no_rename=args.no_rename,
        ask=present.ask if present.can_ask() else None,
    )
    outcome = generate(history.read(settings), request)
    if outcome is None:
        present.say("Nothing to do: models and revisions agree. No revision was written.")
        return 0
    present.say(describe(outcome, settings))
    return 0 if outcome.is_complete else 1


def _read_sql(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}.", "Name a file of SQL.") from error


def _rebase(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.autogenerate import rebase

    done = rebase(settings)
    if done is None:
        present.say("Nothing to do: the history has one head.")
        return
    for move in done.moves:
        path = relative(Path(move.script.path), settings)
        present.say(f"moved  {path}  (now after {move.parent})")
    for name in done.sql:
        present.say(f"wrote  {settings.written_name(name)}")
    present.say("\nRead what changed, then apply it: nox -s migrate")


MAKEMIGRATION = Verb(
    "Write a revision from model changes.", _makemigration_arguments, _makemigration
)
REBASE = Verb("Put your revisions after those of the main branch.", no_arguments, _rebase)
