"""Code of a project that must not reach a database by itself: no address, and no connection.

A connection that a driver opens is refused, and remembered: the code may catch the error. What only
another program opens, such as psql, has no address in its environment.
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from psycopg import generators

from pybase.core.urls import DATABASE_URL, REHEARSAL_URL

_HOST, _PORT = "127.0.0.1", "1"
NOWHERE = f"{_HOST}:{_PORT}/pybase"
"""The address of a DATABASE_URL for code that will not be imported without one.

No server listens there. A name would have to be resolved: that fails before a driver connects.
"""

REFUSAL = "it opens a connection of its own"

_DRIVERS = frozenset(("asyncpg", "pg8000", "psycopg2cffi"))
"""Packages that connect by Python's sockets; those on libpq are refused where they call it."""

_SCHEME = re.compile(r"[a-z][a-z0-9+]*://")


class _State:
    removed: dict[str, str] | None = None
    """The addresses that are not in the environment now; None where nothing is refused."""
    refused = False
    has_hooks = False


@contextmanager
def isolated() -> Iterator[None]:
    """Let the code inside know no address of a database, and refuse the connections it opens."""
    if _State.removed is not None:
        yield
        return
    _install()
    _State.removed = _remove_addresses()
    try:
        yield
    finally:
        removed, _State.removed = _State.removed, None
        _put_back(removed)


@contextmanager
def reopened() -> Iterator[None]:
    """Let our own code inside of `isolated` connect, with the environment as it was."""
    if _State.removed is None:
        yield
        return
    removed, _State.removed = _State.removed, None
    _put_back(removed)
    try:
        yield
    finally:
        _State.removed = _remove_addresses()


@contextmanager
def noticing() -> Iterator[list[str]]:
    """Yield a list that has an entry afterwards where a connection was refused inside."""
    noticed: list[str] = []
    before, _State.refused = _State.refused, False
    try:
        with isolated():
            yield noticed
    finally:
        noticed += [REFUSAL] if _State.refused else []
        _State.refused = before or _State.refused


def refuse_connection() -> None:
    """Refuse a connection."""
    _State.refused = True
    raise ConnectionRefusedError(f"{REFUSAL}, while it is not being applied")


def _remove_addresses() -> dict[str, str]:
    names = [name for name in os.environ if name.startswith("PG")]
    names += [name for name in (DATABASE_URL, REHEARSAL_URL) if name in os.environ]
    removed = {name: os.environ.pop(name) for name in names}
    scheme = _SCHEME.match(removed.get(DATABASE_URL, ""))  # code may replace it
    os.environ[DATABASE_URL] = f"{scheme[0] if scheme else 'postgresql+psycopg://'}{NOWHERE}"
    os.environ |= {"PGHOST": _HOST, "PGPORT": _PORT}
    return removed


def _put_back(removed: dict[str, str]) -> None:
    for name in (DATABASE_URL, "PGHOST", "PGPORT"):
        os.environ.pop(name, None)
    os.environ.update(removed)


def _install() -> None:
    """Put a check into every driver, once a process: it refuses nothing outside of `isolated`."""
    if _State.has_hooks:
        return
    _State.has_hooks = True
    sys.addaudithook(_audit)
    _check(generators, "connect")
    if find_spec("psycopg2") is not None:
        _check(import_module("psycopg2"), "_connect")


def _check(module: Any, name: str) -> None:
    original = getattr(module, name)

    def connect(*arguments: Any, **options: Any) -> Any:
        if _State.removed is not None:
            refuse_connection()
        return original(*arguments, **options)

    setattr(module, name, connect)


def _audit(event: str, _arguments: Any) -> None:
    if event == "socket.connect" and _State.removed is not None and _is_of_driver():
        refuse_connection()


def _is_of_driver() -> bool:
    frame: Any = sys._getframe(2)
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] in _DRIVERS:
            return True
        frame = frame.f_back
    return False
