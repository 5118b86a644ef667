"""The verb check: the history, the models and the SQL agree."""

import argparse

from pybase.cli import _terminal as terminal
from pybase.cli._common import no_arguments
from pybase.cli._verbs import Command, Commands
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.verify import _checks as checks


def _check(_args: argparse.Namespace, settings: Settings) -> None:
    for line in checks.check(settings):
        is_unproven = line.startswith("not proven: ")
        label = style("--", "yellow") if is_unproven else style("ok", "green")
        terminal.result(f"{label}  {line}")


COMMANDS: Commands = {"check": Command(no_arguments, _check)}
