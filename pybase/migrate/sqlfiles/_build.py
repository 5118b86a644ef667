"""From revisions to the folder `sql/` and the picture: render, rehearse, then write or compare.

Owns the order of these steps, and what need not be done again.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pybase.core.errors import CheckFailedError
from pybase.core.settings import Settings
from pybase.migrate.sqlfiles import _files as sqlfiles
from pybase.migrate.sqlfiles import _freshness as freshness
from pybase.migrate.sqlfiles._files import Stale

if TYPE_CHECKING:
    from pybase.migrate.catalog._entities import Entity
    from pybase.migrate.rehearsal._effects import RevisionReport
    from pybase.migrate.review._revision_summary import Card
    from pybase.migrate.revisions._history import History
    from pybase.migrate.revisions._render import RenderedHistory

_NOTE = "sql"

_Act: TypeAlias = Callable[[Path, Mapping[str, str]], list[Stale]]


@dataclass(frozen=True)
class Built:
    """A history, rendered and rehearsed: a report for each of its revisions.

    `entities` are the tables at head with what they mean.
    """

    rendered: "RenderedHistory"
    reports: "tuple[RevisionReport, ...]"
    schema: dict[str, str]
    entities: "tuple[Entity, ...]"


def build(history: "History") -> Built:
    """Render and rehearse a history. Raises UsageError, DatabaseError."""
    from pybase.migrate.rehearsal import _reports as reports
    from pybase.migrate.revisions import _render as render
    from pybase.migrate.sqlfiles import _table_docs as meanings

    rendered = render.render(history)
    rehearsed = reports.rehearse_history(history, rendered)
    entities = meanings.described(rehearsed.entities, rendered.metadata)
    return Built(rendered, rehearsed.revisions, rehearsed.schema, entities)


def files(settings: Settings, built: Built) -> dict[str, str]:
    """Return every file that is generated, by its path below `sql/`; the picture lies outside."""
    from pybase.migrate.sqlfiles import (
        _schema_page as picture,  # what is fresh needs none of psycopg
    )

    found = sqlfiles.compose(built.rendered.revisions, built.reports, built.schema)
    if settings.picture is not None:
        path = os.path.relpath(settings.picture, settings.sql).replace(os.sep, "/")
        found[path] = picture.page(built.entities)
    return found


def write(settings: Settings) -> list[Stale]:
    """Write `sql/` from the revisions; returns the files that changed.

    Raises CheckFailedError when a revision cannot be rendered: the files of the others are
    written all the same.
    """
    noted = freshness.recall(settings, _NOTE)
    if noted is None:
        return _apply(settings, sqlfiles.write)
    _require_rendered(noted["problems"])
    return []


def check(settings: Settings) -> None:
    """Refuse a `sql/` or a picture that the revisions do not render to. Writes nothing.

    Raises CheckFailedError with the stale, missing and orphaned files and a short diff.
    """
    if freshness.recall(settings, _NOTE):
        return
    stale = _apply(settings, sqlfiles.compare)
    if stale:
        raise CheckFailedError(
            f"{settings.options.sql}/ is not what the revisions render to:\n"
            + sqlfiles.describe(
                replace(each, path=settings.written_name(each.path)) for each in stale
            ),
            "Run `nox -s sql` and commit what it writes.",
        )


@dataclass(frozen=True)
class Read:
    """A history to be shown: a card a revision, ancestors first, and every file of `sql/`.

    `entities` are the tables at head with what they mean; `version_table` is Alembic's, as SQL
    names it.
    """

    cards: "tuple[Card, ...]"
    files: dict[str, str]
    entities: "tuple[Entity, ...]"
    version_table: str


def read(settings: Settings) -> Read:
    """Return what is known of every revision; nothing is rendered where `sql/` is fresh.

    Raises as `build`. Writes nothing in `sql/`.
    """
    from msgspec import convert

    from pybase.migrate.catalog._entities import Entity
    from pybase.migrate.review._revision_summary import Card

    noted, found = freshness.recall(settings, _NOTE), sqlfiles.read(settings.sql)
    if noted is None:
        from pybase.migrate.revisions import _history as history

        revisions = history.read(settings)
        built = build(revisions)
        found = files(settings, built)
        noted = _noted(revisions, built, found)
    return Read(
        convert(noted["cards"], tuple[Card, ...]),
        found,
        convert(noted["entities"], tuple[Entity, ...]),
        noted["version_table"],
    )


def _noted(history: "History", built: Built, files: dict[str, str]) -> dict[str, Any]:
    from msgspec import to_builtins

    from pybase.migrate.review import _revision_summary as cards

    return {
        "version_table": built.rendered.version_table,
        "cards": to_builtins(cards.of(history, built, files)),
        "entities": to_builtins(built.entities),
        "problems": list(built.rendered.problems),
    }


def _apply(settings: Settings, act: _Act) -> list[Stale]:
    """Compose the files and let `act` write or compare them; a clean result is noted."""
    from pybase.migrate.revisions import _history as history  # what is fresh needs none of Alembic

    revisions = history.read(settings)
    built = build(revisions)
    found = files(settings, built)
    changes = act(settings.sql, found)
    if act is sqlfiles.write or not changes:
        folders = [*built.rendered.folders, settings.sql]
        freshness.take_note(settings, _NOTE, folders, _noted(revisions, built, found))
    if act is sqlfiles.write:
        _require_rendered(built.rendered.problems)
    return changes


def _require_rendered(problems: Sequence[str]) -> None:
    if problems:
        raise CheckFailedError(
            "\n".join(problems), "Mend these revisions; the files of all others are in order."
        )
