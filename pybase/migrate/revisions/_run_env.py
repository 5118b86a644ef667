"""A project's env.py, run by us: with our choice of revisions, and with or without a connection.

It knows an env.py only as a file, so that of another project serves as well.
"""

import io
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.util import CommandError
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from pybase.core.errors import PybaseError, UsageError
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.revisions import _operations as operations
from pybase.migrate.revisions import _sandbox as leash
from pybase.migrate.revisions._history import History, explained

Work: TypeAlias = Callable[[Any, MigrationContext], Iterable[RevisionStep]]
"""Given the current heads and the configured context, yields the revisions to run."""

_PLACEHOLDER = "driver://"
"""How the URL begins that `alembic init` writes, for somebody to replace."""

OPERATIONS = (operations.BackfillOp,)
"""What `op` can do beside Alembic's own: importing them is what makes it so."""


def offline_dialect() -> sa.Dialect:
    """Return a dialect whose literals reach psql as the server would see them.

    Any other paramstyle than `named` doubles every `%`; backslashes are doubled unless a server
    has said that standard_conforming_strings is on, as it is in every supported one.
    """
    dialect: sa.Dialect = PGDialect_psycopg(paramstyle="named")  # type: ignore[no-untyped-call]
    make_faithful(dialect)
    return dialect


class _Bytes(sa.LargeBinary):
    """Bytes in hexadecimal: SQLAlchemy writes them as text, where a backslash is an escape."""

    def literal_processor(self, dialect: sa.Dialect) -> Callable[[bytes], str]:
        return lambda value: f"'\\x{value.hex()}'"


def make_faithful(dialect: sa.Dialect) -> None:
    """Let literals be written as the server would be sent them."""
    vars(dialect)["_backslash_escapes"] = False
    dialect.colspecs = {**dialect.colspecs, sa.LargeBinary: _Bytes}


def record_in(configured: MigrationContext, digest_of: Callable[[str, bool], str | None]) -> None:
    """Let every revision that `configured` runs be written into the ledger, once."""
    callbacks = configured.on_version_apply_callbacks
    if not any(isinstance(each, ledger.Recorder) for each in callbacks):
        recorder = ledger.Recorder(digest_of)
        configured.on_version_apply_callbacks = (*callbacks, recorder)


def run_env(
    history: History, work: Work, connection: sa.Connection | None = None, **options: Any
) -> None:
    """Run a project's env.py, with `work` where Alembic would choose the revisions.

    Offline without a connection, and then without a terminal. An env.py that connects by itself
    meets the database of `connection`. Raises UsageError when it fails or runs no migrations.
    """
    reached: list[bool] = []

    def reaching(heads: Any, configured: MigrationContext) -> Iterable[RevisionStep]:
        reached.append(True)
        return work(heads, configured)

    config = history.config
    config.attributes["connection"] = connection
    if (config.get_main_option("sqlalchemy.url") or _PLACEHOLDER).startswith(_PLACEHOLDER):
        # env files of the stock template hand it to configure(); offline it only names a dialect
        config.set_main_option("sqlalchemy.url", "postgresql+psycopg://")
    config.output_buffer = io.StringIO()  # BEGIN and COMMIT around nothing, as env.py sees it
    options |= {"fn": reaching, "as_sql": connection is None}
    with ExitStack() as around:
        around.enter_context(_quietly())
        if connection is None:
            around.enter_context(leash.without_terminal())
        lead = leash.nowhere if connection is None else leash.same_as(connection)
        around.enter_context(leash.connections(lead))
        around.enter_context(EnvironmentContext(config, history.scripts, **options))
        around.enter_context(explained())
        around.enter_context(env_errors(reached))
        history.scripts.run_env()
    if not reached:
        raise UsageError(
            "env.py ends without running migrations.",
            "It has to call context.configure() and context.run_migrations().",
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what is no warning out of the terminal, however an env.py has set up its logging."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def env_errors(reached: list[bool]) -> Iterator[None]:
    """Turn what an env.py raises before it runs migrations into a UsageError.

    What comes later is the revisions' and passes through.
    """
    try:
        yield
    except (CommandError, PybaseError, sa.exc.DBAPIError):
        raise  # the last is the server's: whoever connected knows what to say of it
    except Exception as error:
        if reached:
            raise
        raise UsageError(
            f"env.py cannot be run: {type(error).__name__}: {error}{_place(error)}.",
            "Mend that; a model that fails to import shows here too. Nothing was changed.",
        ) from error


def _place(error: Exception) -> str:
    """Return the last file of the user's own that the error passed through."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "site-packages" not in path.parts and "migrate" not in path.parts and path.is_file():
            place = f" ({path.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place
