"""The verb check: the history, the models and the SQL agree."""

import argparse
from collections.abc import Sequence

from pybase.cli import _terminal as terminal
from pybase.cli._common import format_argument, show_json
from pybase.cli._verbs import Command, Commands
from pybase.core.errors import CheckFailedError
from pybase.core.settings import Settings
from pybase.core.style import style, unstyled
from pybase.migrate.autogenerate import differences
from pybase.migrate.verify import Finding, check, check_models


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--models", action="store_true", help="check only that the models have their revisions"
    )
    format_argument(parser, "the findings")


def _check(args: argparse.Namespace, settings: Settings) -> int:
    find = check_models if args.models else check
    if args.format == "text":
        for finding in find(settings, differences):
            terminal.result(_line(finding))
        return 0
    findings: Sequence[Finding] = ()
    failure: CheckFailedError | None = None
    try:
        findings = find(settings, differences)
    except CheckFailedError as error:
        failure = error
    show_json({"findings": findings, "failure": failure and _values(failure)})
    return failure.exit_code if failure else 0


def _line(finding: Finding) -> str:
    if finding.is_proven:
        return f"{style('ok', 'green')}  {finding.text}"
    hint = f"\n    hint: {finding.hint}" if finding.hint else ""
    return f"{style('--', 'yellow')}  not proven: {finding.text}{hint}"


def _values(error: CheckFailedError) -> dict[str, str]:
    return {"code": error.code, "problem": unstyled(error.problem), "hint": unstyled(error.hint)}


COMMANDS: Commands = {"check": Command(_arguments, _check)}
