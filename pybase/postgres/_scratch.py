"""Scratch databases, and the templates from which they are cloned.

A scratch database exists as long as the session that created it: that holds an advisory lock on the
database's name. The next session drops those without a lock, which killed processes left, even on
another host or in a container.
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from pybase.core.errors import DatabaseError
from pybase.postgres._connect import with_database
from pybase.postgres._maintenance import maintenance

# A name like this is never given by hand: such a database may be dropped.
SCRATCH_NAME = "^[a-z][a-z0-9_]*__[0-9a-f]{16}$"  # to Python and PostgreSQL alike
TEMPLATE_MARK = "pybase template, last used "
_RECENT_S = 180
_POLL_S = 0.01
_DISCONNECT_POLLS = 30

# MATERIALIZED, or locks of other databases would be tried.
_ABANDONED = """
    WITH scratch AS MATERIALIZED (
        SELECT datname FROM pg_database
        WHERE datname ~ %s AND datdba = current_user::regrole
    )
    SELECT datname FROM scratch WHERE pg_try_advisory_lock(hashtextextended(datname, 0))
"""
_STALE_TEMPLATES = """
    WITH used AS (
        SELECT datname,
            substr(shobj_description(oid, 'pg_database'), %(skip)s)::timestamptz AS used_at
        FROM pg_database
        WHERE starts_with(shobj_description(oid, 'pg_database'), %(mark)s)
    ),
    ranked AS (
        SELECT datname, used_at, row_number() OVER (ORDER BY used_at DESC, datname) AS rank
        FROM used
    )
    SELECT datname FROM ranked
    WHERE rank > %(keep)s AND used_at < clock_timestamp() - make_interval(secs => %(recent)s)
"""


@contextmanager
def scratch_database(
    server_url: str, *, template: str | None = None, prefix: str = "scratch"
) -> Iterator[str]:
    """Yield the URL of a new database, cloned from `template` or empty; drop it afterwards.

    What killed processes left on the same server is dropped, too. Raise DatabaseError when the
    server cannot be reached or refuses to create a database.
    """
    name = f"{prefix}__{secrets.token_hex(8)}"
    with maintenance(server_url) as connection:
        for (abandoned,) in connection.execute(_ABANDONED, [SCRATCH_NAME]).fetchall():
            with suppress(psycopg.Error):
                _drop(connection, abandoned)
        _try_lock(connection, name)
        _create(connection, name, template)
        try:
            yield with_database(server_url, name)
        finally:
            # After a crash of the server, the next session drops it. A revision may have made it
            # a template, or subscribed it to another database: then it cannot be dropped.
            with suppress(psycopg.Error):
                _drop(connection, name)


def database_name(url: str) -> str:
    """Return the name of the database of a URL."""
    return unquote(urlsplit(url).path[1:])


def copy_over(source_url: str, target_url: str) -> None:
    """Make the scratch database at `target_url` a copy of another; no session may use it."""
    with maintenance(target_url) as connection:
        _drop(connection, database_name(target_url))
        _create(connection, database_name(target_url), database_name(source_url))


def keep_as_template(server_url: str, database_url: str, name: str) -> None:
    """Rename the complete scratch database at `database_url` to `name`, unless that exists.

    A template is not built again: put a digest of its content into the name.
    """
    with maintenance(server_url) as connection:
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            _finish(connection, database_name(database_url), name)
        _mark_used(connection, name)


def last_template(server_url: str, names: Sequence[str]) -> int:
    """Return the place, from 1, of the last of `names` that exists, marked as used; 0 for none."""
    with maintenance(server_url) as connection:
        known = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for place in range(len(names), 0, -1):
            if names[place - 1] in known:
                _mark_used(connection, names[place - 1])  # a warning if it was pruned since
                if _exists(connection, names[place - 1]):
                    return place
    return 0


def prune_templates(server_url: str, keep: int = 8, slack: int = 8) -> list[str]:
    """Drop all but the `keep` templates last used, when there are many more; return their names.

    One used in the last minutes is kept: another process may be about to clone it. DROP DATABASE
    waits for a checkpoint, so it is not done for each new template.
    """
    dropped = []
    with maintenance(server_url) as connection:
        stale = _stale_templates(connection, keep)
        for name in stale if len(stale) >= slack else ():
            # Checked again under the lock: another process may have used it since.
            if _try_lock(connection, name) and name in _stale_templates(connection, keep):
                _drop(connection, name)
                dropped.append(name)
    return dropped


def _finish(connection: psycopg.Connection, unfinished: str, name: str) -> None:
    """Make a template of a complete database; the caller marks it as used."""
    # A connection to it, such as that of a pool that was left open, would prevent cloning.
    _run(connection, "ALTER DATABASE {} ALLOW_CONNECTIONS false", unfinished)
    connection.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
        [unfinished],
    )
    _run(connection, "ALTER DATABASE {} RENAME TO {}", unfinished, name)


def _create(connection: psycopg.Connection, name: str, template: str | None) -> None:
    options = "" if template else " ENCODING 'UTF8' LOCALE 'C'"
    statement = "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY" + options
    try:
        _run(connection, statement, name, template or "template0")
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"The server refuses to create a scratch database: {error.diag.message_primary}.",
            "Grant CREATEDB to the role, or use the embedded server for scratch databases.",
            code="scratch-database-refused",
        ) from error


def _mark_used(connection: psycopg.Connection, name: str) -> None:
    mark = sql.Literal(f"{TEMPLATE_MARK}{datetime.now(UTC).isoformat()}")
    comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
    connection.execute(comment.format(sql.Identifier(name), mark))


def _stale_templates(connection: psycopg.Connection, keep: int) -> list[str]:
    parameters = {
        "skip": len(TEMPLATE_MARK) + 1,
        "mark": TEMPLATE_MARK,
        "keep": keep,
        "recent": _RECENT_S,
    }
    return [row[0] for row in connection.execute(_STALE_TEMPLATES, parameters)]


def _exists(connection: psycopg.Connection, name: str) -> bool:
    known = "SELECT FROM pg_database WHERE datname = %s"
    return connection.execute(known, [name]).fetchone() is not None


def _try_lock(connection: psycopg.Connection, name: str) -> bool:
    """Take the lock on `name` until the connection ends; return whether that was possible."""
    attempt = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
    return connection.execute(attempt, [name]).fetchone() == (True,)


def _drop(connection: psycopg.Connection, name: str) -> None:
    # Wait for sessions that are just being closed: DROP would sleep 0.1 s for each.
    sessions = "SELECT FROM pg_database WHERE datname = %s AND pg_stat_get_db_numbackends(oid) > 0"
    for _ in range(_DISCONNECT_POLLS):
        if connection.execute(sessions, [name]).fetchone() is None:
            break
        time.sleep(_POLL_S / 10)
    _run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _run(connection: psycopg.Connection, statement: str, *names: str) -> None:
    identifiers = [sql.Identifier(name) for name in names]
    connection.execute(sql.SQL(statement).format(*identifiers))
