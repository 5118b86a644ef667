"""Verbs that change a database: migrate, downgrade, backfill."""

import argparse
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO, announced_database
from pybase.cli._reporter import TerminalReporter
from pybase.cli._verbs import Command, Commands
from pybase.core import humanize
from pybase.core.settings import MigrateOptions, Settings
from pybase.core.style import style
from pybase.migrate.deploy import _apply as apply

if TYPE_CHECKING:
    from pybase.migrate.deploy._data_loss import Consent
    from pybase.migrate.deploy._guards import Guard
    from pybase.migrate.revisions._history import History


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="head", help="a revision, +1, or with --sql also A:B"
    )
    parser.add_argument("--plan", action="store_true", help="show what it would do, change nothing")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="the format of the plan"
    )
    _run_arguments(parser)


def _downgrade_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="-1, a revision, or base; with --sql also A:B")
    parser.add_argument(
        "--allow-data-loss", action="store_true", help="drop tables and columns that hold data"
    )
    parser.add_argument("--database", metavar="NAME", help="for base: the name of the database")
    _run_arguments(parser)


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sql", action="store_true", help="print the SQL, use no database")
    parser.add_argument(
        "--check-drift", action="store_true", help="compare the database with its revision first"
    )
    parser.add_argument(
        "--force", metavar="CHECK", action="append", default=[], help="skip this check"
    )
    parser.add_argument("--verbose", action="store_true", help="show each statement as it runs")
    for option in fields(MigrateOptions):
        name = f"--{option.name.replace('_', '-')}"
        help_text = f"{option.default} unless configured"
        parser.add_argument(name, type=int, metavar="N", help=help_text)


def _migrate(args: argparse.Namespace, settings: Settings) -> None:
    if args.plan and not args.sql:
        from pybase.cli._status import show_plan  # imports Alembic

        show_plan(settings, announced_database(settings), args.format, args.target)
    else:
        _run(args, settings, "applied", "the database is up to date.")


def _downgrade(args: argparse.Namespace, settings: Settings) -> None:
    _run(args, settings, "undone", "the database is at that revision.")


def _run(args: argparse.Namespace, settings: Settings, done: str, nothing: str) -> None:
    if args.sql:
        from pybase.migrate.revisions import _history as history  # imports Alembic
        from pybase.migrate.sqlfiles import _offline as offline  # imports Alembic

        render = offline.upgrade_sql if args.verb == "migrate" else offline.downgrade_sql
        terminal.data(render(history.read(settings), args.target))
        return
    count = apply.run(_job(args, settings))
    terminal.result(style(f"{count} {done}.", "bold") if count else f"{NOTHING_TO_DO} {nothing}")


def _job(args: argparse.Namespace, settings: Settings) -> apply.Job:
    settings = _with_limits(args, settings)
    database = announced_database(settings)
    reporter = TerminalReporter(args.verbose)
    is_upgrade = args.verb == "migrate"

    def read_history() -> "History":
        from pybase.migrate.revisions import _history as history  # imports Alembic

        return history.read(settings)

    def guard() -> "Guard":
        from pybase.migrate.deploy._guards import Guard  # not needed where nothing is to do

        drift = read_history if args.check_drift else None
        consent = None if is_upgrade else _consent(args)
        return Guard(database, args.target, reporter.note, args.force, drift, consent)

    look = apply.Look(guard, always=args.check_drift, is_stale_fine="fresh" in args.force)
    return apply.Job(settings, database, args.target, is_upgrade, reporter, look)


def _consent(args: argparse.Namespace) -> "Consent":
    from pybase.migrate.deploy._data_loss import Consent  # not needed where nothing is to do

    questions = (terminal.ask, terminal.ask_name) if terminal.can_ask() else (None, None)
    return Consent(args.allow_data_loss, args.database, *questions)


def _with_limits(args: argparse.Namespace, settings: Settings) -> Settings:
    """Return the settings with the limits given on the command line."""
    names = [option.name for option in fields(MigrateOptions)]
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    limits = replace(settings.options.migrate, **given)
    return replace(settings, options=replace(settings.options, migrate=limits))


def _backfill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the table that it fills, or its revision")


def _backfill(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.deploy import _backfill_runner as runner  # not needed by migrate

    backfill = runner.find(settings, args.name)
    changed = runner.run(announced_database(settings), backfill, TerminalReporter())
    terminal.result(f"{backfill.table}: {humanize.rows(changed)} changed, none is left.")


COMMANDS: Commands = {
    "migrate": Command(_migrate_arguments, _migrate),
    "downgrade": Command(_downgrade_arguments, _downgrade),
    "backfill": Command(_backfill_arguments, _backfill),
}
