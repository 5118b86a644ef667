"""Questions that only a server can answer, asked on a scratch database and rolled back."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psycopg

from pybase.migrate.autogenerate.columns import Probe


@contextmanager
def probing(url: str) -> Iterator[Probe]:
    """Yield a probe of the database at `url`, which is as it was afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:

        @cache
        def rewrites(column: str) -> bool:
            return _rewrites(connection, column)

        @cache
        def casts(before: str, after: str) -> str:
            return _cast(connection, before, after)

        yield Probe(rewrites, casts)


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


def _file(connection: psycopg.Connection) -> object:
    return connection.execute("SELECT pg_relation_filenode('pg_temp.probe')").fetchone()


def _cast(connection: psycopg.Connection, before: str, after: str) -> str:
    """How a value gets from one type to the other."""
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
    return f"{{}}::text::{after}"
