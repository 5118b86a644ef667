"""From revisions to the folder `sql/`: render, look at the schema at head, then write or compare.

Owns the order of these steps, and what need not be done again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pybase.errors import CheckFailedError
from pybase.migrate import freshness, sqlfiles
from pybase.migrate.sqlfiles import Stale
from pybase.settings import Settings

if TYPE_CHECKING:
    from pybase.migrate.render import RenderedHistory

_NOTE = "sql"

_Act: TypeAlias = Callable[[Path, Mapping[str, str]], list[Stale]]


def write(settings: Settings) -> list[Stale]:
    """Write `sql/` from the revisions; returns the files that changed.

    Raises CheckFailedError when a revision cannot be rendered or run: the files of the others are
    written all the same.
    """
    return [] if freshness.is_noted(settings, _NOTE) else _build(settings, sqlfiles.write)


def check(settings: Settings) -> None:
    """Refuse a `sql/` that the revisions do not render to. Writes nothing in it.

    Raises CheckFailedError with the stale, missing and orphaned files and a short diff, or when a
    revision cannot be rendered or run.
    """
    if freshness.is_noted(settings, _NOTE):
        return
    stale = _build(settings, sqlfiles.compare)
    if stale:
        raise CheckFailedError(
            f"{settings.options.sql}/ is not what the revisions render to:\n"
            f"{sqlfiles.describe(stale)}",
            "Run `nox -s sql` and commit what it writes.",
        )


def _build(settings: Settings, act: _Act) -> list[Stale]:
    """Compose the files and let `act` write or compare them; a clean result is noted."""
    from pybase.migrate import history, render  # what is fresh needs none of Alembic

    rendered = render.render(history.read(settings))
    problems = rendered.problems
    schema = sqlfiles.read_schema(settings.sql)  # kept where no database at head can be made
    if not problems:
        try:
            schema = _schema(settings, rendered)
        except CheckFailedError as error:
            problems = (str(error),)
    changes = act(settings.sql, sqlfiles.compose(rendered.revisions, schema))
    if problems:
        raise CheckFailedError(
            "\n".join(problems), "Mend these revisions; the files of all others are in order."
        )
    if act is sqlfiles.write or not changes:
        freshness.take_note(settings, _NOTE, [*rendered.folders, settings.sql])
    return changes


def _schema(settings: Settings, rendered: "RenderedHistory") -> dict[str, str]:
    import psycopg

    from pybase.migrate import scratch
    from pybase.migrate.schema import render_schema

    with (
        scratch.at_head(settings, rendered) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        return render_schema(connection, ignore_tables=(rendered.version_table,))
