"""Functions that several verbs share."""

import argparse
from pathlib import Path

import msgspec

from pybase.cli import _terminal as terminal
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.database import Database, announcement, find_database

NOTHING_TO_DO = style("Nothing to do:", "green")


def no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Add no argument."""


def format_argument(parser: argparse.ArgumentParser, of: str) -> None:
    """Add the choice between words and JSON, whose keys docs/json.md lists."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help=f"the format of {of}"
    )


def show_json(value: object) -> None:
    """Write a result for a program."""
    terminal.data(f"{msgspec.json.format(msgspec.json.encode(value), indent=2).decode()}\n")


def announced_database(settings: Settings) -> Database:
    """Return the user's database, after naming it on standard error."""
    database = find_database(settings)
    terminal.note(style(announcement(database), "dim"))
    return database


def wrote(path: object) -> str:
    """Return the line of a written file."""
    return f"{style('wrote', 'green')}  {path}"


def relative(path: Path, settings: Settings) -> Path:
    """Return a path relative to the project's root, where it is below it."""
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
