"""The user's database, announced."""

from pybase.cli import _terminal as terminal
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate.database._connect import Database, announcement, find


def announced_database(settings: Settings) -> Database:
    """Return the user's database, after naming it on standard error."""
    database = find(settings)
    terminal.note(style(announcement(database), "dim"))
    return database
