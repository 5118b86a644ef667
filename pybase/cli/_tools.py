"""Verbs that run the tools of the repository: tests, lint, typing."""

import argparse
import subprocess
import sys

from pybase.cli._verbs import Command, Commands
from pybase.core.settings import Settings

_TOOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "tests": (("-m", "pytest"),),
    "lint": (
        ("-m", "ruff", "check"),
        ("-m", "ruff", "format", "--check"),
        ("-c", "from importlinter.cli import lint_imports_command as run; run()"),
    ),
    "typing": (("-m", "mypy"),),
}
"""Arguments of Python, one program after the other; the first receives the user's arguments."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="the tool's own arguments")


def _run(args: argparse.Namespace, settings: Settings) -> int:
    first, *others = _TOOLS[args.verb]
    if "--fix" in args.rest:
        others = [tuple(word for word in other if word != "--check") for other in others]
    commands = [(*first, *args.rest), *others]
    return max(
        subprocess.call([sys.executable, *command], cwd=settings.root) for command in commands
    )


COMMANDS: Commands = {name: Command(_arguments, _run) for name in _TOOLS}
