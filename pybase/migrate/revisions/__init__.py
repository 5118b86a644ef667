"""The revisions of an Alembic history: read, rendered to SQL, run by Alembic where need be."""

from alembic.script import Script as AlembicScript

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
from pybase.migrate.revisions._recorder import make_faithful, offline_dialect
from pybase.migrate.revisions._render import (
    RenderedHistory,
    RevisionSql,
    render,
    render_path,
    repeatable,
)
from pybase.migrate.revisions._run_env import (
    DigestOf,
    configured_version_table,
    models_metadata,
    record_in,
    revision_step,
    run_env,
    steps_to,
    version_table_of,
)
from pybase.migrate.revisions._sandbox import (
    TimeLimitError,
    connections,
    refuse,
    same_session,
    time_limit,
    without_terminal,
)

__all__ = [
    "ROWS_IN_THE_WAY",
    "AlembicScript",
    "DigestOf",
    "History",
    "OnlineEnv",
    "RenderedHistory",
    "RevisionSql",
    "TimeLimitError",
    "configured_version_table",
    "connections",
    "explained",
    "make_faithful",
    "models_metadata",
    "offline_dialect",
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
    "same_session",
    "steps_to",
    "time_limit",
    "title",
    "version_table_of",
    "without_terminal",
]
