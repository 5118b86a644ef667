"""Errors of a server while revisions run, as ours: what, where, what remains applied, what to do.

Values of rows, and literals of the statement, are quoted only on request: they may be secrets.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.migrate.database._connect import Database
from pybase.migrate.sql import masked


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's message without values, or its type where it has none."""
    message = (isinstance(error, psycopg.Error) and error.diag.message_primary) or str(error)
    if isinstance(error, psycopg.DataError):
        message = _VALUE.sub('"..."', message)
    return (message.strip().splitlines() or [type(error).__name__])[0]


def about_rows(error: BaseException | None, *, shows_data: bool) -> str:
    """Return which table and columns an error about rows is about; with `shows_data`, which rows.

    Empty for another error, and for what its message has already.
    """
    if not isinstance(error, _ABOUT_ROWS):
        return ""
    detail = error.diag.message_detail or ""
    columns = _COLUMNS.search(detail)
    parts = {"table": error.diag.table_name, "columns": columns and columns["names"]}
    shown = ", ".join(
        f"{label} {name}"
        for label, name in parts.items()
        if name and f'"{name}"' not in first_line(error)
    )
    return (f" ({shown})" if shown else "") + (f": {detail}" if detail and shows_data else "")


def rows_hint(error: BaseException | None, *, shows_data: bool) -> str:
    """Return the hint that values are withheld, for an error that has some."""
    has_values = isinstance(error, _ABOUT_ROWS) and not shows_data
    return "\nValues of rows are withheld: see them with --show-data." if has_values else ""


def role_hint(error: BaseException | None) -> str:
    """Return how to declare a role that a scratch server does not have; empty for other errors."""
    match = _NO_ROLE.search(str(error)) if isinstance(error, _UNDEFINED) else None
    return (
        f"If production has the role, declare it in pyproject.toml, next to the others that you "
        f'have there: [tool.pybase] roles = ["{match[1]}"]'
        if match
        else ""
    )


def server_error(
    database: Database,
    error: BaseException | None,
    *,
    place: str = "",
    state: str = "",
    statement: str = "",
    queries: Sequence[str] = (),
    revision: str = "",
    shows_data: bool = False,
) -> PybaseError:
    """Return the error to raise for `error` of the server.

    `place` names the revision (" in revision ..."), `state` is the sentence about what is
    applied. `queries` find the rows that `revision` cannot be applied to.
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
    if revision and isinstance(error, _DUPLICATES):
        hint = (
            "If the database was created in another way and has all of this revision already, "
            f"record that: nox -s stamp -- {revision}. Otherwise drop what is in the way, or "
            "correct the revision; then run the same command again."
        )
    if queries and isinstance(error, _ABOUT_ROWS):
        hint = "Find the rows, correct them, and run the same command again:"
        hint += "".join(f"\n  {query}" for query in queries)
    message += about_rows(error, shows_data=shows_data)
    hint += rows_hint(error, shows_data=shows_data)
    shown = " ".join(masked(statement).split())[:300]
    return CheckFailedError(
        f"PostgreSQL reports an error{place}: {message}.{state}\n  {shown}",
        hint,
        code="revision-failed",
    )


@contextmanager
def server_errors(database: Database) -> Iterator[None]:
    """Raise what the server reports inside as `server_error`."""
    try:
        yield
    except psycopg.Error as error:
        raise server_error(database, error) from None


_DUPLICATES = (
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.DuplicateColumn,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateFunction,
)
"""Errors for what exists already."""

_ABOUT_ROWS = (psycopg.IntegrityError, psycopg.DataError)

_VALUE = re.compile(r'(?<!encoding )"(?:.*"|.*)', re.DOTALL)
"""All that may be a value in the message of a DataError."""

_COLUMNS = re.compile(r"\((?P<names>.*?)\)=\(")
"""The columns of a key in a detail such as `Key (name)=(Troy) already exists.`, in any language."""

_MISSING = (
    r"extension \"(?P<name>[^\"]*)\" is not available",
    "Install {name} on the machine of the server, and run the same command again.",
)

_UNDEFINED = psycopg.errors.UndefinedObject
_NO_ROLE = re.compile(r"role \"(?P<name>[^\"]*)\" does not exist")

_REFUSALS = (
    (r"denied for schema (?P<name>\S+)", "Let its owner GRANT USAGE, CREATE ON SCHEMA {name}"),
    (
        r"denied for (?:table|view|materialized view|foreign table|relation) (?P<name>\S+)",
        "Let its owner GRANT SELECT, INSERT, UPDATE, DELETE ON {name}",
    ),
    (r"denied for sequence (?P<name>\S+)", "Let its owner GRANT USAGE, SELECT ON SEQUENCE {name}"),
    (r"denied for database (?P<name>\S+)", "Let its owner GRANT CREATE ON DATABASE {name}"),
    (r"denied for (?:function|procedure) (?P<name>\S+)", "Let its owner GRANT EXECUTE ON {name}"),
    (
        r"denied for (?P<kind>type|language|tablespace) (?P<name>\S+)",
        "Let its owner GRANT the right to {kind} {name}",
    ),
    (r"must be owner of (?P<name>.+)", "Let the owner of {name} GRANT its own role"),
    (r"must be able to SET ROLE (?P<name>.+)", "Let an administrator GRANT {name}"),
)
"""(what a refusal holds, who has to grant what), for the role that connects."""

_AS_ANOTHER = "connect as a role that may; then run the same command again."

_HINTS: tuple[tuple[type[psycopg.Error], str, str], ...] = (
    (psycopg.errors.FeatureNotSupported, *_MISSING),
    (psycopg.errors.UndefinedFile, *_MISSING),
    (
        _UNDEFINED,
        _NO_ROLE.pattern,
        "Let a role that may run there: CREATE ROLE {name}; then run the same command again.",
    ),
    (
        psycopg.errors.InsufficientPrivilege,
        r"create extension \"(?P<name>[^\"]*)\"",
        "Let a superuser run: CREATE EXTENSION {name}; then run the same command again, with "
        "IF NOT EXISTS in the revision.",
    ),
    (
        psycopg.errors.InsufficientPrivilege,
        r"row-level security",
        "This role does not see all rows: connect as the owner of the table, or a role with "
        "BYPASSRLS.",
    ),
    *(
        (psycopg.errors.InsufficientPrivilege, pattern, f"{grant} to this role, or {_AS_ANOTHER}")
        for pattern, grant in _REFUSALS
    ),
    (psycopg.errors.InsufficientPrivilege, "", f"Let an administrator allow it, or {_AS_ANOTHER}"),
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
        "Run the same command again: each revision is applied completely or not at all.",
    ),
)
"""(what psycopg raises, what the message holds, the hint), the more special first."""
