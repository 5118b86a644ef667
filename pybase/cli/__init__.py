"""Command line: arguments, terminal, exit codes, and the wording of results.

It holds no logic of migrations. The module of a verb is imported only when that verb runs.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pybase.cli import _terminal as terminal
from pybase.cli._entry import process
from pybase.cli._entry.arguments import Parser, require_text
from pybase.cli._reporter import TerminalReporter
from pybase.cli._verbs import VERBS, load
from pybase.core import checkout
from pybase.core import settings as configuration
from pybase.core.style import style

__all__ = ["VERBS", "TerminalReporter", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code.

    0 fine, 1 a check failed, 2 misuse, 3 no database, 70 a bug, 130 interrupted.
    """
    terminal.open_streams()
    process.ensure_home()
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_TerminalHandler()])
    words = sys.argv[1:] if arguments is None else arguments
    return process.exit_code(lambda: _run(words), with_traceback=_TRACEBACK in words)


def _run(words: Sequence[str]) -> int:
    parsed = _parser(words).parse_args(words)
    require_text(parsed)
    settings = configuration.load(Path(parsed.config), parsed.x, parsed.section)
    if not VERBS[parsed.verb].is_tool:
        checkout.recover(settings)
    return load(parsed.verb).run(parsed, settings) or 0


class _TerminalHandler(logging.Handler):
    """Handler that shows the warnings of libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        level = style(f"{record.levelname.lower()}:", "bold yellow")
        terminal.note(f"{level} {self.format(record)}")


_TRACEBACK = "--traceback"
_DESCRIPTION = "Write, review and apply the revisions of a PostgreSQL schema."


def _parser(words: Sequence[str]) -> Parser:
    """Return the parser, of one verb where `words` begin with it; a parser takes 1 ms to create.

    Only the verbs among `words` have their arguments.
    """
    parser = Parser(prog="python -m pybase", description=_DESCRIPTION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _common_arguments(parser, config="alembic.ini", x=[], section=configuration.SECTION)
    for name in words[:1] if VERBS.keys() & words[:1] else VERBS:
        verb = VERBS[name]
        is_session = configuration.nox_session() == name
        sub = verbs.add_parser(
            name,
            prog=f"nox -s {name} --" if is_session else f"python -m pybase {name}",
            help=verb.line,
            description=verb.line,
            epilog=f"Example: {verb.example}",
            add_help=not verb.is_tool,
            prefix_chars="\0" if verb.is_tool else "-",  # a tool's arguments are all its own
        )
        if name in words:
            if not verb.is_tool:
                _common_arguments(sub)
            load(name).add_arguments(sub)
    return parser


def _common_arguments(parser: Parser, **defaults: object) -> None:
    """Add the arguments of every verb; one without a default is absent where it is not given."""

    def add(*names: str, **options: Any) -> None:
        name = options.get("dest", names[-1].lstrip("-"))
        parser.add_argument(*names, default=defaults.get(name, argparse.SUPPRESS), **options)

    add("-c", "--config", help="an alembic.ini")
    add("-n", "--name", dest="section", metavar="NAME", help="its section, for another history")
    add("-x", action="append", metavar="KEY=VALUE", help="for context.get_x_argument() of env.py")
    parser.add_argument(
        _TRACEBACK, action="store_true", help="with an error, show where it was raised"
    )
