"""The verbs that change a database: migrate, downgrade, backfill."""

import argparse
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from pybase.cli._show import plan_format, tell_plan
from pybase.cli._verb import Verb, database_at_hand
from pybase.core import humanize as words
from pybase.core import terminal as present
from pybase.core.settings import MigrateOptions, Settings

if TYPE_CHECKING:
    from pybase.migrate.deploy._apply import Job
    from pybase.migrate.deploy._data_loss import Consent
    from pybase.migrate.deploy._guards import Guard
    from pybase.migrate.revisions._history import History


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="head", help="a revision, +1, or with --sql also A:B"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL, touch no database")
    parser.add_argument("--plan", action="store_true", help="tell what it would do, change nothing")
    _checked_arguments(parser)
    plan_format(parser)
    _limit_arguments(parser)


def _migrate(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.deploy import _apply as apply

    if args.sql:
        from pybase.migrate.revisions import _history as history
        from pybase.migrate.sqlfiles import _offline as offline

        present.data(offline.upgrade_sql(history.read(settings), args.target))
        return
    if args.plan:
        tell_plan(settings, database_at_hand(settings), args.format, args.target)
        return
    count = apply.run(_job(args, settings))
    present.say(f"{count} applied." if count else "Nothing to do: the database is up to date.")


def _checked_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check-drift", action="store_true", help="compare the database with its revision first"
    )
    parser.add_argument(
        "--force", metavar="CHECK", action="append", default=[], help="leave this check out"
    )


def _job(args: argparse.Namespace, settings: Settings, consent: "Consent | None" = None) -> "Job":
    """Return what is to be done; it is the way down with `consent`."""
    from pybase.migrate.deploy._apply import Job, Look

    settings = _with_limits(args, settings)
    database = database_at_hand(settings)

    def read() -> "History":
        from pybase.migrate.revisions import _history as history  # takes Alembic

        return history.read(settings)

    def guard() -> "Guard":
        from pybase.migrate.deploy._guards import Guard

        drift = read if args.check_drift else None
        return Guard(database, args.target, present.note, args.force, drift, consent)

    look = Look(guard, always=args.check_drift, is_stale_fine="fresh" in args.force)
    echo = present.echo if args.verbose else lambda _line: None
    return Job(
        settings, database, args.target, consent is None, present.say, present.note, look, echo
    )


def _consent(args: argparse.Namespace) -> "Consent":
    from pybase.migrate.deploy._data_loss import Consent

    asking = (present.ask, present.ask_name) if present.can_ask() else (None, None)
    return Consent(args.allow_data_loss, args.database, *asking)


def _downgrade_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="-1, a revision, or base; with --sql also A:B")
    parser.add_argument("--sql", action="store_true", help="print the SQL, touch no database")
    parser.add_argument(
        "--allow-data-loss", action="store_true", help="drop tables and columns that hold data"
    )
    parser.add_argument(
        "--database", metavar="NAME", help="for base: the name of the database that is meant"
    )
    _checked_arguments(parser)
    _limit_arguments(parser)


def _downgrade(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.deploy import _apply as apply

    if args.sql:
        from pybase.migrate.revisions import _history as history
        from pybase.migrate.sqlfiles import _offline as offline

        present.data(offline.downgrade_sql(history.read(settings), args.target))
        return
    count = apply.run(_job(args, settings, _consent(args)))
    present.say(f"{count} undone." if count else "Nothing to do: the database is there already.")


def _limit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--verbose", action="store_true", help="show each statement as it runs")
    for each in fields(MigrateOptions):
        name = f"--{each.name.replace('_', '-')}"
        parser.add_argument(name, type=int, metavar="N", help=f"{each.default} unless configured")


def _with_limits(args: argparse.Namespace, settings: Settings) -> Settings:
    """Return the settings with what this one run is to treat the server by."""
    given = {each.name: getattr(args, each.name) for each in fields(MigrateOptions)}
    limits = replace(
        settings.options.migrate, **{name: n for name, n in given.items() if n is not None}
    )
    return replace(settings, options=replace(settings.options, migrate=limits))


def _backfill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the table that it fills, or its revision")


def _backfill(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.deploy import _backfill_runner as filling

    backfill = filling.find(settings, args.name)
    changed = filling.run(database_at_hand(settings), backfill)
    present.say(f"{backfill.table}: {words.rows(changed)} changed, none is left.")


MIGRATE = Verb("Upgrade the database to head.", _migrate_arguments, _migrate)
DOWNGRADE = Verb("Undo revisions (DESTROYS DATA).", _downgrade_arguments, _downgrade)
BACKFILL = Verb("Run a revision's backfill by itself.", _backfill_arguments, _backfill)
