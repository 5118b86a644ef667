"""Code of others, revisions and env.py, kept on a leash while we run it.

Owns what such code may do to our process and to databases: it gets no terminal, its time is
limited, and a connection that it opens by itself leads where we say, or nowhere.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.engine.default import DefaultDialect

NOWHERE = "postgresql+psycopg://nowhere.invalid/pybase"
"""A DATABASE_URL for code that will not be imported without one."""

_AGAIN_S = 1.0
"""The limit strikes again after this time: code that catches everything is told once more."""


class TimeLimitError(BaseException):
    """The time is up. No Exception, so that a revision's `except Exception` lets it pass."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeLimitError in the code inside when it takes longer; on POSIX's main thread only."""
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def strike(_signal: int, _frame: FrameType | None) -> None:
        raise TimeLimitError(f"it takes longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def without_terminal() -> Iterator[None]:
    """Let the code inside read nothing, and print to standard error: our output is for others."""
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
    except OSError:  # closed: nothing can be read or spoilt
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
def connections(lead: Callable[[Dialect], Any]) -> Iterator[None]:
    """Let `lead(dialect)` make every PostgreSQL connection that SQLAlchemy would open inside.

    The engines of an application, and of an env.py that takes no connection from us, know an
    address of their own, which a rehearsal must not reach. An engine with a creator, like ours, is
    left alone. An env.py that cannot do without DATABASE_URL gets one, which leads nowhere.
    """
    connect, url = DefaultDialect.connect, os.environ.get("DATABASE_URL")

    def led(dialect: DefaultDialect, *address: Any, **options: Any) -> Any:
        return (
            lead(dialect) if dialect.name == "postgresql" else connect(dialect, *address, **options)
        )

    setattr(DefaultDialect, "connect", led)  # noqa: B010  mypy takes no assignment to a method
    os.environ.setdefault("DATABASE_URL", NOWHERE)
    try:
        yield
    finally:
        setattr(DefaultDialect, "connect", connect)  # noqa: B010
        if url is None:
            os.environ.pop("DATABASE_URL", None)


def same_as(connection: Connection) -> Callable[[Dialect], Any]:
    """Lead every connection to the database of `connection`, whatever driver asks."""

    def lead(dialect: Dialect) -> Any:
        raw: Any = connection.connection.driver_connection
        info = raw.info
        address = {"user": info.user, "host": info.host, "port": info.port}
        if dialect.driver.startswith("psycopg"):
            address |= info.get_parameters()  # what libpq knows beside, such as sslmode
        else:
            address["database"] = info.dbname
        if info.password:
            address["password"] = info.password
        dbapi: Any = dialect.loaded_dbapi
        return dbapi.connect(**address)

    return lead


def nowhere(_dialect: Dialect) -> Any:
    """Refuse every connection: SQL is written without any."""
    raise ConnectionRefusedError("it opens a connection of its own while it is turned into SQL")
