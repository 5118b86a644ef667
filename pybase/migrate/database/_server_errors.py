"""Errors of a server while revisions run, as ours: what, where, what remains applied, what to do.

Values of rows, and literals of the statement, are quoted only on request: they may be secrets.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError
from pybase.core.urls import REHEARSAL_URL
from pybase.migrate.database._connect import Database
from pybase.migrate.database._refusals import NO_EXTENSION, NO_ROLE, first_line, refusal, sqlstate
from pybase.migrate.sql import masked


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
    is_about_rows = isinstance(error, _ABOUT_ROWS)
    has_values = is_about_rows or (
        isinstance(error, psycopg.Error)
        and bool(error.diag.message_detail)
        and sqlstate(error).startswith(_WITH_VALUES)
    )
    return (
        "\nValues of rows are withheld: see them with --show-data."
        if has_values and not shows_data
        else ""
    )


def scratch_hint(error: BaseException | None) -> str:
    """Return how a scratch server gets the role or extension that it lacks; else empty."""
    is_undefined = isinstance(error, psycopg.errors.UndefinedObject)
    if is_undefined and (role := NO_ROLE.search(str(error))):
        return (
            "If production has the role, declare it in pyproject.toml, next to the others that you "
            f'have there: [tool.pybase] roles = ["{role["name"]}"]'
        )
    is_refused = isinstance(error, psycopg.Error)
    if is_refused and (extension := NO_EXTENSION.search(str(error))):
        return (
            f"Name a server that has the extension {extension['name']}, and no data to lose, in "
            f"{REHEARSAL_URL}"
        )
    return ""


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
    more, refused = details(error, shows_data=shows_data), refusal(error)
    if refused is not None:
        what, hint = refused
        return DatabaseError(
            f"{what}{place}: {message} ({database.name}).{state}{more}",
            hint,
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
    line = f"\n  {shown}" if shown else ""
    return CheckFailedError(
        f"{_kind(error)}{place}: {message}.{state}{line}{more}",
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


def _kind(error: BaseException | None) -> str:
    """Return the beginning of the sentence about an error of a revision."""
    kinds = (what for prefix, what in _KINDS if sqlstate(error).startswith(prefix))
    return next(kinds, "PostgreSQL reports an error")


def details(error: BaseException | None, *, shows_data: bool) -> str:
    """Return what the server adds to its message, line by line; what may hold values, on request.

    Of the context, only the functions: it quotes statements and data too.
    """
    if not isinstance(error, psycopg.Error):
        return ""
    diag, context = error.diag, error.diag.context or ""
    is_withheld = sqlstate(error).startswith(_WITH_VALUES) and not shows_data
    is_shown_already = isinstance(error, _ABOUT_ROWS)
    parts = {
        "DETAIL": "" if is_withheld or is_shown_already else diag.message_detail,
        "HINT": diag.message_hint,
        "CONTEXT": context if shows_data else "\n".join(_FUNCTION.findall(context)),
    }
    lines = ((name, line) for name, text in parts.items() for line in (text or "").splitlines())
    return "".join(f"\n  {name}: {line}" for name, line in lines)


_WITH_VALUES = ("22", "23", "38", "39", "44", "P0")
"""Classes whose DETAIL has the values of a row, or what the code of a project puts there."""

_FUNCTION = re.compile(r"^(?:PL/\w+|SQL) function [^\n]*$", re.MULTILINE)

_ABOUT_ROWS = (psycopg.IntegrityError, psycopg.DataError)

_COLUMNS = re.compile(r"\((?P<names>.*?)\)=\(")
"""The columns of a key in a detail such as `Key (name)=(Troy) already exists.`, in any language."""

_KINDS = (
    ("54", "A limit of PostgreSQL is exceeded"),
    ("55006", "An object is in use"),
    ("55", "An object is not in the state that the statement needs"),
)
"""What an error of a revision is about, by the beginning of its SQLSTATE."""
