"""Questions that only a server can answer, asked on a scratch database and rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg

from pybase.migrate.autogenerate._columns import Probe


@contextmanager
def probing(old_url: str, new_url: str) -> Iterator[Probe]:
    """Yield a probe of the two databases, which are as they were afterwards."""
    with (
        psycopg.connect(old_url, autocommit=True) as old,
        psycopg.connect(new_url, autocommit=True) as new,
    ):

        @cache
        def rewrites(column: str) -> bool:
            return _rewrites(new, column)

        @cache
        def casts(before: str, after: str) -> str:
            found = (_cast(connection, before, after) for connection in (old, new))
            return next((each for each in found if each is not None), f"{{}}::text::{after}")

        @cache
        def retypes(before: str, after: str) -> bool:
            return _retypes(old, before, after)

        yield Probe(rewrites, retypes, new.info.server_version, casts)


def _rewrites(connection: psycopg.Connection, column: str) -> bool:
    """Whether a new column makes PostgreSQL write the table anew, as it does even with no rows."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("CREATE TEMPORARY TABLE probe ()")
            before = _file(connection)
            connection.execute(f"ALTER TABLE probe ADD COLUMN {column}".encode())
            return _file(connection) != before
    except psycopg.Error:
        return True  # it leans on something that is not there yet: take the careful way


def _retypes(connection: psycopg.Connection, before: str, after: str) -> bool:
    """Whether a change of type is more than a word in the catalog."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"CREATE TEMPORARY TABLE probe (value {before})".encode())
            file = _file(connection)
            statement = f"ALTER TABLE probe ALTER COLUMN value TYPE {after}"
            connection.execute(statement.encode())
            return _file(connection) != file or before.startswith("timestamp")
    except psycopg.Error:
        return True


def _file(connection: psycopg.Connection) -> object:
    return connection.execute("SELECT pg_relation_filenode('pg_temp.probe')").fetchone()


def _cast(connection: psycopg.Connection, before: str, after: str) -> str | None:
    """How a value gets from one type to the other; None where it does not, or is not known."""
    attempts = (
        ("", f"ALTER TABLE probe ALTER COLUMN value TYPE {after}"),
        (
            f"{{}}::{after}",
            f"ALTER TABLE probe ALTER COLUMN value TYPE {after} USING value::{after}",
        ),
    )
    for expression, statement in attempts:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(f"CREATE TEMPORARY TABLE probe (value {before})".encode())
                connection.execute(statement.encode())
                return expression
        except psycopg.Error:
            continue
    return None
