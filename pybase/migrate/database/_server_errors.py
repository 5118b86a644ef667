"""Errors of a server while revisions run, as ours: what, where, what remains applied, what to do.

Values that a statement met are never quoted: they may be secrets.
"""

import re
from collections.abc import Sequence

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.migrate.database._connect import Database


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's message, or its type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def server_error(
    database: Database,
    error: BaseException | None,
    *,
    place: str = "",
    state: str = "",
    statement: str = "",
    queries: Sequence[str] = (),
) -> PybaseError:
    """Return the error to raise for `error` of the server.

    `place` names the revision (" in revision ..."), `state` is the sentence about what is
    applied. `queries` find the rows that a revision cannot be applied to.
    """
    message = first_line(error)
    state = f" {state}" if state else ""
    for kind, pattern, hint in _HINTS:
        match = re.search(pattern, message) if isinstance(error, kind) else None
        if match:
            return DatabaseError(
                f"The server refuses{place}: {message} ({database.name}).{state}",
                hint.format(**match.groupdict()),
                code="server-refuses",
            )
    hint = "Correct the revision or the data that it met, and run the same command again."
    if queries and isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        hint = "Find the rows, correct them, and run the same command again:"
        hint += "".join(f"\n  {query}" for query in queries)
    code = " ".join(line for line in statement.splitlines() if not line.startswith("--"))
    shown = " ".join(code.split())[:300]
    return CheckFailedError(
        f"PostgreSQL reports an error{place}: {message}.{state}\n  {shown}",
        hint,
        code="revision-failed",
    )


_MISSING = (
    r"extension \"(?P<name>[^\"]*)\" is not available",
    "Install {name} on the machine of the server, and run the same command again.",
)

_HINTS: tuple[tuple[type[psycopg.Error], str, str], ...] = (
    (psycopg.errors.FeatureNotSupported, *_MISSING),
    (psycopg.errors.UndefinedFile, *_MISSING),
    (
        psycopg.errors.InsufficientPrivilege,
        r"create extension \"(?P<name>[^\"]*)\"",
        "Let a superuser run: CREATE EXTENSION {name}; then run the same command again, with "
        "IF NOT EXISTS in the revision.",
    ),
    (
        psycopg.errors.InsufficientPrivilege,
        "",
        "Connect as the owner of the schema, or GRANT CREATE ON SCHEMA public to this role.",
    ),
    (
        psycopg.errors.ReadOnlySqlTransaction,
        "",
        "This is a read-only standby or session: point DATABASE_URL at the primary server.",
    ),
    (
        psycopg.errors.LockNotAvailable,
        "",
        "Another session holds the lock; run the same command again when it is done.",
    ),
    (psycopg.errors.DiskFull, "", "Free space on the server, and run the same command again."),
    (
        psycopg.OperationalError,
        "",
        "The connection broke. Run the same command again: each revision is applied completely or "
        "not at all.",
    ),
)
"""(what psycopg raises, what the message holds, the hint), the more special first."""
