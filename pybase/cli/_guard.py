"""The verbs about what is committed: sql, sql-lint, check."""

import argparse

from pybase.cli._verb import Verb, no_arguments
from pybase.core import terminal as present
from pybase.core.settings import Settings


def _sql_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail when a file is not fresh"
    )


def _sql(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.sqlfiles import _build as build

    if args.check:
        build.check(settings)
        present.say(f"{settings.options.sql}/ is fresh.")
        return
    from pybase.core.humanize import counted  # what is fresh needs none

    changes = build.write(settings)
    if not changes:
        present.say(f"Nothing to do: {settings.options.sql}/ is fresh.")
        return
    for change in changes:
        verb = "removed" if change.reason == "orphaned" else "wrote  "
        present.say(f"{verb}  {settings.written_name(change.path)}")
    removed = sum(change.reason == "orphaned" for change in changes)
    written = (
        [f"{counted(len(changes) - removed, 'file')} written"] if removed < len(changes) else []
    )
    gone = [f"{counted(removed, 'file')} removed"] if removed else []
    present.say(f"{', '.join(written + gone)}.")


def _sql_lint_arguments(parser: argparse.ArgumentParser) -> None:
    formats = ("text", "json", "github", "sarif", "gitlab")
    parser.add_argument("--format", choices=formats, default="text", help="how to tell it")
    parser.add_argument("--since", metavar="REV", help="only what came after this revision")
    parser.add_argument("--strict", action="store_true", help="fail on warnings, too")


def _sql_lint(args: argparse.Namespace, settings: Settings) -> int:
    from pybase.migrate.sqlfiles import _lint as lint
    from pybase.migrate.sqlfiles import _lint_formats as formats

    result = lint.lint(settings, args.since)
    told = formats.FORMATS[args.format](result)
    if args.format == "text":
        present.say(told)
    else:
        present.data(f"{told}\n")
    return 1 if result.errors or (args.strict and result.warnings) else 0


def _check(_args: argparse.Namespace, settings: Settings) -> None:
    from pybase.migrate.verify import _checks as checks

    for line in checks.check(settings):
        label = "--" if line.startswith("not proven: ") else "ok"
        present.say(f"{label}  {line}")


SQL = Verb("Write sql/ from the revisions.", _sql_arguments, _sql)
SQL_LINT = Verb("Refuse SQL that is stale, unsafe or not clean.", _sql_lint_arguments, _sql_lint)
CHECK = Verb("Refuse a history that is not in order.", no_arguments, _check)
