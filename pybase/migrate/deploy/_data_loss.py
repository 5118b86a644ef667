"""Data loss: what a downgrade would destroy of a live database, and the confirmation of that.

The records hold the tables and columns that go; the database itself how much is in them. What
cannot be determined counts as a loss.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.core import humanize
from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.style import style, table
from pybase.migrate.database import TableSize, ask, limits, measure
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.record import ScriptStatus, TableColumn
from pybase.migrate.sql import QualifiedName

_MOST_SHOWN = 20


class Loss(Struct, frozen=True):
    """A table or column that a downgrade drops while it holds data, as far as is known."""

    name: str
    revision: str
    content: str


class Confirmation(Struct, frozen=True):
    """What the command line confirms, and how to ask a person; None where there is none."""

    data_loss: bool = False
    database: str | None = None
    ask: Callable[[str], bool] | None = None
    ask_name: Callable[[str], str] | None = None


def find_losses(connection: psycopg.Connection[Any], steps: Sequence[Step]) -> list[Loss]:
    """Return what a path of downgrades would destroy, over an autocommit connection.

    What is known to be empty is left out: a table without rows, a column without values, and what
    an earlier downgrade of the path creates. Raises psycopg.Error for a broken connection.
    """
    dropped = {loss for step in steps for loss in step.effects.losses}
    sizes = measure(connection, {loss.table for loss in dropped})
    losses: dict[str, Loss] = {}
    created: set[TableColumn] = set()
    renamed: set[QualifiedName] = set()
    with limits(connection):
        for step in steps:
            revision = step.revision.id
            if _is_unknown(step):
                name = f"what {revision} drops"
                losses[name] = Loss(name, revision, "unknown: it was not rehearsed")
            for loss in step.effects.losses:
                with_table = loss.column and TableColumn(loss.table) in dropped
                if with_table or {loss, TableColumn(loss.table)} & created:
                    continue
                content = _content(connection, loss, sizes, renamed)
                if content:
                    losses.setdefault(loss.label, Loss(loss.label, revision, content))
            created |= set(step.effects.created)
            if _RENAMES.search("\n".join(step.script.texts)):
                renamed |= {effect.table for effect in step.effects.tables}
    return list(losses.values())


def _is_unknown(step: Step) -> bool:
    """Whether it has not been observed; what cannot be undone will do nothing."""
    if step.script.status is ScriptStatus.IRREVERSIBLE:
        return False
    failed = {"cannot-render", "rehearsal-failed"}
    return (
        not step.script.has_sql
        or not step.effects.is_rehearsed
        or any(finding.code in failed for finding in step.effects.findings)
    )


def _content(
    connection: psycopg.Connection[Any],
    loss: TableColumn,
    sizes: Mapping[QualifiedName, tuple[TableSize, ...]],
    renamed: Collection[QualifiedName],
) -> str:
    """Return what is in a table or column; an empty text where it is known to be empty.

    In a table of which an earlier downgrade renames something, the name means another thing now.
    """
    if loss.table in renamed:
        return _RENAMED
    tables = sizes.get(loss.table, ())
    contents = []
    for size in tables:
        if not loss.column:
            contents.append("" if size.is_exact and not size.rows else size.rows_text)
        elif _has_column(connection, size, loss.column):
            contents.append(_values(connection, size, loss.column))
    if contents:
        return next(filter(None, contents), "")
    return _RENAMED if renamed else "unknown: it is not there"


_RENAMED = "unknown: it has another name now"

_RENAMES = re.compile(r"\b(RENAME|SET\s+SCHEMA)\b", re.IGNORECASE)
"""Finds every rename, and more: what it finds in vain is asked about once too often."""


def _has_column(connection: psycopg.Connection[Any], size: TableSize, column: str) -> bool:
    query = (
        "SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = %s AND attname = %s"
        " AND attnum > 0 AND NOT attisdropped)"
    )
    return connection.execute(query, [size.oid, column]).fetchone() == (True,)


def _values(connection: psycopg.Connection[Any], size: TableSize, column: str) -> str:
    """Return how many rows hold a value in a column; of a large table, only whether any does."""
    names = {"column": sql.Identifier(column), "table": size.identifier}
    if size.is_exact:
        counted = ask(connection, sql.SQL("SELECT count({column}) FROM {table}").format(**names))
        if counted is not None:
            return humanize.rows(counted[0]) if counted[0] else ""
    any_row = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {column} IS NOT NULL)")
    exists = ask(connection, any_row.format(**names))
    if exists is not None and not exists[0]:
        return ""
    return f"some of {size.rows_text}" if exists else f"up to {size.rows_text}"


def require_named(plan: Plan, name: str, confirmation: Confirmation) -> None:
    """Refuse to undo everything on a real server unless its database's `name` was given.

    Raises UsageError.
    """
    if plan.source.database.is_embedded or not plan.leads_to_base:
        return
    given = confirmation.database
    if given is None and confirmation.ask_name is not None:
        given = confirmation.ask_name(
            f"This undoes every revision of {plan.source.database.name}. Its name, to go on:"
        )
    if given is None:
        raise UsageError(
            f"A downgrade to base undoes every revision of {plan.source.database.name}.",
            f"Confirm that it is this database: --database {name}",
            code="unconfirmed-database",
        )
    if given != name:
        raise UsageError(
            f"The database is called {name!r}, not {given!r}. Nothing was undone.",
            "Point DATABASE_URL at the right one.",
            code="wrong-database",
        )


def require_allowed(losses: Sequence[Loss], destination: str, confirmation: Confirmation) -> None:
    """Refuse to destroy data, and list it, unless it is allowed or confirmed at a prompt.

    Raises CheckFailedError.
    """
    if not losses or confirmation.data_loss:
        return
    lines = table([(loss.name, loss.content) for loss in losses[:_MOST_SHOWN]], indent="  ")
    lines += [f"  and {len(losses) - _MOST_SHOWN} more"] if len(losses) > _MOST_SHOWN else []
    problem = f"The downgrade {style('destroys data', 'bold red')}:\n" + "\n".join(lines)
    if confirmation.ask is not None and confirmation.ask(f"{problem}\nGo on?"):
        return
    raise CheckFailedError(
        f"{problem}\nNothing was undone.",
        f"If that is intended: nox -s downgrade -- {destination} --allow-data-loss",
        code="data-loss",
    )
