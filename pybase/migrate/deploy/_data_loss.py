"""What a downgrade would destroy of a live database, and that somebody has to say yes to it.

What goes is told by the headers of the downgrades' SQL files, how much is in it by the database
itself. It only reads; `migrate` calls it before the first statement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from pybase.core import humanize as words
from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.style import table
from pybase.migrate.database import _table_sizes as live
from pybase.migrate.database._connect import Database
from pybase.migrate.database._table_sizes import Live
from pybase.migrate.sqlfiles._header import NOT_REHEARSED
from pybase.migrate.sqlfiles._headers import Header

_MOST_TOLD = 20


@dataclass(frozen=True)
class Loss:
    """A table or column that a downgrade drops, and holds data now, as far as can be told."""

    name: str
    revision: str
    text: str


def find(connection: psycopg.Connection[Any], path: Sequence[Header]) -> list[Loss]:
    """Return what a path of downgrades would destroy, over an autocommit connection.

    What is surely empty is left out. What cannot be told is a loss. Raises psycopg.Error for a
    broken connection.
    """
    names = {name for header in path for name in header.losses}
    found = live.measure(connection, names | {name.rpartition(".")[0] for name in names})
    told: dict[str, Loss] = {}
    is_renamed = False
    with live.limits(connection):
        for header in path:
            if _is_unknown(header):
                name = f"what {header.revision} drops"
                told[name] = Loss(name, header.revision, "nobody knows: it was not rehearsed")
            for name in header.losses:
                text = _text(connection, name, found, is_renamed=is_renamed)
                if text and name.rpartition(".")[0] not in names:  # else it goes with its table
                    told.setdefault(name, Loss(name, header.revision, text))
            is_renamed = is_renamed or any(each.startswith("renames-") for each in header.hazards)
    return list(told.values())


def _is_unknown(header: Header) -> bool:
    """Whether nobody has seen what it does; what cannot be undone will do nothing."""
    return header.shape != "cannot be undone" and (
        header.shape == "cannot be rendered"
        or any(NOT_REHEARSED in each for each in header.unseen)
        or any(each.startswith(("cannot-render", "rehearsal-failed")) for each in header.hazards)
    )


def _text(
    connection: psycopg.Connection[Any], name: str, found: dict[str, Live], *, is_renamed: bool
) -> str:
    """Say what is in a table or column; an empty text where it is empty.

    What has no such name now was made on the way, and is empty, unless something is renamed there.
    """
    if name in found:
        table = found[name]
        return "" if table.is_exact and not table.rows else live.rows_text(table)
    label, _, column = name.rpartition(".")
    attribute = _attribute(connection, found[label], column) if label in found else None
    if attribute is not None:
        return _values(connection, found[label], attribute)
    return "nobody knows: it has another name now" if is_renamed else ""


def _attribute(connection: psycopg.Connection[Any], table: Live, column: str) -> str | None:
    row = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s AND attname = %s AND attnum > 0"
        " AND NOT attisdropped",
        [table.oid, column],
    ).fetchone()
    return row and row[0]


def _values(connection: psycopg.Connection[Any], table: Live, column: str) -> str:
    """Say how many rows hold a value in a column; of a large table, only whether any does."""
    names = {"column": sql.Identifier(column), "table": table.identifier}
    if table.is_exact:
        counted = live.ask(
            connection, sql.SQL("SELECT count({column}) FROM {table}").format(**names)
        )
        if counted is not None:
            return words.rows(counted[0]) if counted[0] else ""
    any_row = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL)")
    found = live.ask(connection, any_row.format(**names))
    if found is not None and not found[0]:
        return ""
    return f"some of {live.rows_text(table)}" if found else f"up to {live.rows_text(table)}"


@dataclass(frozen=True)
class Consent:
    """What the command says to its dangers, and how to ask a person; None where nobody is there."""

    data_loss: bool = False
    database: str | None = None
    ask: Callable[[str], bool] | None = None
    ask_name: Callable[[str], str] | None = None


def require_consent(
    connection: psycopg.Connection[Any],
    database: Database,
    path: Sequence[Header],
    destination: str,
    consent: Consent,
) -> None:
    """Refuse a path of downgrades to `destination` that nobody has agreed to.

    Over an autocommit connection. Raises UsageError for going back to base on a real server whose
    name was not given, CheckFailedError for data that would be destroyed.
    """
    require_named(database, connection.info.dbname, path, consent)
    require_allowed(find(connection, path), destination, consent)


def require_named(database: Database, name: str, path: Sequence[Header], consent: Consent) -> None:
    """Refuse to undo everything on a real server unless its database's `name` was given."""
    if database.is_embedded or not path or path[-1].place != "back to base":
        return
    given = consent.database
    if given is None and consent.ask_name is not None:
        given = consent.ask_name(
            f"This undoes every revision of {database.name}. Its name, to go on:"
        )
    if given is None:
        raise UsageError(
            f"To go back to base undoes every revision of {database.name}.",
            f"Say that it is this database: --database {name}",
        )
    if given != name:
        raise UsageError(
            f"The database is called {name!r}, not {given!r}. Nothing was undone.",
            "Point DATABASE_URL at the one that is meant.",
        )


def require_allowed(found: Sequence[Loss], destination: str, consent: Consent) -> None:
    """Refuse to destroy what was found, and list it, unless it is allowed or somebody says yes."""
    if not found or consent.data_loss:
        return
    rows = [(each.name, each.text) for each in found[:_MOST_TOLD]]
    lines = table(rows, indent="  ")
    lines += [f"  and {len(found) - _MOST_TOLD} more"] if len(found) > _MOST_TOLD else []
    problem = "The downgrade destroys data:\n" + "\n".join(lines)
    if consent.ask is not None and consent.ask(f"{problem}\nGo on?"):
        return
    raise CheckFailedError(
        f"{problem}\nNothing was undone.",
        f"If that is meant: nox -s downgrade -- {destination} --allow-data-loss",
    )
