"""Errors of failed connections: a sentence and a hint for what libpq or the server reports."""

import re

import psycopg

from pybase.core.errors import DatabaseError


def unreachable(name: str, error: psycopg.Error) -> DatabaseError:
    """Return the error of a connection to the server `name`, by what libpq or that reports."""
    message = str(error)
    for pattern, problem, hint in _REASONS:
        match = re.search(pattern, message, re.IGNORECASE)
        if match:
            detail = match.groupdict()
            return DatabaseError(
                f"{problem.format(**detail)} ({name}).",
                hint.format(**detail),
                code="unreachable",
            )
    last_line = message.strip().splitlines()[-1] if message.strip() else type(error).__name__
    return DatabaseError(
        f"The server cannot be used ({name}): {last_line}",
        _HINT_ADDRESS,
        code="unreachable",
    )


_HINT_ADDRESS = "Check DATABASE_URL, or unset it to use the embedded server (nox -s db -- status)."

_REASONS: tuple[tuple[str, str, str], ...] = (
    (
        r"password authentication failed for user \"(?P<user>[^\"]*)\"",
        "The server refuses the password of user {user}",
        "Correct the password in DATABASE_URL; @ / % # in it must be URL-encoded.",
    ),
    (
        r"session is (not )?read-only|server is (not )?in hot standby",
        "None of the servers there can be used as target_session_attrs requires",
        "Name the primary in DATABASE_URL.",
    ),
    (
        r"no password supplied",
        "The server asks for a password and DATABASE_URL has none",
        "Write it as postgresql://user:password@host:port/database.",
    ),
    (
        r"role \"(?P<user>[^\"]*)\" does not exist",
        "The server has no user {user}",
        "Create it (createuser {user}), or correct the user in DATABASE_URL.",
    ),
    (
        r"database \"(?P<name>[^\"]*)\" does not exist",
        "The server has no database {name}",
        'Create it (createdb "{name}" on that server), or correct the name in DATABASE_URL.',
    ),
    (
        r"no pg_hba\.conf entry",
        "The server's pg_hba.conf does not let this user in from here",
        "Ask its administrator, or correct the user in DATABASE_URL.",
    ),
    (
        r"permission denied for database \"(?P<name>[^\"]*)\"",
        "The server lets this user into other databases, but not into {name}",
        'Run GRANT CONNECT ON DATABASE "{name}" TO the user, or correct the user in DATABASE_URL.',
    ),
    (
        r"connection refused|no such file or directory",
        "No server listens at that address",
        "Start it. " + _HINT_ADDRESS,
    ),
    (
        r"translate host name|name or service not known|resolve",
        "The server's host name is unknown",
        _HINT_ADDRESS,
    ),
    (r"timeout expired|timed out", "The server did not answer in time", _HINT_ADDRESS),
    (
        r"the database system is (?P<state>starting up|shutting down|in recovery mode)",
        "The server is {state}",
        "Wait a moment and run the same command again.",
    ),
    (
        r"too many (clients|connections)|remaining connection slots",
        "The server has no free connection",
        "Run the same command again when one is free.",
    ),
)
"""(what libpq or the server reports, our sentence, the hint), tried in order."""
