"""Titles of revisions: a sentence that states what changes, under a name that is free."""

import re
from pathlib import Path

from pybase.core.errors import UsageError
from pybase.migrate.autogenerate._operations import Step
from pybase.migrate.revisions import History
from pybase.migrate.sql import one_line

_WORDS = """
    a an and change changed changes changing commit fix fixed fixes fixing it migrate migration
    migrations minor misc more new revision revisions small some stuff temp the things this tmp
    todo update updated updates updating wip
"""
_EMPTY_WORDS = frozenset(_WORDS.split())
_EXAMPLE = 'State what changes: nox -s makemigration -- "add colour"'


def checked_title(history: History, message: str) -> str:
    """Return the message as one line.

    Raises UsageError for a message that is empty or does not state what changes, and for one whose
    name another revision has.
    """
    title = one_line(message)
    title = title[:1].upper() + title[1:]
    if not title:
        raise UsageError("A revision needs a message.", _EXAMPLE, code="no-message")
    words = re.findall(r"\w+", title.lower())
    if words and _EMPTY_WORDS.issuperset(words):
        problem = f"The message {title!r} does not state what changes."
        raise UsageError(problem, _EXAMPLE, code="empty-message")
    taken = _slugs(history).get(_slug(title))
    if taken is not None:
        raise UsageError(
            f"There is a revision of that name already: {taken.name}.",
            "Name what is different this time.",
            code="name-taken",
        )
    return title


def free_titles(history: History, titles: list[str]) -> list[str]:
    """Return the titles, numbered where another revision has the name."""
    taken = set(_slugs(history))
    result = []
    for title in titles:
        candidate, number = title, 2
        while _slug(candidate) in taken:
            candidate, number = f"{title}, {number}", number + 1
        taken.add(_slug(candidate))
        result.append(candidate)
    return result


def described(step: Step) -> str:
    """Return what a step does, as a sentence without its full stop."""
    first, *others = dict.fromkeys(part.title for part in step.parts)
    return "; ".join([first, *(f"{title[0].lower()}{title[1:]}" for title in others)])


def _slug(title: str) -> str:
    """Return what Alembic makes of a title in a file's name, before it cuts it."""
    return "_".join(re.findall(r"\w+", title)).lower()


def _slugs(history: History) -> dict[str, Path]:
    slugs = {_slug(script.doc): Path(script.path) for script in history.revisions}
    slugs.pop("", None)
    return slugs
