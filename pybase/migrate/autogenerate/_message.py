"""What a revision is called: a sentence that says something, and a name that is not taken."""

import re
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.migrate.revisions._history import History
from pybase.migrate.sqlfiles._header import one_line

_WORDS = """
    a an and change changed changes changing commit fix fixed fixes fixing it migrate migration
    migrations minor misc more new revision revisions small some stuff temp the things this tmp
    todo update updated updates updating wip
"""
_EMPTY_WORDS = frozenset(_WORDS.split())
_EXAMPLE = 'Say what changes: nox -s makemigration -- "add colour"'


def checked(history: History, message: str) -> str:
    """Return the message as one line.

    Raises UsageError for one that is empty, says nothing, or would take the name of another.
    """
    title = one_line(message)
    if not title:
        raise UsageError("A revision needs a message.", _EXAMPLE)
    words = re.findall(r"\w+", title.lower())
    if words and _EMPTY_WORDS.issuperset(words):
        raise UsageError(f"The message {title!r} does not say what changes.", _EXAMPLE)
    taken = slugs(history).get(slug(title))
    if taken is not None:
        raise UsageError(
            f"There is a revision of that name already: {taken.name}.",
            "Say what is different this time.",
        )
    return title


def slug(title: str) -> str:
    """Return what Alembic makes of a title in a file's name, before it cuts it."""
    return "_".join(re.findall(r"\w+", title)).lower()


def slugs(history: History) -> dict[str, Path]:
    """Return the slugs of all revisions that have one, each with its file."""
    found = {slug(script.doc): Path(script.path) for script in history.revisions}
    found.pop("", None)
    return found


def unused(history: History, titles: list[str]) -> list[str]:
    """Return the titles, numbered where their slug is taken already."""
    taken = set(slugs(history))
    found = []
    for title in titles:
        attempt, number = title, 2
        while slug(attempt) in taken:
            attempt, number = f"{title}, {number}", number + 1
        taken.add(slug(attempt))
        found.append(attempt)
    return found
