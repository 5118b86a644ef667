"""From models to revisions.

Autogenerate compares the models with a scratch database at head, never with a developer's own,
so that what one machine happens to hold cannot leak into a revision.
"""

from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import Script

from pybase.errors import UsageError
from pybase.migrate import scratch
from pybase.migrate.environment import env_errors
from pybase.migrate.history import History, explained
from pybase.migrate.render import render
from pybase.migrate.sqlfiles import one_line
from pybase.migrate.target import Database, engine


def make_revision(history: History, message: str, *, empty: bool = False) -> Path | None:
    """Write a revision for what the models say and the revisions do not; its path.

    None when there is nothing to write; `empty` writes one in any case. Nothing is written when
    anything fails. Raises UsageError without a message, CheckFailedError with two heads.
    """
    title = one_line(message)
    if not title:
        raise UsageError(
            "A revision needs a message.", 'Say what changes: nox -s makemigration -- "add colour"'
        )
    if len(history.heads) > 1:
        history.require_one_head()
    with scratch.at_head(history.settings, render(history)) as url:
        return _write(history, title, Database(url, is_embedded=True), empty)


def _write(history: History, title: str, database: Database, empty: bool) -> Path | None:
    def drop_empty(_context: object, _revision: object, directives: list[Any]) -> None:
        if not empty and directives[0].upgrade_ops.is_empty():
            directives.clear()

    with engine(database).connect() as connection:
        history.config.attributes["connection"] = connection
        with explained(), env_errors([]):
            script = command.revision(
                history.config,
                title,
                autogenerate=not empty,
                process_revision_directives=drop_empty,
            )
    return Path(script.path) if isinstance(script, Script) else None
