"""The command line: parses arguments, calls one room, prints, and chooses the exit code.

No logic of migrations lives here. A module a group of verbs, imported when one of them is wanted;
each imports what is heavy when it is run. What verbs say is said by `present`.
"""

import argparse
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from pybase.cli._verb import Verb
from pybase.core import settings as configuration
from pybase.core import terminal as present
from pybase.core.errors import PybaseError

__all__ = ["VERBS", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Returns the exit code: 0 fine, 1 a check failed, 2 misuse, 3 no database."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Log()])
    try:
        words = sys.argv[1:] if arguments is None else arguments
        parsed = _parser(words).parse_args(words)
        return VERBS[parsed.verb].run(parsed, configuration.load(Path(parsed.config))) or 0
    except PybaseError as error:
        present.error(error.problem, error.hint)
        return error.exit_code
    except KeyboardInterrupt:
        after = "\n" if present.can_draw() else ""  # the terminal has shown ^C
        present.note(f"{after}Interrupted. What was finished stays; run the same command to go on.")
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        return 0


class _Log(logging.Handler):
    """Takes the warnings of the libraries that we use."""

    def emit(self, record: logging.LogRecord) -> None:
        present.note(f"{record.levelname.lower()}: {self.format(record)}")


_DESCRIPTION = "Write, review and apply the revisions of a PostgreSQL schema."


def _parser(words: Collection[str] = ()) -> argparse.ArgumentParser:
    """Return what parses the verbs that are among the words, or every verb where none is."""
    session = configuration.nox_session()
    parser = argparse.ArgumentParser(prog="python -m pybase", description=_DESCRIPTION)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    parser.add_argument("-c", "--config", default="alembic.ini", help="an alembic.ini")
    is_any = not any(name in words for name in VERBS)
    for name in VERBS:
        if not is_any and name not in words:
            verbs.add_parser(name, add_help=False)  # to be known; the rest takes its time
            continue
        verb = VERBS[name]
        if verb.is_tool:  # every argument is the tool's own, also one that begins with a dash
            sub = verbs.add_parser(name, help=verb.help, prefix_chars="\0", add_help=False)
            verb.arguments(sub)
            continue
        prog = f"nox -s {name} --" if session == name else f"python -m pybase {name}"
        sub = verbs.add_parser(name, prog=prog, help=verb.help, description=verb.help)
        sub.add_argument("-c", "--config", default=argparse.SUPPRESS, help="an alembic.ini")
        verb.arguments(sub)
    return parser


class _Verbs(Mapping[str, Verb]):
    """Every verb by its name, in the order of `nox -l`; its module is imported when it is wanted.

    A module holds the verb `sql-lint` as `SQL_LINT`.
    """

    def __getitem__(self, name: str) -> Verb:
        module = import_module(f"pybase.cli._{_MODULES[name]}")
        verb: Verb = getattr(module, name.upper().replace("-", "_"))
        return verb

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


_MODULES = {
    "migrate": "upgrade",
    "makemigration": "write",
    "rebase": "write",
    "downgrade": "upgrade",
    "backfill": "upgrade",
    "current": "show",
    "history": "show",
    "pending": "show",
    "review": "review",
    "sql": "guard",
    "sql-lint": "guard",
    "check": "guard",
    "db": "tools",
    "tests": "tools",
    "lint": "tools",
    "typing": "tools",
}
VERBS = _Verbs()
