"""What `migrations/env.py` calls: Alembic configured, connected, locked and recorded.

For plain `alembic` as for our own verbs. It knows metadata only as its argument.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import context
from alembic.util import CommandError

from pybase.core import settings
from pybase.core.checkout import require_complete
from pybase.core.errors import PybaseError
from pybase.core.style import clean, unstyled
from pybase.core.urls import redacted
from pybase.migrate.database import (
    TABLE,
    MigrationLock,
    announcement,
    engine,
    find_database,
    lock_lost,
    migration_lock,
)
from pybase.migrate.record import Direction
from pybase.migrate.revisions import DigestOf, record_in, write_with_literals
from pybase.migrate.sqlfiles import Committed, StaleError, load

_OPTIONS: dict[str, Any] = {
    "transaction_per_migration": True,
    "compare_type": True,
    "compare_server_default": True,
    # check constraints are compared by an opt-in plugin of Alembic 1.20
    "autogenerate_plugins": ["alembic.autogenerate.*", "alembic.ext.checkconstraint_byname"],
    "include_name": lambda name, kind, _parents: (kind, name) != ("table", TABLE),
}


def run(metadata: sa.MetaData) -> None:
    """Run the migrations that Alembic asks for, offline or online."""
    if context.is_offline_mode():
        run_offline(metadata)
    else:
        run_online(metadata)


def run_offline(metadata: sa.MetaData) -> None:
    """Write SQL as the server would be sent it, for plain `alembic upgrade --sql`."""
    if _is_plain():  # our own verbs render while they write
        with _as_alembic_reports():
            require_complete(_settings())
    named = {"paramstyle": "named"}
    _configure(metadata, dialect_name="postgresql+psycopg", dialect_opts=named, literal_binds=True)
    configured = context.get_context()
    impl: Any = configured.impl
    write_with_literals(
        configured,
        lambda text: impl.static_output(text.strip() + impl.command_terminator),
        _settings().versions[0],
    )
    _migrate()


def run_online(metadata: sa.MetaData) -> None:
    """Migrate over the connection in `config.attributes`, or over one made from DATABASE_URL."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _configure(metadata, connection=given)
        _migrate()
        return
    with _as_alembic_reports():
        project = _settings()
        require_complete(project)
        database = find_database(project)
        _note(announcement(database))
        lock = None
        with ExitStack() as around:
            if _changes_the_database():
                holding = migration_lock(database, _note, project.options.migrate)
                lock = around.enter_context(holding)
            connection = around.enter_context(engine(database).connect())
            _configure(metadata, connection=connection, include_object=_is_compared(connection))
            if lock is not None:
                _verify_at_each_step(lock)
            _migrate()


def _verify_at_each_step(lock: MigrationLock) -> None:
    """Let each revision be rolled back when the migration lock was lost meanwhile."""

    def verify(ctx: Any, **_: Any) -> None:
        if not ctx.connection.exec_driver_sql(f"SELECT {lock.held_sql}").scalar():
            raise lock_lost()

    configured = context.get_context()
    configured.on_version_apply_callbacks = (*configured.on_version_apply_callbacks, verify)


def _is_plain() -> bool:
    """Whether plain `alembic` was called, and not a verb of ours."""
    return hasattr(context.config.cmd_opts, "cmd")


def _is_compared(connection: sa.Connection) -> Callable[..., bool]:
    """Return the filter of plain `revision --autogenerate`: no views, no undeclared partitions.

    To Alembic a view of SQLAlchemy 2.1 is a missing table, and a partition one to drop.
    """

    @cache
    def partitions() -> set[tuple[str, str]]:
        rows = connection.exec_driver_sql(
            "SELECT n.nspname, c.relname FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relispartition"
        )
        return {(schema, name) for schema, name in rows}

    def include(item: Any, _name: str, kind: str, reflected: bool, other: object) -> bool:
        if kind != "table":
            return True
        if not reflected:
            return not item.is_view
        schema = item.schema or connection.dialect.default_schema_name
        return other is not None or (schema, item.name) not in partitions()

    return include


def _changes_the_database() -> bool:
    """Whether plain `alembic` was called to migrate, and not to look."""
    command, *_ = getattr(context.config.cmd_opts, "cmd", (None,))
    return getattr(command, "__name__", "") in ("upgrade", "downgrade", "stamp")


def _note(line: str) -> None:
    with suppress(OSError):  # its reader has gone
        print(unstyled(clean(redacted(line))), file=sys.stderr, flush=True)


def _settings() -> settings.Settings:
    path = Path(context.config.config_file_name or "alembic.ini")
    return settings.load(path, section=context.config.config_ini_section)


def _digests() -> DigestOf:
    """Return what looks up the digest of a revision's committed SQL; it is read when needed."""

    @cache
    def committed() -> Committed | None:
        file = context.config.config_file_name
        try:
            return load(_settings()) if file is not None and Path(file).is_file() else None
        except StaleError:
            return None

    def digest_of(revision: str, direction: Direction) -> str | None:
        known = committed()
        try:
            record = known.record(revision) if known and revision in known.graph else None
        except StaleError:
            return None
        return record.scripts[direction].digest or None if record else None

    return digest_of


@contextmanager
def _as_alembic_reports() -> Iterator[None]:
    """Let plain `alembic` log each revision, and print an error of ours in one line."""
    if _is_plain() and not logging.root.handlers:
        for name in ("alembic.runtime.migration", "alembic.autogenerate"):
            logger = logging.getLogger(name)
            logger.addHandler(logging.StreamHandler())  # on standard error
            logger.setLevel(logging.INFO)
    try:
        yield
    except PybaseError as error:
        raise CommandError(redacted(str(error))) from error


def _configure(metadata: sa.MetaData, **how: Any) -> None:
    context.configure(target_metadata=metadata, **_OPTIONS, **how)


def _migrate() -> None:
    record_in(context.get_context(), _digests())
    with context.begin_transaction():
        context.run_migrations()
