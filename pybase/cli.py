"""The command line: parses arguments, calls one room, prints, and chooses the exit code.

No logic of migrations lives here. Results go to standard output; what a person only watches goes
to standard error, so that output can be piped.
"""

import argparse
import logging
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pybase import settings as configuration
from pybase.errors import PybaseError, UsageError
from pybase.settings import MigrateOptions, Settings

if TYPE_CHECKING:
    from pybase.migrate.apply import Job
    from pybase.migrate.guards import Guard
    from pybase.migrate.history import History
    from pybase.migrate.losses import Consent
    from pybase.migrate.target import Database


@dataclass(frozen=True)
class Verb:
    """One command: its help line, its arguments, and the function that does it."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int | None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0 fine, 1 a check failed, 2 misuse, 3 no database."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        parsed = _parser().parse_args(arguments)
        return VERBS[parsed.verb].run(parsed, configuration.load(Path(parsed.config))) or 0
    except PybaseError as error:
        _note(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        _note("Interrupted. What was finished stays; run the same command again to go on.")
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        return 0


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    session = configuration.nox_session()
    parser = argparse.ArgumentParser(prog="python -m pybase", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    parser.add_argument("-c", "--config", default="alembic.ini", help="an alembic.ini")
    for name, verb in VERBS.items():
        prog = f"nox -s {name} --" if session == name else f"python -m pybase {name}"
        if name in _TOOLS:  # every argument is the tool's own, also one that begins with a dash
            sub = verbs.add_parser(name, help=verb.help, prefix_chars="\0", add_help=False)
            verb.arguments(sub)
            continue
        sub = verbs.add_parser(name, prog=prog, help=verb.help, description=verb.help)
        sub.add_argument("-c", "--config", default=argparse.SUPPRESS, help="an alembic.ini")
        verb.arguments(sub)
    return parser


# --- migrate, downgrade ---------------------------------------------------------------------


def _migrate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", nargs="?", default="head", help="a revision, +1, or with --sql also A:B"
    )
    parser.add_argument("--sql", action="store_true", help="print the SQL, touch no database")
    parser.add_argument("--plan", action="store_true", help="tell what it would do, change nothing")
    _checked_arguments(parser)
    _plan_format(parser)
    _limit_arguments(parser)


def _migrate(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import apply

    if args.sql:
        from pybase.migrate import history, offline

        sys.stdout.write(offline.upgrade_sql(history.read(settings), args.target))
        return
    if args.plan:
        _tell_plan(settings, _database(settings), args.format, args.target)
        return
    count = apply.run(_job(args, settings))
    print(f"{count} applied." if count else "Nothing to do: the database is up to date.")


def _checked_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check-drift", action="store_true", help="compare the database with its revision first"
    )
    parser.add_argument(
        "--force", metavar="CHECK", action="append", default=[], help="leave this check out"
    )


def _job(args: argparse.Namespace, settings: Settings, consent: "Consent | None" = None) -> "Job":
    """Return what is to be done; it is the way down with `consent`."""
    from pybase.migrate.apply import Job, Look

    settings = _with_limits(args, settings)
    database = _database(settings)

    def read() -> "History":
        from pybase.migrate import history  # takes Alembic

        return history.read(settings)

    def guard() -> "Guard":
        from pybase.migrate.guards import Guard

        drift = read if args.check_drift else None
        return Guard(database, args.target, _note, args.force, drift, consent)

    look = Look(guard, always=args.check_drift, is_stale_fine="fresh" in args.force)
    echo = _note if args.verbose else lambda _line: None
    return Job(settings, database, args.target, consent is None, _told, _note, look, echo)


def _consent(args: argparse.Namespace) -> "Consent":
    from pybase.migrate.losses import Consent

    ask, ask_name = (_ask, _ask_name) if _is_at_terminal() else (None, None)
    return Consent(args.allow_data_loss, args.database, ask, ask_name)


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
    from pybase.migrate import apply

    if args.sql:
        from pybase.migrate import history, offline

        sys.stdout.write(offline.downgrade_sql(history.read(settings), args.target))
        return
    count = apply.run(_job(args, settings, _consent(args)))
    print(f"{count} undone." if count else "Nothing to do: the database is there already.")


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


def _told(line: str) -> None:
    print(line, flush=True)  # a waiting line is for now


# --- backfill ---------------------------------------------------------------------------------


def _backfill_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the table that it fills, or its revision")


def _backfill(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import filling

    backfill = filling.find(settings, args.name)
    rows = filling.run(_database(settings), backfill)
    print(f"{backfill.table}: {rows:,} rows changed, none is left.")


# --- makemigration ----------------------------------------------------------------------------


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
    from pybase.migrate import history
    from pybase.migrate.autogenerate import Request, make_migration, report

    request = Request(
        " ".join(args.message),
        empty=args.empty,
        data=args.data,
        sql_only=_read_sql(args.sql_only) if args.sql_only else None,
        single=args.single,
        renames=tuple(args.rename),
        no_rename=args.no_rename,
        ask=_ask if _is_at_terminal() else None,
    )
    outcome = make_migration(history.read(settings), request)
    if outcome is None:
        print("Nothing to do: models and revisions agree. No revision was written.")
        return 0
    for line in report.lines(outcome, settings):
        print(line)
    return 0 if outcome.is_complete else 1


def _ask(question: str) -> bool:
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _ask_name(question: str) -> str:
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _is_at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _read_sql(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}.", "Name a file of SQL.") from error


def _rebase(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import rebase

    done = rebase.rebase(settings)
    if done is None:
        print("Nothing to do: the history has one head.")
        return
    for move in done.moves:
        print(f"moved  {_relative(Path(move.script.path), settings)}  (now after {move.parent})")
    for name in done.sql:
        print(f"wrote  {settings.written_name(name)}")
    print("Read what changed, then apply it: nox -s migrate")


# --- current, history, pending ------------------------------------------------------------------


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Most verbs take none."""


def _current(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import history, online

    revisions = history.read(settings)
    at, _ = online.look(revisions, _database(settings))
    revisions.require_known(at)
    if not at:
        print("base (nothing is applied)")
    for revision in at:
        script = revisions.get(revision)
        print(f"{revision}{' (head)' if script.is_head else ''}  {script.doc}")


def _history_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-r", "--rev-range", metavar="A:B", help="only these; A and B may be current, head, base"
    )


def _history(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import history, listing, online, target

    revisions = history.read(settings)

    def look() -> listing.Place:
        if "current" not in (args.rev_range or "") and not target.is_at_hand(settings):
            return (), {}  # nothing is started, and nothing fails, only to mark a line
        return online.look(revisions, target.find(settings))

    for line in listing.history_lines(revisions, args.rev_range, look):
        print(line)


def _pending(args: argparse.Namespace, settings: Settings) -> None:
    _tell_plan(settings, _database(settings), args.format, "heads")


def _plan_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="how to tell the plan"
    )


def _tell_plan(settings: Settings, database: "Database", form: str, destination: str) -> None:
    from pybase.migrate import headers, history, online, plan, target

    revisions = history.read(settings)
    at, _ = online.look(revisions, database)
    path = revisions.upgrade_path(at, destination)
    with target.connect(database, autocommit=True) as connection:
        steps = plan.make(connection, headers.of(revisions, path))
    print(plan.as_json(steps) if form == "json" else plan.text(steps))


# --- sql, sql-lint, check -------------------------------------------------------------------------


def _sql_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is not fresh"
    )


def _sql(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import build

    if args.check:
        build.check(settings)
        print(f"{settings.options.sql}/ is fresh.")
        return
    changes = build.write(settings)
    for change in changes:
        verb = "removed" if change.reason == "orphaned" else "wrote  "
        print(f"{verb}  {settings.written_name(change.path)}")
    print(f"{len(changes)} files written." if changes else f"{settings.options.sql}/ is fresh.")


def _sql_lint_arguments(parser: argparse.ArgumentParser) -> None:
    formats = ("text", "json", "github", "sarif", "gitlab")
    parser.add_argument("--format", choices=formats, default="text", help="how to tell it")
    parser.add_argument("--since", metavar="REV", help="only what came after this revision")
    parser.add_argument("--strict", action="store_true", help="fail on warnings, too")


def _sql_lint(args: argparse.Namespace, settings: Settings) -> int:
    from pybase.migrate import formats, lint

    result = lint.lint(settings, args.since)
    print(formats.FORMATS[args.format](result))
    return 1 if result.errors or (args.strict and result.warnings) else 0


def _check(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate import checks

    for line in checks.check(settings):
        print(f"ok  {line}")


# --- db ---------------------------------------------------------------------------------------


def _db_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("status", "url", "psql", "stop", "reset"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="for psql: its own arguments")


def _db(args: argparse.Namespace, settings: Settings) -> None:
    from pybase import embedded

    embedded.ACTIONS[args.action](settings, args.rest)


# --- tests, lint, typing ----------------------------------------------------------------------


_TOOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tests": (("-m", "pytest"),),
    "lint": (
        ("-m", "ruff", "check"),
        ("-m", "ruff", "format", "--check"),
        ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
    ),
    "typing": (("-m", "mypy"),),
}
"""Arguments to Python, one program after the other; the first gets the user's own."""


def _tool_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="the tool's own arguments")


def _tool(args: argparse.Namespace, settings: Settings) -> int:
    first, *others = _TOOLS[args.verb]
    is_fix = "--fix" in args.rest
    commands = [
        (*first, *args.rest),
        *(c[:-1] if is_fix and c[-1] == "--check" else c for c in others),
    ]
    codes = [subprocess.call([sys.executable, *c], cwd=settings.root) for c in commands]
    return max(codes)


# --- what all share -----------------------------------------------------------------------------


def _database(settings: Settings) -> "Database":
    """Return the database at hand, announced in one line."""
    from pybase.migrate import target

    database = target.find(settings)
    _note(target.announcement(database))
    return database


def _relative(path: Path, settings: Settings) -> Path:
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path


VERBS: dict[str, Verb] = {
    "migrate": Verb("Upgrade the database to head.", _migrate_arguments, _migrate),
    "makemigration": Verb(
        "Write a revision from model changes.", _makemigration_arguments, _makemigration
    ),
    "rebase": Verb("Put your revisions after those of the main branch.", _no_arguments, _rebase),
    "downgrade": Verb("Undo revisions (DESTROYS DATA).", _downgrade_arguments, _downgrade),
    "backfill": Verb("Run a revision's backfill by itself.", _backfill_arguments, _backfill),
    "current": Verb("Show where the database is.", _no_arguments, _current),
    "history": Verb("Show all revisions, newest first.", _history_arguments, _history),
    "pending": Verb("Show what migrate would do.", _plan_format, _pending),
    "sql": Verb("Write sql/ from the revisions.", _sql_arguments, _sql),
    "sql-lint": Verb(
        "Refuse SQL that is stale, unsafe or not clean.", _sql_lint_arguments, _sql_lint
    ),
    "check": Verb("Refuse a history that is not in order.", _no_arguments, _check),
    "db": Verb("Look after the embedded PostgreSQL.", _db_arguments, _db),
    "tests": Verb("Run the tests.", _tool_arguments, _tool),
    "lint": Verb("Check style, formatting and walls.", _tool_arguments, _tool),
    "typing": Verb("Check the types.", _tool_arguments, _tool),
}
