"""A project's env.py, run by us: with our choice of revisions, and with or without a connection.

It knows an env.py only as a file, so that of another project serves as well.
"""

import io
import logging
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.util import CommandError

from pybase.core.errors import PybaseError, UsageError
from pybase.migrate.database import Ledger
from pybase.migrate.record import Direction, VersionTable
from pybase.migrate.revisions import _alembic, _operations, _sandbox
from pybase.migrate.revisions._history import History, explained
from pybase.migrate.revisions._isolation import isolated, reopened
from pybase.migrate.revisions._sandbox import TimeLimitError

Work: TypeAlias = Callable[[Any, MigrationContext], Iterable[RevisionStep]]
"""Given the current heads and the configured context, yields the revisions to run."""

DigestOf: TypeAlias = Callable[[str, Direction], str | None]
"""Given a revision and a direction, returns the digest of its committed SQL."""

_T = TypeVar("_T")

_PLACEHOLDER = "driver://"
"""The start of the URL that `alembic init` writes as an example."""

ENV_LIMIT_S = 120
"""An env.py that does not run migrations by then waits for something that does not happen."""

OPERATIONS = (_operations.BackfillOp,)
"""What `op` can do in addition to Alembic's own: importing them registers them."""


class EndedError(Exception):
    """The code of a revision raised what no `except Exception` catches, such as SystemExit."""


class LedgerRecorder:
    """Alembic's `on_version_apply`: writes the ledger for revisions that Alembic runs.

    `digest_of(revision, direction)` returns the digest of the committed SQL, or None.
    """

    def __init__(self, digest_of: DigestOf) -> None:
        """Start the clock of the first revision."""
        self._digest_of = digest_of
        self._since = time.monotonic()

    def __call__(self, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        """Record a step, or a stamp."""
        if ctx.as_sql:
            return
        ended, started = time.monotonic(), self._since
        # else the driver reads a % of an id as a parameter
        execute = partial(ctx.connection.exec_driver_sql, execution_options={"no_parameters": True})
        ledger = Ledger(version_table_of(ctx))
        ledger.ensure(execute)
        if step.is_stamp:
            stamped = step.up_revision_ids if step.is_upgrade else step.down_revision_ids
            for revision in stamped or ("base",):
                execute(ledger.stamp_sql(revision))
            return
        direction = Direction.UPGRADE if step.is_upgrade else Direction.DOWNGRADE
        digest = self._digest_of(step.up_revision_id, direction)
        execute(ledger.entry_sql(step.up_revision_id, direction, digest, ended - started))
        self._since = ended


def record_in(configured: MigrationContext, digest_of: DigestOf) -> None:
    """Let every revision that `configured` runs be written into the ledger, once."""
    callbacks = configured.on_version_apply_callbacks
    if not any(isinstance(callback, LedgerRecorder) for callback in callbacks):
        configured.on_version_apply_callbacks = (*callbacks, LedgerRecorder(digest_of))


def configured_version_table(history: History) -> VersionTable:
    """Return the version table that a project's env.py configures."""
    return _configured(history, version_table_of)


def configured_naming(history: History) -> Mapping[str, Any]:
    """Return the naming convention of the models that a project's env.py configures."""
    return _configured(history, naming_convention)


def _configured(history: History, read: Callable[[MigrationContext], _T]) -> _T:
    values: list[_T] = []

    def work(_heads: Any, configured: MigrationContext) -> Iterable[RevisionStep]:
        values.append(read(configured))
        return ()

    run_env(history, work)
    return values[0]


def revision_step(history: History, revision: str, direction: Direction) -> RevisionStep:
    """Return Alembic's step for one direction of a revision."""
    return _alembic.step(history.scripts, history.get(revision), direction)


def steps_to_heads(history: History, current: Iterable[str]) -> list[RevisionStep]:
    """Return Alembic's steps from the `current` heads to the last; raises what Alembic raises."""
    path = history.path_from(tuple(current), "heads", Direction.UPGRADE)
    return [_alembic.step(history.scripts, script, Direction.UPGRADE) for script in path]


def version_table_of(configured: MigrationContext) -> VersionTable:
    """Return the version table that env.py configures."""
    return VersionTable(configured.version_table, configured.version_table_schema)


def naming_convention(configured: MigrationContext) -> Mapping[str, Any]:
    """Return the naming convention that operations use: that of the models, or SQLAlchemy's."""
    default = sa.MetaData().naming_convention
    return getattr(configured.opts.get("target_metadata"), "naming_convention", default)


def run_env(
    history: History,
    work: Work,
    connection: sa.Connection | None = None,
    *,
    connect: _sandbox.Connect | None = None,
    is_applied: bool = True,
    **options: Any,
) -> None:
    """Run a project's env.py, with `work` where Alembic would choose the revisions.

    Offline without a connection, and then without a terminal. An env.py that connects by itself
    gets what `connect` returns, by default a connection to the database of `connection`.
    Offline, or where nothing `is_applied`, its code knows no other database and reaches none.
    Raises UsageError when it fails, or does not run the migrations once.
    """
    reached: list[bool] = []
    limit = ExitStack()

    def reaching(heads: Any, configured: MigrationContext) -> Iterable[RevisionStep]:
        limit.close()  # what the revisions do may take as long as it takes
        if reached:
            raise _several_runs()
        reached.append(True)
        if connection is not None:
            return work(heads, configured)
        with reopened():
            return work(heads, configured)

    _configure(history, connection)
    options |= {"fn": reaching, "as_sql": connection is None}
    with (
        _quietly(),
        _offline() if connection is None else _online(connection, connect, is_applied=is_applied),
        EnvironmentContext(history.config, history.scripts, **options),
        explained(),
        env_errors(reached),
        limit,
    ):
        limit.enter_context(_sandbox.time_limit(ENV_LIMIT_S))
        history.scripts.run_env()
    if not reached:
        raise _no_run(is_offline=connection is None)


def _configure(history: History, connection: sa.Connection | None) -> None:
    """Set what env.py reads of Alembic's configuration."""
    config = history.config
    config.attributes["connection"] = connection
    given = list(history.settings.x) if connection is not None else []  # sql/ is for every -x
    config.cmd_opts = Namespace(x=given) if given else None
    # raw, since env.py may set what it interpolates
    section = config.config_ini_section
    url = config.file_config.get(section, "sqlalchemy.url", raw=True, fallback="")
    if (url or _PLACEHOLDER).startswith(_PLACEHOLDER):
        # env files of the stock template hand it to configure(); offline it only names a dialect
        config.set_main_option("sqlalchemy.url", "postgresql+psycopg://")
    config.output_buffer = io.StringIO()  # BEGIN and COMMIT around nothing, as env.py sees it


@contextmanager
def _offline() -> Iterator[None]:
    with _sandbox.without_terminal(), _sandbox.connections(_sandbox.refuse), isolated():
        yield


@contextmanager
def _online(
    connection: sa.Connection, connect: _sandbox.Connect | None, *, is_applied: bool
) -> Iterator[None]:
    with (
        _sandbox.connections(connect or _sandbox.same_as(connection)),
        _sandbox.sendable(),
        nullcontext() if is_applied else isolated(),
    ):
        yield


def _no_run(*, is_offline: bool) -> UsageError:
    mode = " in offline mode" if is_offline else ""
    where = " where context.is_offline_mode() is true, too: sql/ is rendered so" if mode else ""
    return UsageError(
        f"env.py ends without running migrations{mode}.",
        f"Let it call context.configure() and context.run_migrations(){where}.",
        code="env-without-migrations",
    )


def _several_runs() -> UsageError:
    return UsageError(
        "env.py runs the migrations more than once, as that of `alembic init multidb` does.",
        "Give each database or schema an alembic.ini and an env.py that runs them once, and name "
        "one with -c; or use plain `alembic`.",
        code="several-databases",
    )


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what is below a warning out of the terminal, whatever logging env.py configures."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def env_errors(reached: Sequence[bool]) -> Iterator[None]:
    """Turn what an env.py raises by itself, and its exit, into a UsageError.

    Errors of the revisions pass through, once they were `reached`; the exit of one becomes an
    EndedError.
    """
    try:
        yield
    except (CommandError, PybaseError, sa.exc.DBAPIError, KeyboardInterrupt):
        raise  # DBAPIError is the server's: the caller knows the connection
    except BaseException as error:
        if reached and isinstance(error, TimeLimitError):
            raise
        kind = type(error).__name__
        if _is_of_a_revision(error):
            if isinstance(error, Exception):
                raise
            raise EndedError(f"it ends the process with {kind}") from error
        raise UsageError(
            f"env.py cannot be run: {kind}: {' '.join(str(error).split())}{_place(error)}.",
            "Correct that; it may be a model that fails to import. No revision was changed.",
            code="env-failed",
        ) from error


def _is_of_a_revision(error: BaseException) -> bool:
    """Whether the error was raised while Alembic ran the revisions."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is MigrationContext.run_migrations.__code__:
            return True
        trace = trace.tb_next
    return False


def models_metadata(configured: MigrationContext) -> tuple[sa.MetaData, ...]:
    """Return what env.py passes as target_metadata; none for a project without models.

    Raises UsageError for what is no MetaData.
    """
    target = configured.opts.get("target_metadata")
    targets = target if isinstance(target, list | tuple) else (target,)
    for metadata in targets:
        if not isinstance(metadata, sa.MetaData | None):
            raise UsageError(
                f"env.py passes a {type(metadata).__name__} as target_metadata.",
                "Pass a MetaData, as Base.metadata, a list of them, or None.",
                code="invalid-metadata",
            )
    return tuple(metadata for metadata in targets if metadata is not None)


def _place(error: BaseException) -> str:
    """Return the last file of the project that the error passed through."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        path = Path(trace.tb_frame.f_code.co_filename)
        if "site-packages" not in path.parts and "migrate" not in path.parts and path.is_file():
            place = f" ({path.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return place
