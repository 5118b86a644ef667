"""The command line: parses arguments, calls one room, prints, and chooses the exit code.

No logic of migrations lives here. A module a group of verbs; each imports what is heavy when it
is run. Results go to standard output; what a person only watches goes to standard error, so that
output can be piped.
"""

import argparse
import logging
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from pybase import present
from pybase import settings as configuration
from pybase.cli import guard, show, tools, upgrade, write
from pybase.cli.verb import Verb
from pybase.errors import PybaseError

__all__ = ["VERBS", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0 fine, 1 a check failed, 2 misuse, 3 no database."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Log()])
    try:
        words = sys.argv[1:] if arguments is None else arguments
        parsed = _parser(words).parse_args(words)
        return VERBS[parsed.verb].run(parsed, configuration.load(Path(parsed.config))) or 0
    except PybaseError as error:
        present.error(error.problem, error.mend)
        return error.exit_code
    except KeyboardInterrupt:
        present.note("Interrupted. What was finished stays; run the same command again to go on.")
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        return 0


class _Log(logging.Handler):
    """Takes the warnings of the libraries that we use."""

    def emit(self, record: logging.LogRecord) -> None:
        present.note(f"{record.levelname.lower()}: {self.format(record)}")


def _parser(words: Collection[str] | None = None) -> argparse.ArgumentParser:
    """Return what parses every verb, or only those that are among the words: others cost 3 ms."""
    session = configuration.nox_session()
    parser = argparse.ArgumentParser(prog="python -m pybase", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    parser.add_argument("-c", "--config", default="alembic.ini", help="an alembic.ini")
    for name, verb in VERBS.items():
        if words is not None and name not in words:
            verbs.add_parser(name, help=verb.help, add_help=False)
            continue
        prog = f"nox -s {name} --" if session == name else f"python -m pybase {name}"
        if verb.is_tool:  # every argument is the tool's own, also one that begins with a dash
            sub = verbs.add_parser(name, help=verb.help, prefix_chars="\0", add_help=False)
            verb.arguments(sub)
            continue
        sub = verbs.add_parser(name, prog=prog, help=verb.help, description=verb.help)
        sub.add_argument("-c", "--config", default=argparse.SUPPRESS, help="an alembic.ini")
        verb.arguments(sub)
    return parser


VERBS: dict[str, Verb] = {
    "migrate": upgrade.MIGRATE,
    "makemigration": write.MAKEMIGRATION,
    "rebase": write.REBASE,
    "downgrade": upgrade.DOWNGRADE,
    "backfill": upgrade.BACKFILL,
    "current": show.CURRENT,
    "history": show.HISTORY,
    "pending": show.PENDING,
    "sql": guard.SQL,
    "sql-lint": guard.SQL_LINT,
    "check": guard.CHECK,
    "db": tools.DB,
    "tests": tools.TESTS,
    "lint": tools.LINT,
    "typing": tools.TYPING,
}
"""In the order in which `nox -l` lists them."""
