"""What a verb is, and what several of them share."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pybase.settings import Settings

if TYPE_CHECKING:
    from pybase.migrate.target import Database


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


def note(text: str) -> None:
    """Tell what a person only watches."""
    print(text, file=sys.stderr, flush=True)


def ask(question: str) -> bool:
    """Ask a person who is there; anything but yes is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def ask_name(question: str) -> str:
    """Ask a person for a name."""
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def is_at_terminal() -> bool:
    """Tell whether there is a person to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def database_at_hand(settings: Settings) -> "Database":
    """Return the database at hand, announced in one line."""
    from pybase.migrate import target

    database = target.find(settings)
    note(target.announcement(database))
    return database


def relative(path: Path, settings: Settings) -> Path:
    """Name a file as people do who are in the project's root."""
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
