"""`--sql`: the SQL of a path of revisions as text, without a database."""

from collections.abc import Callable
from typing import Any

from pybase.core.errors import CheckFailedError
from pybase.migrate.revisions._history import History, explained
from pybase.migrate.revisions._render import render_path
from pybase.migrate.sqlfiles._files import header_text, sql_text


def upgrade_sql(history: History, target: str) -> str:
    """Return the SQL from base, or from A in `A:B`, up to `target`.

    Raises UsageError for an unknown revision, CheckFailedError for one that cannot be rendered.
    """
    start, _, destination = target.rpartition(":")
    if destination == "head":
        history.require_one_head()
    return _path_sql(history, start or "base", destination, history.scripts._upgrade_revs)


def downgrade_sql(history: History, target: str) -> str:
    """Return the SQL from head, or from A in `A:B`, down to `target`. Raises as upgrade_sql.

    Plain Alembic wants both ends; a `-1` alone can only mean one step down from head.
    """
    start, _, destination = target.rpartition(":")
    if not start:
        history.require_one_head()
    return _path_sql(history, start or "head", destination, history.scripts._downgrade_revs)


def _path_sql(history: History, start: str, end: str, path: Callable[..., Any]) -> str:
    with explained():
        at = tuple(script.revision for script in history.scripts.get_revisions(start) if script)
    parts = []
    for step, rendering in render_path(history, lambda: path(end, at), at):
        if rendering.error:
            raise CheckFailedError(
                f"Revision {step.revision.revision} ({step.revision.doc}) cannot be rendered: "
                f"{rendering.error}.",
                "Without --sql it runs through Alembic's online mode.",
            )
        header = header_text(step.revision, rendering, is_upgrade=step.is_upgrade)
        parts.append(f"{header}\n{sql_text(rendering)}")
    return "\n\n".join(parts)
