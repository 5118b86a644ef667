"""Sessions for work on the databases of a scratch server, which a process uses again and again."""

import atexit
import os
import select
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psycopg

from pybase.core.errors import DatabaseError
from pybase.postgres._connect import connect_scratch, with_database


@contextmanager
def maintenance(server_url: str) -> Iterator[psycopg.Connection]:
    """Yield a session for work on databases; its locks end with the block.

    It is used again by this process: to open one takes longer than most of that work. A session
    whose block failed is closed.
    """
    # always of the same database: advisory locks are per database
    url = with_database(server_url, "postgres")
    sessions = _idle[os.getpid(), url]
    with ExitStack() as closing:
        connection = _idle_session(sessions) or new_session(url)
        closing.callback(connection.close)
        yield connection
        with suppress(psycopg.Error):
            connection.execute("SELECT pg_advisory_unlock_all()")
            closing.pop_all()
            sessions.append(connection)


_idle: defaultdict[tuple[int, str], list[psycopg.Connection]] = defaultdict(list)
"""Sessions that are not in use, by process (a fork must not use those of its parent) and URL."""


@atexit.register
def _close_idle() -> None:
    for (process, _), sessions in _idle.items():
        for connection in sessions if process == os.getpid() else ():
            connection.close()


def _idle_session(sessions: list[psycopg.Connection]) -> psycopg.Connection | None:
    while sessions:
        connection = sessions.pop()
        # an idle session receives nothing but its end
        if not select.select([connection.fileno()], [], [], 0)[0]:
            return connection
        connection.close()
    return None


def new_session(url: str) -> psycopg.Connection:
    """Open a session of a scratch server. Raise DatabaseError when it cannot be reached."""
    try:
        return connect_scratch(url, autocommit=True)
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise DatabaseError(
            f"The server for scratch databases cannot be reached: {reason}",
            "See `nox -s db -- status`; PYBASE_REHEARSAL_URL names another one.",
            code="scratch-server-unreachable",
        ) from None  # the chain would show the URL's parts
