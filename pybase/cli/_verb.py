"""What a verb is, and what several of them share."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pybase.core import terminal as present
from pybase.core.settings import Settings

if TYPE_CHECKING:
    from pybase.migrate.database._connect import Database


@dataclass(frozen=True)
class Verb:
    """One command: its help line, its arguments, and the function that does it."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], int | None]
    is_tool: bool = False
    """Whether every argument is that of a tool which it calls."""


def no_arguments(_parser: argparse.ArgumentParser) -> None:
    """Most verbs take none."""


def database_at_hand(settings: Settings) -> "Database":
    """Return the database at hand, announced in one line."""
    from pybase.migrate.database import _connect as target

    database = target.find(settings)
    present.note(target.announcement(database))
    return database


def relative(path: Path, settings: Settings) -> Path:
    """Name a file as people do who are in the project's root."""
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
