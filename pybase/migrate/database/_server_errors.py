"""The sentences for what a server refuses while revisions run: what, where, what stays, what mends.

Values that a statement met are never quoted: they may be somebody's secret.
"""

import re
from collections.abc import Sequence

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.migrate.database._connect import Database


def refused(
    database: Database,
    error: BaseException | None,
    at: str,
    state: str,
    *,
    statement: str = "",
    queries: Sequence[str] = (),
) -> PybaseError:
    """Return the error to raise for `error` of the server.

    `at` names the revision and `state` says what is applied; both may be empty. `queries` find
    the rows that a revision cannot bear.
    """
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    for kind, pattern, hint in _MENDS:
        found = re.search(pattern, said) if isinstance(error, kind) else None
        if found:
            return DatabaseError(
                f"The server refuses{at}: {said} ({database.name}). {state}",
                hint.format(**found.groupdict()),
            )
    hint = "Mend the revision or the data that it met, and run the same command again."
    if queries and isinstance(error, psycopg.IntegrityError | psycopg.DataError):
        hint = "Find the rows, hint them, and run the same command again:"
        hint += "".join(f"\n  {query}" for query in queries)
    code = " ".join(line for line in statement.splitlines() if not line.startswith("--"))
    shown = " ".join(code.split())[:300]
    return CheckFailedError(f"PostgreSQL reports an error{at}: {said}. {state}\n  {shown}", hint)


def in_revision(revision: str, title: str) -> str:
    """Name the revision that was running."""
    return f" in revision {revision} ({title})"


def state(done: int, to_come: Sequence[str] = ()) -> str:
    """Tell what is applied, and of what follows what is not."""
    told = "Nothing was applied." if not done else f"{done} before it stay applied."
    return f"{told} Not applied: {', '.join(to_come)}." if to_come else told


_MISSING = (
    r"extension \"(?P<name>[^\"]*)\" is not available",
    "Install {name} on the machine of the server, and run the same command again.",
)

_MENDS: tuple[tuple[type[psycopg.Error], str, str], ...] = (
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
        "The connection broke. Run the same command again: each revision is applied whole or "
        "not at all.",
    ),
)
"""(what psycopg raises, what it says, the hint), the more special first."""
