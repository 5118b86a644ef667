"""The verbs that hand over: db to the embedded server; tests, lint, typing to their tools."""

import argparse
import subprocess
import sys

from pybase.cli._verb import Verb
from pybase.core.settings import Settings


def _db_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("status", "url", "psql", "stop", "reset"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="for psql: its own arguments")


def _db(args: argparse.Namespace, settings: Settings) -> None:
    from pybase.cli import _db as embedded

    embedded.ACTIONS[args.action](settings, args.rest)


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


DB = Verb("Look after the embedded PostgreSQL.", _db_arguments, _db)
TESTS = Verb("Run the tests.", _tool_arguments, _tool, is_tool=True)
LINT = Verb("Check style, formatting and walls.", _tool_arguments, _tool, is_tool=True)
TYPING = Verb("Check the types.", _tool_arguments, _tool, is_tool=True)
