"""Server checks: questions that only a server can answer, asked on a scratch database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial

import psycopg
from msgspec import Struct

from pybase.postgres import connect_scratch

BY_TEXT = "{0}::text::"
IN_ARRAY = "array_to_string({0}, ',')"
"""The text of the value of an array that has one; of several, no type but a text accepts it."""


class ServerChecks(Struct, frozen=True):
    """The questions, and the server's `server_version_num`."""

    version: int
    rewrites: Callable[[str], bool]
    """Whether adding a column, given as SQL, rewrites a table."""
    retypes: Callable[[str, str], bool]
    """Whether a change of type rewrites a table, or may refuse a row."""
    compares: Callable[[str], bool]
    """Whether a unique key may have a column of a type."""
    value: Callable[[str], str]
    """A literal that a type accepts, with the checks of a domain; '' where none is known."""
    casts: Callable[[str, str], str]
    """How to cast one type to another: '' by itself, else an expression with {0} in it.

    It begins with `BY_TEXT` where PostgreSQL has no cast.
    """
    reads: Callable[[str, tuple[str, ...]], bool]
    """Whether a type accepts each of some texts."""


@contextmanager
def server_checks(old_url: str, new_url: str) -> Iterator[ServerChecks]:
    """Yield the checks of two databases, which do not change either."""
    with (
        connect_scratch(old_url, autocommit=True) as old,
        connect_scratch(new_url, autocommit=True) as new,
    ):

        @cache
        def casts(before: str, after: str) -> str:
            known = (_cast(connection, before, after) for connection in (old, new))
            return next((cast for cast in known if cast is not None), BY_TEXT + after)

        yield ServerChecks(
            new.info.server_version,
            cache(partial(_rewrites, new)),
            cache(partial(_retypes, old)),
            cache(partial(_compares, new)),
            cache(partial(_value, old)),
            casts,
            cache(lambda type_, texts: any(_reads(one, type_, texts) for one in (new, old))),
        )


def _rewrites(connection: psycopg.Connection, column: str) -> bool:
    """Whether a new column makes PostgreSQL rewrite the table, as it does even without rows."""
    is_rewritten = _altered(connection, "", f"ADD COLUMN {column}")
    return is_rewritten is not False  # it may depend on something that does not exist yet


def _retypes(connection: psycopg.Connection, before: str, after: str) -> bool:
    """Whether a change of type is more than a change of the catalog."""
    is_rewritten = _altered(connection, f"value {before}", f"ALTER value TYPE {after}")
    return is_rewritten is not False or before.startswith("timestamp")


def _compares(connection: psycopg.Connection, type_: str) -> bool:
    return _altered(connection, "", f"ADD COLUMN value {type_} UNIQUE") is not None


_VALUES = ["", "0", "{}", "empty", "now", "00:00:00:00:00:00", "(0,0)"]


def _value(connection: psycopg.Connection, type_: str) -> str:
    row = connection.execute(
        "SELECT quote_literal(value) FROM unnest(%s::text[]) WITH ORDINALITY AS _ (value, place)"
        " WHERE pg_input_is_valid(value, %s) ORDER BY place LIMIT 1",
        (_VALUES, type_),
    ).fetchone()
    return row[0] if row else ""


def _cast(connection: psycopg.Connection, before: str, after: str) -> str | None:
    """Return how to cast one type to the other; None where it is impossible or unknown."""
    for expression in _casts(before, after):
        using = expression and f" USING {expression.format('value')}"
        if _altered(connection, f"value {before}", f"ALTER value TYPE {after}{using}") is not None:
            return expression
    return None


def _casts(before: str, after: str) -> Iterator[str]:
    """Yield casts, the best one first: of a value and an array, those without a bracket in it."""
    is_array, becomes_array = before.endswith("[]"), after.endswith("[]")
    if becomes_array and not is_array:
        cast = "" if after == f"{before}[]" else f"::{after}"
        yield f"nullif(ARRAY[{{0}}]{cast}, '{{{{NULL}}}}')"
    elif is_array and not becomes_array:
        yield IN_ARRAY if after == "text" else f"{IN_ARRAY}::{after}"
    yield from ("", f"{{0}}::{after}")
    if before == "boolean" or (after == "boolean" and before in ("smallint", "bigint")):
        yield f"{{0}}::integer::{after}"


def _reads(connection: psycopg.Connection, type_: str, texts: tuple[str, ...]) -> bool:
    query = (
        "SELECT to_regtype(%(type)s) IS NOT NULL AND (SELECT bool_and(pg_input_is_valid(value,"
        " %(type)s)) FROM unnest(%(texts)s::text[]) AS value)"
    )
    row = connection.execute(query, {"type": type_, "texts": list(texts)}).fetchone()
    return bool(row and row[0])


def _altered(connection: psycopg.Connection, columns: str, action: str) -> bool | None:
    """Whether a change rewrites a table of these columns; None where the server refuses it."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(f"CREATE TEMPORARY TABLE sample ({columns})".encode())
            before = connection.execute(_FILE).fetchone()
            connection.execute(f"ALTER TABLE sample {action}".encode())
            return connection.execute(_FILE).fetchone() != before
    except psycopg.Error:
        return None


_FILE = "SELECT pg_relation_filenode('pg_temp.sample')"
