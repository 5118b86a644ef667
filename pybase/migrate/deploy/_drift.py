"""Whether a database is what the revisions up to its own have made, or somebody changed it.

Compares its catalog with that of a scratch database at the same revision. Takes seconds, and a
scratch server: only made when it is asked for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pybase.migrate.deploy._check_result import Colour, Concern, Situation
from pybase.migrate.sql import _backfill as backfill

if TYPE_CHECKING:
    from pybase.migrate.revisions._history import History

_NOT_OF_REVISIONS = ("grants on ", "owner of ", "default privileges ")
"""Who may do what differs from server to server; revisions seldom say anything of it."""


def concerns(now: Situation, history: "History", at: Sequence[str]) -> list[Concern]:
    """Return at most one concern: all in which the database differs from its revision.

    Raises DatabaseError when there is no scratch server.
    """
    import psycopg

    from pybase.migrate import catalog
    from pybase.migrate.rehearsal import _scratch as scratch
    from pybase.migrate.revisions import _render as render

    rendered = render.render(history)
    passed = _ancestry(history, at)
    below = tuple(each for each in rendered.revisions if each.script.revision in passed)
    with scratch.at_head(history.settings, replace(rendered, revisions=below)) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            wanted = catalog.snapshot(connection, ignore_tables=rendered.own_tables)
    changes = [
        change
        for change in catalog.difference(
            wanted, catalog.snapshot(now.connection, ignore_tables=rendered.own_tables)
        )
        if not change.identity.startswith(_NOT_OF_REVISIONS)
        and backfill.PREFIX not in change.identity
    ]
    if not changes:
        return []
    place = ", ".join(at) or "base"
    return [
        Concern(
            "drift",
            Colour.RED,
            f"The database is not what revision {place} makes:\n"
            f"{catalog.describe(changes, 'revisions', 'database')}",
            "Undo by hand what somebody did there, or write it into a revision.",
        )
    ]


def _ancestry(history: "History", at: Sequence[str]) -> set[str]:
    if not at:
        return set()
    return {each.revision for each in history.scripts.iterate_revisions(tuple(at), "base")}
