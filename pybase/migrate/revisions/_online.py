"""A project's env.py on a database: the revisions that it sees, and the session that it leaves.

Plain Alembic runs the revisions on the connection that env.py opens and prepares. What runs them
otherwise needs a session like that one, and has to know what no session can express.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep
from msgspec import Struct
from msgspec.structs import replace

from pybase.core.errors import PybaseError, UsageError
from pybase.migrate.database import Database, engine, server_error
from pybase.migrate.record import VersionTable
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._run_env import (
    LedgerRecorder,
    naming_convention,
    run_env,
    version_table_of,
)
from pybase.migrate.revisions._sandbox import without_terminal
from pybase.migrate.sql import literal, quote
from pybase.migrate.sql.grammar import words


class OnlineEnv(Struct, frozen=True):
    """What an env.py did on its connection to a database, before Alembic ran any revision."""

    heads: tuple[str, ...]
    version_table: VersionTable
    create_table: str
    """The statement that creates the version table."""
    session: tuple[str, ...]
    """The statements that give another session the settings and the role of env.py's."""
    statements: tuple[str, ...]
    """What it sent by itself."""
    has_translation: bool
    """Whether it has a schema_translate_map, which changes the text of statements."""
    has_callbacks: bool
    """Whether it has functions that Alembic calls after each revision."""
    has_one_transaction: bool
    """Whether it asks by name for one transaction for all revisions."""
    naming: Mapping[str, Any]
    """The naming convention of its models."""
    rewrites: Callable[[str], bool] | None = None
    """Returns whether its listeners change a statement; None where it has no such listeners."""
    has_other_names: bool = False
    """Whether its naming convention is another one offline, where the SQL was rendered."""

    @property
    def names_by_models(self) -> bool:
        """Whether its models have a naming convention of their own."""
        return self.naming != sa.MetaData().naming_convention

    @property
    def is_quiet(self) -> bool:
        """Whether it left its connection as it was opened."""
        has_changed = self.session or self.statements
        has_options = self.has_translation or self.has_callbacks or self.has_one_transaction
        return not (has_changed or has_options or self.rewrites or self.has_other_names)


def read_online(history: History, database: Database) -> OnlineEnv:
    """Run env.py on a database without a revision; what it does by itself, it does.

    Raises UsageError where it fails, or sends what the server refuses; DatabaseError for a server
    that cannot be used.
    """
    results: list[OnlineEnv] = []
    env = Path(history.scripts.env_py_location).read_text("utf-8", "replace")
    names = _setting_names(env)
    try:
        with engine(database).connect() as connection, _recorded_statements() as statements:
            before = _read_session(connection, names)
            connection.rollback()
            statements.clear()

            def work(heads: Any, configured: MigrationContext) -> Iterable[RevisionStep]:
                sent = tuple(text for text in statements if not _OF_ALEMBIC.match(text))
                used = configured.connection
                assert used is not None
                session = _read_session(used, names | _setting_names("\n".join(sent)))
                observed = _observed(heads, configured, sent, _changes(before, session))
                # Alembic's default is False, too: what counts is that it was asked for
                is_named = observed.has_one_transaction and _PER_MIGRATION in env
                results.append(replace(observed, has_one_transaction=is_named))
                return ()

            with without_terminal():  # what env.py prints must not be in our output
                run_env(history, work, connection, dont_mutate=True)
    except sa.exc.DBAPIError as error:
        raise _refused(database, error.orig) from None
    return results[0]


def _refused(database: Database, error: Any) -> PybaseError:
    """Return the error for what a server answers to env.py; its message has no values of rows."""
    if isinstance(error, psycopg.OperationalError):
        return server_error(database, error)
    return UsageError(
        f"The server refuses what env.py sends ({database.name}): {str(error).splitlines()[0]}.",
        "Create what it needs there, or correct env.py; no revision was run.",
        code="env-refused",
    )


def _observed(
    heads: Any, configured: MigrationContext, sent: tuple[str, ...], session: tuple[str, ...]
) -> OnlineEnv:
    assert configured.connection is not None
    options = configured.connection.get_execution_options()
    callbacks = configured.on_version_apply_callbacks
    return OnlineEnv(
        tuple(heads),
        version_table_of(configured),
        _alembic.create_version_table(configured),
        session,
        sent,
        bool(options.get("schema_translate_map")),
        any(not isinstance(callback, LedgerRecorder) for callback in callbacks),
        configured.opts[_PER_MIGRATION] is False,
        naming_convention(configured),
        _rewriter(configured.connection),
    )


def _rewriter(connection: sa.Connection) -> Callable[[str], bool] | None:
    """Return what tells whether listeners of a connection change a statement, if it has any.

    SQLAlchemy wraps those that only listen. A comment changes nothing.
    """
    events: Any = connection.dispatch
    expressions, cursors = (
        [listener for listener in listeners if getattr(listener, "__name__", "") != f"wrap_{name}"]
        for name, listeners in (
            ("before_execute", events.before_execute),
            ("before_cursor_execute", events.before_cursor_execute),
        )
    )

    def rewrites(statement: str) -> bool:
        if expressions:  # what they do to an expression its text does not show
            return True
        text = statement
        try:
            for listener in cursors:
                text, _ = listener(connection, None, text, (), None, False)
        except Exception:  # it needs the execution itself
            return True
        return words(text) != words(statement)

    return rewrites if expressions or cursors else None


_PER_MIGRATION = "transaction_per_migration"

_OF_ALEMBIC = re.compile(r"\s*SELECT (?:pg_catalog\.pg_class\.relname|\S+\.version_num)\b")
"""How Alembic reads the version table."""


@contextmanager
def _recorded_statements() -> Iterator[list[str]]:
    """Yield the texts of all statements, with their parameters, that SQLAlchemy sends inside."""
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append(f"{statement} {parameters or ''}".strip())

    sa.event.listen(sa.Engine, "before_cursor_execute", record)
    try:
        yield statements
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", record)


def _setting_names(text: str) -> frozenset[str]:
    """Return what may be the name of a setting of the project's own, which no catalog lists."""
    return frozenset(re.findall(r"\b[a-z_]\w*\.[a-z_]\w*\b", text))


_USERS = ("session_user", "current_user")

_OF_RUNNER = (
    *("application_name", "client_encoding", "standard_conforming_strings"),
    *("lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout"),
    *("client_connection_check_interval", "default_transaction_isolation"),
    *("transaction_isolation", "transaction_read_only", "transaction_deferrable"),
)
"""Settings that the runner chooses itself, or that end with a transaction."""


def _read_session(connection: sa.Connection, names: Iterable[str]) -> dict[str, str]:
    """Return the settings of a session that it may change, and its users."""
    own = ", ".join(map(literal, sorted(names)))
    users = ", ".join(f"({literal(user)}, {user}::text)" for user in _USERS)
    query = (
        "SELECT name, setting FROM pg_catalog.pg_settings WHERE context IN ('user', 'superuser')"
        f" AND name NOT IN ({', '.join(map(literal, _OF_RUNNER))})"
        " UNION ALL SELECT name, current_setting(name, true)"
        f" FROM unnest(ARRAY[{own}]::text[]) AS own (name)"
        f" UNION ALL VALUES {users}"
    )
    rows = connection.exec_driver_sql(query, execution_options={"no_parameters": True})
    return {name: value for name, value in rows if value is not None}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return the statements that lead from one session to the other.

    They may be sent again: a role that they set may not be allowed to change what they set before.
    """
    settings = [
        f"SELECT pg_catalog.set_config({literal(name)}, {literal(value)}, false)"
        for name, value in after.items()
        if name not in _USERS and before.get(name) != value
    ]
    if all(before[user] == after[user] for user in _USERS):
        return tuple(settings)
    user, role = (after[name] for name in _USERS)
    login = [f"SET SESSION AUTHORIZATION {quote(user)}"] if user != before["session_user"] else []
    assumed = f"SET ROLE {quote(role) if role != user else 'NONE'}"
    return "SET SESSION AUTHORIZATION DEFAULT", "SET ROLE NONE", *settings, *login, assumed
