"""Verbs: name, help line, everyday example and module of each, in the order of `nox -l`.

The README, migrations/README.md, `--help` and `nox -l` show this table; a test compares them.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from typing import NamedTuple, TypeAlias

from pybase.core.settings import Settings


class Command(NamedTuple):
    """Implementation of a verb: the function that adds its arguments, and the one that runs it."""

    add_arguments: Callable[[ArgumentParser], object]
    run: Callable[[Namespace, Settings], int | None]


Commands: TypeAlias = dict[str, Command]


class Verb(NamedTuple):
    """Description of a verb; `module` implements it and is imported only when it runs."""

    module: str
    line: str
    example: str
    is_tool: bool = False
    """Whether all its arguments are those of the tool that it runs."""


# fmt: off
VERBS = {
    "migrate": Verb("deploy", "Upgrade the database to head.", "nox -s migrate"),
    "makemigration": Verb("autogenerate", "Write revisions from model changes, and their SQL.",
                          'nox -s makemigration -- "add record colour"'),
    "rebase": Verb("autogenerate", "Move your revisions after those of the main branch.",
                   "nox -s rebase"),
    "downgrade": Verb("deploy", "Downgrade the database (DESTROYS DATA).",
                      "nox -s downgrade -- -1"),
    "backfill": Verb("deploy", "Run or resume the backfill of a revision.",
                     "nox -s backfill -- workspaces"),
    "stamp": Verb("deploy", "Set the revision of a database that has its schema already.",
                  "nox -s stamp -- head"),
    "distribute": Verb("deploy", "Spread the tables over a Citus cluster, as the models declare.",
                       "nox -s distribute -- --plan"),
    "current": Verb("status", "Show the revision of the database.", "nox -s current"),
    "history": Verb("status", "Show all revisions, newest first.",
                    "nox -s history -- -r current:head"),
    "pending": Verb("status", "Show what migrate would do to the tables.", "nox -s pending"),
    "review": Verb("review", "Write a page of what your revisions do.", "nox -s review"),
    "sql": Verb("sql", "Write sql/ from the revisions.", "nox -s sql"),
    "sql-lint": Verb("sql_lint", "Check that sql/ is fresh, safe and clean.", "nox -s sql-lint"),
    "check": Verb("check", "Check for two heads, wrong docstrings, and models without a revision.",
                  "nox -s check"),
    "db": Verb("db", "Manage the embedded PostgreSQL (reset DESTROYS ITS DATA).",
               "nox -s db -- status"),
    "tests": Verb("tools", "Run the tests, on PostgreSQL servers of their own.",
                  "nox -s tests -- tests/models -k slug", is_tool=True),
    "lint": Verb("tools", "Check style, formatting and import layers.", "nox -s lint -- --fix",
                 is_tool=True),
    "typing": Verb("tools", "Check the types, strictly.", "nox -s typing", is_tool=True),
}
# fmt: on


def load(name: str) -> Command:
    """Import the implementation of a verb."""
    commands: Commands = import_module(f"pybase.cli._{VERBS[name].module}").COMMANDS
    return commands[name]
