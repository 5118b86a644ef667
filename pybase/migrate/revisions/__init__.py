"""The revisions of an Alembic history: read, rendered to SQL, run by Alembic where need be.

    history = read(settings)
    rendered = render(history)
    run_env(history, work, connection)

All code of a project (env.py, revisions, templates) runs through this package, which turns what it
raises into an error that names the file, and lets it reach a database only where one is passed.
Alembic's private parts are touched in `_alembic` only.
"""

from alembic.script import Script as AlembicScript

from pybase.migrate.revisions._alembic import run_hooks, with_folder
from pybase.migrate.revisions._history import (
    ROWS_IN_THE_WAY,
    History,
    explained,
    parents,
    read,
    resolving,
    title,
)
from pybase.migrate.revisions._online import OnlineEnv, read_online
from pybase.migrate.revisions._recorder import write_with_literals
from pybase.migrate.revisions._render import (
    OnScratch,
    OwnScripts,
    RenderedHistory,
    RevisionSql,
    render,
    render_path,
)
from pybase.migrate.revisions._renderer import Renderer, Step
from pybase.migrate.revisions._run_env import (
    DigestOf,
    configured_naming,
    configured_version_table,
    models_metadata,
    record_in,
    revision_step,
    run_env,
    steps_to_heads,
)
from pybase.migrate.revisions._sandbox import (
    TimeLimitError,
    connections,
    refuse,
    same_session,
    time_limit,
    without_terminal,
)
from pybase.migrate.revisions._scripts import repeatable
from pybase.migrate.revisions._varying import if_same

__all__ = [
    "ROWS_IN_THE_WAY",
    "AlembicScript",
    "DigestOf",
    "History",
    "OnScratch",
    "OnlineEnv",
    "OwnScripts",
    "RenderedHistory",
    "Renderer",
    "RevisionSql",
    "Step",
    "TimeLimitError",
    "configured_naming",
    "configured_version_table",
    "connections",
    "explained",
    "if_same",
    "models_metadata",
    "parents",
    "read",
    "read_online",
    "record_in",
    "refuse",
    "render",
    "render_path",
    "repeatable",
    "resolving",
    "revision_step",
    "run_env",
    "run_hooks",
    "same_session",
    "steps_to_heads",
    "time_limit",
    "title",
    "with_folder",
    "without_terminal",
    "write_with_literals",
]
