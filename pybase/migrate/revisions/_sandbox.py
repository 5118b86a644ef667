"""A sandbox for the code of revisions and env.py.

Such code gets no terminal, its time is limited, and a connection that it opens by itself is made
to a database of our choice, or refused.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine.default import DefaultDialect

from pybase.core.errors import CheckFailedError
from pybase.migrate.revisions._isolation import NOWHERE, refuse_connection, reopened
from pybase.migrate.sql import HIDDEN_HINT, hidden_character
from pybase.migrate.sql.grammar import COPY_HINT, copy_fault
from pybase.postgres import without_variables

Connect: TypeAlias = Callable[[Dialect, Mapping[str, Any]], Any]
"""Given a dialect and what an engine demands of its sessions, returns a connection."""

_SESSION_OPTIONS = frozenset(("options", "server_settings"))
"""Arguments of drivers that are settings of a session, and no address."""

_AGAIN_S = 1.0
"""The error is raised again after this time, for code that catches everything."""


class TimeLimitError(BaseException):
    """The time limit is over. No Exception, so that `except Exception` does not catch it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the code inside when it takes longer; on POSIX's main thread only."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"it takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *outer)


@contextmanager
def without_terminal() -> Iterator[None]:
    """Let the code inside read nothing, and print to standard error: our output is parsed."""
    with Path(os.devnull).open(encoding="utf-8") as nothing, redirect_stdout(sys.stderr):
        stdin, sys.stdin = sys.stdin, nothing
        try:
            with _descriptor(0, nothing.fileno()), _descriptor(1, 2):
                yield
        finally:
            sys.stdin = stdin


@contextmanager
def _descriptor(number: int, other: int) -> Iterator[None]:
    """Make a file descriptor the same as another, for subprocesses too."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()  # type: ignore[union-attr]
    try:
        kept = os.dup(number)
    except OSError:  # closed: nothing can be read or written
        yield
        return
    try:
        with suppress(OSError):
            os.dup2(other, number)
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


@contextmanager
def connections(connect: Connect) -> Iterator[None]:
    """Let `connect` open every PostgreSQL connection that SQLAlchemy opens inside.

    The engines of an application, and of an env.py that takes no connection from us, have an
    address of their own, which a rehearsal must not reach. An engine with a creator, like ours, is
    not affected. An env.py that requires DATABASE_URL gets one that resolves to no host.
    """
    original, url = DefaultDialect.connect, os.environ.get("DATABASE_URL")

    def redirected(dialect: DefaultDialect, *address: Any, **options: Any) -> Any:
        if dialect.name == "postgresql":
            demanded = {name: options[name] for name in _SESSION_OPTIONS & options.keys()}
            return connect(dialect, demanded)
        return original(dialect, *address, **options)

    setattr(DefaultDialect, "connect", redirected)  # noqa: B010  mypy: a method
    os.environ.setdefault("DATABASE_URL", f"postgresql+psycopg://{NOWHERE}")
    try:
        yield
    finally:
        setattr(DefaultDialect, "connect", original)  # noqa: B010
        if url is None:
            os.environ.pop("DATABASE_URL", None)


@contextmanager
def sendable() -> Iterator[None]:
    """Refuse statements that must not, or cannot, be sent, in all that SQLAlchemy sends inside."""
    event.listen(Engine, "before_cursor_execute", _require_sendable)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", _require_sendable)


def _require_sendable(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    """Refuse what the server would not read as a reviewer does: it stops at a NUL.

    Refuse a COPY through the client too: for its rows the server waits, and answers nothing else.
    """
    hidden = hidden_character(statement)
    if hidden is not None:
        raise CheckFailedError(
            f"A statement of the revision's Python has the hidden character {hidden[1]}.",
            HIDDEN_HINT,
            code="hidden-character",
        )
    if fault := copy_fault(statement):
        raise CheckFailedError(
            f"A statement of the revision's Python is {fault}.", COPY_HINT, code="copy-by-client"
        )


def same_as(connection: Connection) -> Connect:
    """Return what connects to the database of `connection`, whatever the driver."""
    raw: Any = connection.connection.driver_connection
    return partial(_connect, raw.info)


def same_session(session: Any, settings: Iterable[str]) -> Connect:
    """Return what gives psycopg engines the very session.

    Another driver cannot use it, and gets a connection to the same database, after `settings`.
    """

    def connect(dialect: Dialect, demanded: Mapping[str, Any]) -> Any:
        if dialect.driver == "psycopg" and not dialect.is_async:
            return session
        connection = _connect(session.info, dialect, demanded)
        cursor = connection.cursor()
        for statement in settings:
            cursor.execute(statement)
        cursor.close()
        connection.commit()
        return connection

    return connect


def _connect(info: Any, dialect: Dialect, demanded: Mapping[str, Any]) -> Any:
    """Connect with a dialect's driver to where the psycopg connection of `info` is."""
    address = {"user": info.user, "host": info.host, "port": info.port}
    if dialect.driver.startswith("psycopg"):
        address |= info.get_parameters()  # what libpq knows in addition, such as sslmode
    else:
        address["database"] = info.dbname
    if info.password:
        address["password"] = info.password
    given = info.get_parameters().get("options") if "options" in demanded else None
    address |= dict(demanded) | ({"options": f"{given} {demanded['options']}"} if given else {})
    dbapi: Any = dialect.loaded_dbapi
    with reopened(), without_variables():  # the address is complete: they could only change it
        return dbapi.connect(**address)


def refuse(_dialect: Dialect, _demanded: Mapping[str, Any]) -> Any:
    """Refuse every connection: SQL is rendered without any."""
    refuse_connection()
