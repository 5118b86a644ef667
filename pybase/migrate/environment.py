"""What `migrations/env.py` calls: Alembic configured, connected, locked and recorded.

For plain `alembic` as for our own verbs. It knows metadata only as its argument.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from pybase.cli import TerminalReporter
from pybase.core import settings
from pybase.core.errors import PybaseError
from pybase.core.style import style
from pybase.migrate.database import _connect as target
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.database import _migration_lock as mutex
from pybase.migrate.revisions._run_env import make_faithful, record_in
from pybase.migrate.sqlfiles import _committed as committed

_OPTIONS: dict[str, Any] = {
    "transaction_per_migration": True,
    "compare_type": True,
    "compare_server_default": True,
    # check constraints are compared by an opt-in plugin of Alembic 1.20
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    "include_name": lambda name, kind, _parents: (kind, name) != ("table", ledger.TABLE),
}


def run(metadata: sa.MetaData) -> None:
    """Run the migrations that Alembic asks for, offline or online."""
    if context.is_offline_mode():
        run_offline(metadata)
    else:
        run_online(metadata)


def run_offline(metadata: sa.MetaData) -> None:
    """Write SQL as the server would be sent it, for plain `alembic upgrade --sql`."""
    named = {"paramstyle": "named"}
    _configure(metadata, dialect_name="postgresql+psycopg", dialect_opts=named, literal_binds=True)
    make_faithful(context.get_context().dialect)  # as offline_dialect is
    _migrate()


def run_online(metadata: sa.MetaData) -> None:
    """Migrate over the connection in `config.attributes`, or over one made from DATABASE_URL."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _configure(metadata, connection=given)
        _migrate()
        return
    with _as_alembic_tells():
        options = _settings()
        database = target.find(options)
        reporter = TerminalReporter()
        reporter.note(style(target.announcement(database), "dim"))
        with ExitStack() as around:
            if _changes_the_database():
                around.enter_context(
                    mutex.only_one(database, reporter.note, options.options.migrate)
                )
            connection = around.enter_context(target.engine(database).connect())
            _configure(metadata, connection=connection)
            _migrate()


def _changes_the_database() -> bool:
    """Whether plain `alembic` was called to migrate, and not to look."""
    command, *_ = getattr(context.config.cmd_opts, "cmd", (None,))
    return getattr(command, "__name__", "") in ("upgrade", "downgrade", "stamp")


def _digests() -> Callable[[str, bool], str | None]:
    file = context.config.config_file_name
    has_file = file is not None and Path(file).is_file()
    return committed.digests(_settings()) if has_file else lambda _revision, _is_upgrade: None


def _settings() -> settings.Settings:
    return settings.load(Path(context.config.config_file_name or "alembic.ini"))


@contextmanager
def _as_alembic_tells() -> Iterator[None]:
    """Let plain `alembic` tell each revision, and an error of ours in a line of its own."""
    if context.config.cmd_opts is not None and not logging.root.handlers:
        for name in ("alembic.runtime.migration", "alembic.autogenerate"):
            logger = logging.getLogger(name)
            logger.addHandler(logging.StreamHandler())  # on standard error
            logger.setLevel(logging.INFO)
    try:
        yield
    except PybaseError as error:
        raise CommandError(str(error)) from error


def _configure(metadata: sa.MetaData, **how: Any) -> None:
    context.configure(target_metadata=metadata, **_OPTIONS, **how)


def _migrate() -> None:
    record_in(context.get_context(), _digests())
    with context.begin_transaction():
        context.run_migrations()
