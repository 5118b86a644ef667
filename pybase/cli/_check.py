"""The verb check: the history, the models and the SQL agree."""

import argparse

from pybase.cli import _terminal as terminal
from pybase.cli._common import no_arguments
from pybase.cli._verbs import Command, Commands
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.autogenerate import differences
from pybase.migrate.verify import check


def _check(_args: argparse.Namespace, settings: Settings) -> None:
    for finding in check(settings, differences):
        if finding.is_proven:
            terminal.result(f"{style('ok', 'green')}  {finding.text}")
        else:
            terminal.result(f"{style('--', 'yellow')}  not proven: {finding.text}")


COMMANDS: Commands = {"check": Command(no_arguments, _check)}
