"""Session settings on which the text of definitions depends, in a transaction without a trace."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import TupleRow, tuple_row

# As pg_dump sets them. `pg_temp` is last, or a temporary table called pg_class would be read in
# place of the catalog; jit and the planning of parallel queries cost more time than they save.
_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "client_encoding": "UTF8",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_SET = "SELECT " + ", ".join(
    f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items()
)
_IS_PREPARED = "SELECT FROM pg_catalog.pg_prepared_statements WHERE name = %s"


@contextmanager
def fixed_settings(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Read under these settings, in a transaction or savepoint that is rolled back."""
    with connection.transaction(force_rollback=True):
        cursor(connection).execute(_SET, prepare=False)
        yield


def cursor(connection: psycopg.Connection[Any]) -> psycopg.Cursor[TupleRow]:
    """Return a cursor that yields tuples, whatever the connection's own cursors yield."""
    return psycopg.Cursor(connection, row_factory=tuple_row)


def prepare(connection: psycopg.Connection[Any], name: str, query: str) -> None:
    """Prepare a query under a name, including the types of its parameters, unless it is."""
    if cursor(connection).execute(_IS_PREPARED, [name], prepare=False).fetchone() is None:
        cursor(connection).execute(f"PREPARE {name}{query}".encode(), prepare=False)
