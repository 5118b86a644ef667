"""The verbs that only show: current, history, pending, and the plan of migrate."""

import argparse
from typing import TYPE_CHECKING

from pybase.cli._verb import Verb, database_at_hand, no_arguments
from pybase.core import terminal as present
from pybase.core.settings import Settings

if TYPE_CHECKING:
    from pybase.migrate.database._connect import Database


def _current(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.cli import _listing as listing
    from pybase.migrate.deploy import _online as online
    from pybase.migrate.revisions import _history as history

    revisions = history.read(settings)
    at, _ = online.look(revisions, database_at_hand(settings))
    revisions.require_known(at)
    if not at:
        present.say("base (nothing is applied)")
        return
    rows = [listing.row(revisions.get(revision)) for revision in at]
    present.say("\n".join(present.table(rows)))


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )


def _history(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.cli import _listing as listing
    from pybase.migrate.database import _connect as target
    from pybase.migrate.deploy import _online as online
    from pybase.migrate.revisions import _history as history

    revisions = history.read(settings)

    def look() -> listing.Place:
        if "current" not in (args.rev_range or "") and not target.is_at_hand(settings):
            return (), {}  # nothing is started, and nothing fails, only to mark a line
        return online.look(revisions, target.find(settings))

    rows = list(listing.history_rows(revisions, args.rev_range, look))
    if rows:
        present.say("\n".join(present.table(rows)))


def _pending(args: argparse.Namespace, settings: Settings) -> None:
    tell_plan(settings, database_at_hand(settings), args.format, "heads")


def plan_format(parser: argparse.ArgumentParser) -> None:
    """Let a plan be told to a program, too."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to tell the plan"
    )


def tell_plan(settings: Settings, database: "Database", form: str, destination: str) -> None:
    """Tell what leads a database to `destination`."""
    from pybase.migrate.database import _connect as target
    from pybase.migrate.deploy import _online as online
    from pybase.migrate.deploy import _plan as plan
    from pybase.migrate.revisions import _history as history
    from pybase.migrate.sqlfiles import _headers as headers

    revisions = history.read(settings)
    at, _ = online.look(revisions, database)
    path = revisions.upgrade_path(at, destination)
    with target.connect(database, autocommit=True) as connection:
        steps = plan.make(connection, headers.of(revisions, path))
    if form == "json":
        present.data(f"{plan.as_json(steps)}\n")
    else:
        present.say(plan.text(steps))


CURRENT = Verb("Show where the database is.", no_arguments, _current)
HISTORY = Verb("Show all revisions, newest first.", _history_arguments, _history)
PENDING = Verb("Show what migrate would do.", plan_format, _pending)
