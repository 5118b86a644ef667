"""Connections that libpq's environment variables do not reach, and sessions that are all the same.

PGHOSTADDR, PGSERVICE and others would lead to another server than the URL names, PGOPTIONS, PGTZ
and others would change what is rehearsed. Not every one of them has a parameter that overrides it,
so they are taken out of the environment while a connection is opened.
"""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from msgspec import Struct
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import ExecStatus

from pybase.core.errors import DatabaseError
from pybase.postgres import _postmaster as postmaster
from pybase.postgres._os_user import OsUser

_PREFIX = "PG"  # also of variables that only another version of libpq reads

_SESSION = {
    "client_encoding": "UTF8",
    "search_path": '"$user", public',
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "array_nulls": "on",
    "backslash_quote": "safe_encoding",
    "check_function_bodies": "on",
    "default_table_access_method": "heap",
    "default_tablespace": "",
    "default_transaction_deferrable": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "quote_all_identifiers": "off",
    "row_security": "on",
    "transform_null_equals": "off",
}
"""PostgreSQL's defaults of what a role, a database or a server may set otherwise for sessions."""


class _Server(Struct, frozen=True):
    """Properties by which a server of our own is recognised."""

    data: Path
    user: OsUser

    def owns(self, connection: psycopg.Connection[Any]) -> bool:
        """Return whether a connection is one to the server of this data directory."""
        answer = connection.pgconn.exec_(b"SHOW data_directory")
        if answer.status == ExecStatus.TUPLES_OK:
            if answer.get_value(0, 0) == os.fsencode(self.data.resolve()):
                return True
        # after its checkout was moved, a server reports the old place
        return postmaster.works_in(connection.info.backend_pid, self.data)


_servers: dict[str, _Server] = {}
"""Servers of our own, by the folder of their socket."""

_lock = RLock()  # a variable that one thread puts back would reach the connection of another


def register(socket: Path, data: Path, user: OsUser) -> None:
    """Let every connection to `socket` be checked: it must reach the server of `data`."""
    _servers[str(socket)] = _Server(data, user)


def connect(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Open a connection to where `url` leads, whatever the environment; `options` are psycopg's.

    Raise DatabaseError when another server answers in place of one of our own.
    """
    socket = str(conninfo_to_dict(url).get("host"))
    server = _servers.get(socket)
    if server is None:
        with without_variables():
            return psycopg.connect(url, **options)
    if server.user.is_known:
        options["requirepeer"] = server.user.name
    try:
        with without_variables():
            connection = psycopg.connect(url, **options)
    except psycopg.OperationalError as error:
        if "requirepeer" in str(error):
            raise _foreign(socket, server) from None
        raise
    if not server.owns(connection):
        connection.close()
        raise _foreign(socket, server)
    return connection


def connect_scratch(url: str, **options: Any) -> psycopg.Connection[Any]:
    """Open a connection as `connect`, whose session has PostgreSQL's default settings."""
    given = conninfo_to_dict(url).get("options") or ""
    return connect(url, options=f"{given} {_AS_OPTIONS}".strip(), **options)


def with_database(url: str, name: str) -> str:
    """Return `url` with its database replaced by `name`."""
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}{query}"


@contextmanager
def without_variables() -> Iterator[None]:
    """Keep libpq's variables out of the environment while inside."""
    with _lock:
        kept = {name: os.environ.pop(name) for name in [*os.environ] if name.startswith(_PREFIX)}
        try:
            yield
        finally:
            os.environ.update(kept)


def plain_environment() -> dict[str, str]:
    """Return the environment without libpq's variables, for a program such as psql."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace(" ", r"\ ")


_AS_OPTIONS = " ".join(f"-c {name}={_escaped(value)}" for name, value in _SESSION.items())


def _foreign(socket: str, server: _Server) -> DatabaseError:
    return DatabaseError(
        f"The server that answers in {socket} is not that of {server.data}.",
        f"See who owns it (ls -la {shlex.quote(socket)}), end that server, or delete its socket; "
        "then run the same command again.",
        code="foreign-server",
    )
