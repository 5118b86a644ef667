"""Verbs that change a database: migrate, downgrade, backfill, stamp, distribute."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import fields, replace

from pybase.cli import _fleet as fleet
from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO, announced_database
from pybase.cli._entry.arguments import require_target
from pybase.cli._reporter import TerminalReporter
from pybase.cli._verbs import Command, Commands
from pybase.core import humanize
from pybase.core.reporter import Reporter
from pybase.core.settings import MigrateOptions, Settings
from pybase.core.style import style, table
from pybase.migrate import deploy
from pybase.migrate.record import Direction

if TYPE_CHECKING:
    from pybase.migrate.fleet import MemberReporter


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", help="a revision, +1, LABEL@head, heads, or with --sql also A:B"
    )
    parser.add_argument("--plan", action="store_true", help="show what it would do, change nothing")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="the format of the plan"
    )
    fleet.fleet_arguments(parser)
    _run_arguments(parser)


def _downgrade_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="-1, a revision, LABEL@-1, or base; with --sql also A:B")
    _database_argument(parser, "for base")
    fleet.fleet_arguments(parser, has_format=False)
    _run_arguments(parser)


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-data-loss", action="store_true", help="destroy data that tables and columns hold"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL, use no database")
    parser.add_argument(
        "--check-drift", action="store_true", help="compare the database with its revision first"
    )
    parser.add_argument(
        "--force",
        metavar="CHECK",
        action="append",
        default=[],
        choices=(*deploy.CHECKS, deploy.DRIFT),
        help=f"skip a check: {', '.join((*deploy.CHECKS, deploy.DRIFT))}",
    )
    parser.add_argument(
        "--python-revisions",
        action="store_true",
        help="run the revisions' Python instead of the reviewed SQL",
    )
    parser.add_argument("--verbose", action="store_true", help="show each statement as it runs")
    _data_argument(parser)
    _limit_arguments(parser)


def _limit_arguments(parser: argparse.ArgumentParser) -> None:
    for option in fields(MigrateOptions):
        name = f"--{option.name.replace('_', '-')}"
        help_text = f"{option.default} unless configured"
        parser.add_argument(name, type=int, metavar="N", help=help_text)


def _database_argument(parser: argparse.ArgumentParser, need: str) -> None:
    parser.add_argument("--database", metavar="NAME", help=f"{need}: the name of the database")


def _data_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--show-data",
        action="store_true",
        help="let errors show values of rows, and queries of other sessions",
    )


def _migrate(args: argparse.Namespace, settings: Settings) -> int | None:
    if args.target is not None:
        require_target(args.target, with_range=args.sql)
    if fleet.is_fleet(args):
        if args.plan:
            return fleet.show_pending(args, settings, args.target)
        return _run_on_fleet(args, settings, Direction.UPGRADE)
    if args.sql:
        _print_sql(args, settings, Direction.UPGRADE)
    elif args.plan:
        from pybase.cli._status import show_plan  # not needed to migrate

        show_plan(settings, announced_database(settings), args.format, args.target)
    else:
        count = _run(args, settings, Direction.UPGRADE)
        nothing = "the database is up to date."
        terminal.result(
            style(f"{count} applied.", "bold") if count else f"{NOTHING_TO_DO} {nothing}"
        )
    return None


def _downgrade(args: argparse.Namespace, settings: Settings) -> int | None:
    require_target(args.target, with_range=args.sql)
    if fleet.is_fleet(args, has_format=False):
        return _run_on_fleet(args, settings, Direction.DOWNGRADE)
    if args.sql:
        _print_sql(args, settings, Direction.DOWNGRADE)
        return None
    count = _run(args, settings, Direction.DOWNGRADE)
    nothing = "the database is at that revision."
    terminal.result(style(f"{count} undone.", "bold") if count else f"{NOTHING_TO_DO} {nothing}")
    return None


def _print_sql(args: argparse.Namespace, settings: Settings, direction: Direction) -> None:
    from pybase.migrate.sqlfiles.offline import path_sql  # Alembic: not needed to migrate

    terminal.data(path_sql(settings, args.target, direction))


def _run(args: argparse.Namespace, settings: Settings, direction: Direction) -> int:
    """Check and apply the plan to the target; returns how many revisions were run."""
    settings = _with_limits(args, settings)
    database = announced_database(settings)
    reporter = TerminalReporter(args.verbose, args.show_data)
    python = args.python_revisions
    with deploy.locked(settings, database, reporter, runs_python=python) as session:
        plan = session.plan(args.target, direction)
        return _run_plan(args, session, plan, reporter, terminal.ask, terminal.ask_name)


def _run_on_fleet(args: argparse.Namespace, settings: Settings, direction: Direction) -> int:
    """Do the same on each database of a fleet; returns the exit code."""
    settings = _with_limits(args, settings)

    def work(source: deploy.Source, reporter: "MemberReporter", target: str) -> int:
        with deploy.locked(settings, source.database, reporter, source=source) as session:
            plan = session.plan(target, direction)
            return _run_plan(args, session, plan, reporter, reporter.ask, reporter.ask_name)

    words = "applied" if direction.is_upgrade else "undone"
    return fleet.run_on_fleet(args, settings, fleet.Task(work, words, direction, args.target))


def _run_plan(
    args: argparse.Namespace,
    session: "deploy.Locked",
    plan: "deploy.Plan",
    reporter: Reporter,
    ask: Callable[[str], bool],
    ask_name: Callable[[str], str],
) -> int:
    if plan.steps:
        plan = deploy.observed(session.connection, plan, reporter.note)
    if plan.steps or args.check_drift:
        results = deploy.check(session, plan, args.force, with_drift=args.check_drift)
        deploy.require_clear(results, reporter.note)
    if not plan.steps:
        return 0
    consent = deploy.confirm(session, plan, _confirmation(args, ask, ask_name))
    deploy.note_changed_entries(session.connection, plan, reporter)
    return deploy.apply(session, plan, reporter, consent)


def _confirmation(
    args: argparse.Namespace, ask: Callable[[str], bool], ask_name: Callable[[str], str]
) -> "deploy.Confirmation":
    questions = (ask, ask_name) if terminal.can_ask() else (None, None)
    return deploy.Confirmation(args.allow_data_loss, getattr(args, "database", None), *questions)


def _with_limits(args: argparse.Namespace, settings: Settings) -> Settings:
    """Return the settings with the limits given on the command line."""
    names = [option.name for option in fields(MigrateOptions)]
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    limits = replace(settings.options.migrate, **given)
    return replace(settings, options=replace(settings.options, migrate=limits))


def _backfill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the table that it fills, or its revision")
    fleet.fleet_arguments(parser, has_format=False)
    _data_argument(parser)


def _backfill(args: argparse.Namespace, settings: Settings) -> int | None:
    backfill = deploy.find_backfill(settings, args.name)
    if fleet.is_fleet(args, has_format=False):

        def work(source: deploy.Source, reporter: "MemberReporter", _target: str) -> int:
            session = deploy.runnable(source, reporter).session
            return deploy.run_backfill(source.database, backfill, reporter, session)

        return fleet.run_on_fleet(args, settings, fleet.Task(work, "rows changed"))
    database = announced_database(settings)
    reporter = TerminalReporter(shows_data=args.show_data)
    source = deploy.runnable(deploy.status_source(settings, database), reporter)
    changed = deploy.run_backfill(database, backfill, reporter, source.session)
    terminal.result(f"{backfill.table}: {humanize.rows(changed)} changed, none is left.")
    return None


def _stamp_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("target", help="a revision, head, heads or base")
    parser.add_argument(
        "--without-check", action="store_true", help="do not compare the database with the revision"
    )
    _database_argument(parser, "without a check, and for base")


def _stamp(args: argparse.Namespace, settings: Settings) -> None:
    require_target(args.target, with_range=False)
    confirmation = deploy.Confirmation(
        database=args.database, ask_name=terminal.ask_name if terminal.can_ask() else None
    )
    heads = deploy.stamp(
        settings,
        announced_database(settings),
        args.target,
        TerminalReporter(),
        confirmation,
        is_checked=not args.without_check,
    )
    if heads is None:
        terminal.result(f"{NOTHING_TO_DO} the database is at that revision.")
    for head in heads or (() if heads is None else ("base",)):
        terminal.result(f"{style('stamped', 'green')}  {style(head, 'magenta')}")


def _distribute_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", help="show what it would do, change nothing")
    parser.add_argument("--verbose", action="store_true", help="show each statement as it runs")
    _data_argument(parser)
    _limit_arguments(parser)


def _distribute(args: argparse.Namespace, settings: Settings) -> None:
    database = announced_database(settings)
    if args.plan:
        lines = [*deploy.planned_lines(deploy.plan_distribution(settings, database))]
        terminal.result("\n".join([*table(lines), style(f"{len(lines)} to do.", "bold")]))
        return
    settings = _with_limits(args, settings)
    reporter = TerminalReporter(args.verbose, args.show_data)
    with deploy.locked(settings, database, reporter) as session:
        count = deploy.distribute(session, reporter)
    nothing = f"{NOTHING_TO_DO} the tables are spread as declared."
    terminal.result(style(f"{count} spread.", "bold") if count else nothing)


COMMANDS: Commands = {
    "migrate": Command(_migrate_arguments, _migrate),
    "downgrade": Command(_downgrade_arguments, _downgrade),
    "backfill": Command(_backfill_arguments, _backfill),
    "stamp": Command(_stamp_arguments, _stamp),
    "distribute": Command(_distribute_arguments, _distribute),
}
