"""The session on which the proof runs committed SQL: as env.py leaves its own."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from pybase.core.errors import UsageError
from pybase.migrate.database import scratch_at
from pybase.migrate.deploy import delegates
from pybase.migrate.revisions import History, RenderedHistory, read_online
from pybase.postgres import connect_scratch


class UnprovenError(Exception):
    """The proof cannot be made, for the reason that it has as text."""


@contextmanager
def connected(url: str, session: Iterable[str]) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to a scratch database, prepared by statements. Raises psycopg.Error."""
    with connect_scratch(url, autocommit=True) as connection:
        for statement in session:
            connection.execute(statement.encode())
        yield connection


def session_of_env(history: History, rendered: RenderedHistory, url: str) -> tuple[str, ...]:
    """Return the statements that prepare a session as env.py does, and create what these need.

    And the schema of the version table, which Alembic does not create.
    """
    with connected(url, rendered.version_table.schema_sql):
        pass
    if delegates(Path(history.scripts.env_py_location)):
        return ()
    try:
        session = read_online(history, scratch_at(url)).session
    except UsageError as error:
        raise UnprovenError(f"on a scratch database, {error.problem.rstrip('.')}") from None
    with connected(url, session) as connection:
        needed = connection.execute(_NEEDED).fetchall() if session else []
        connection.execute("SET SESSION AUTHORIZATION DEFAULT")
        for (statement,) in needed:
            connection.execute(statement.encode())
    return session


_NEEDED = """
SELECT format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', trim(name, ' "'), current_user)
FROM unnest(string_to_array(current_setting('search_path'), ',')) AS path (name)
WHERE name NOT LIKE '%$%' AND trim(name, ' "') NOT IN ('public', '') AND name NOT LIKE '%pg_%'
UNION ALL SELECT format('GRANT ALL ON SCHEMA public TO %I', current_user)
"""
