"""The ledger: what ran on a database, which way, when, by whom, how long, and from which SQL.

Owns the table `migration_ledger`, which lies beside Alembic's version table and is written in the
same transaction as that. It knows statements as text and imports nothing of Alembic, so that a
database with nothing to do is left quickly.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from pybase.core.files import digest
from pybase.migrate.sql._names import literal

TABLE = "migration_ledger"

Execute: TypeAlias = Callable[[str], Any]
"""Runs a statement without parameters and returns a cursor, of psycopg or SQLAlchemy."""


@dataclass(frozen=True)
class Entry:
    """The last that was done with a revision on a database."""

    revision: str
    direction: str
    applied_at: datetime
    role: str
    digest: str | None

    def __str__(self) -> str:
        """When, to the minute, and by whom."""
        return f"{self.applied_at:%Y-%m-%d %H:%M} UTC by {self.role}"


def beside(version_table: str) -> str:
    """Return the ledger's name in the schema of a version table that may name one."""
    schema = re.match(r'((?:"[^"]*"|[^."])+)\.', version_table)
    return f"{schema[1]}.{TABLE}" if schema else TABLE


def create_sql(table: str) -> str:
    """Return the statement that makes the table where it is missing."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table} (\n"
        "    revision TEXT NOT NULL,\n"
        "    direction TEXT NOT NULL,\n"
        "    applied_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,\n"
        "    role TEXT DEFAULT current_user NOT NULL,\n"
        "    duration INTERVAL,\n"
        "    digest TEXT\n"
        ")"
    )


def file_sql(table: str, revision: str, digest: str | None, *, is_upgrade: bool) -> str:
    """Return the statement of a SQL file. A database without a ledger is left without one."""
    return (
        "DO $$ BEGIN\n"
        f"    INSERT INTO {table} (revision, direction, digest)\n"
        f"    VALUES ({literal(revision)}, '{_direction(is_upgrade)}', {_or_null(digest)});\n"
        "EXCEPTION WHEN undefined_table THEN NULL;\n"
        "END $$"
    )


_FILE_SQL = re.compile(
    r"DO \$\$ BEGIN\n    INSERT INTO (?P<table>.+) \(revision, direction, digest\)\n"
    r"    VALUES \(.*, '\w+', (?:'(?P<digest>\w+)'|NULL)\);\n"
)


def in_file(statement: str) -> tuple[str, str | None] | None:
    """Return (table, digest) where `statement` is one of `file_sql`, else None."""
    found = _FILE_SQL.search(statement)
    return (found["table"], found["digest"]) if found else None


def statements_digest(statements: Sequence[str]) -> str:
    """Digest what PostgreSQL would see of `statements`: layout and comments do not count."""
    from pybase.migrate.sql._split import words

    return digest("\0".join(" ".join(words(each)) for each in statements).encode())


def ensure(execute: Execute, table: str) -> None:
    """Make the table where it is missing, in the transaction that `execute` is in."""
    if execute(f"SELECT to_regclass({literal(table)})").fetchone()[0] is None:
        execute(create_sql(table))


def entry_sql(
    table: str,
    revision: str,
    digest: str | None,
    seconds: float,
    *,
    is_upgrade: bool,
    move: str = "",
) -> str:
    """Return the statement that writes what was done, for the same transaction.

    To the `seconds` so far the server adds what it takes for what it got together with this. With
    `move`, which moves the version, it does both, and the table refuses it (a revision is never
    null) where there was no version to move.
    """
    entry = f"INSERT INTO {table} (revision, direction, duration, digest)\n"
    rest = (
        f"'{_direction(is_upgrade)}',"
        f" make_interval(secs => {seconds:.3f}) + (clock_timestamp() - statement_timestamp()),"
        f" {_or_null(digest)}"
    )
    if not move:
        return f"{entry}VALUES ({literal(revision)}, {rest})"
    named = f"CASE WHEN count(*) > 0 THEN {literal(revision)} END"
    return f"WITH moved AS (\n{move}\nRETURNING 1\n)\n{entry}SELECT {named}, {rest} FROM moved"


def entries(execute: Execute, table: str) -> dict[str, Entry]:
    """Return the last entry of each revision; none where there is no ledger, or no right to it."""
    readable = f"has_table_privilege(to_regclass({literal(table)}), 'SELECT')"
    if execute(f"SELECT {readable}").fetchone()[0] is not True:
        return {}
    rows = execute(
        "SELECT DISTINCT ON (revision) revision, direction, applied_at AT TIME ZONE 'UTC', role,"
        f" digest FROM {table} ORDER BY revision, applied_at DESC"
    ).fetchall()
    return {row[0]: Entry(*row) for row in rows}


class Recorder:
    """Alembic's `on_version_apply`: writes the ledger for revisions that Alembic runs.

    `digest_of(revision, is_upgrade)` knows the committed SQL, where there is any.
    """

    def __init__(self, digest_of: Callable[[str, bool], str | None]) -> None:
        """Begin; the first revision's time counts from here."""
        self._digest_of = digest_of
        self._since = time.monotonic()

    def __call__(self, ctx: Any, step: Any, heads: Any, run_args: Any) -> None:
        """Record a step; a stamp ran nothing."""
        if step.is_stamp or ctx.as_sql:
            return
        now, since = time.monotonic(), self._since
        table = alembic_table(ctx)
        digest = self._digest_of(step.up_revision_id, step.is_upgrade)
        execute = ctx.connection.exec_driver_sql
        ensure(execute, table)
        execute(
            entry_sql(table, step.up_revision_id, digest, now - since, is_upgrade=step.is_upgrade)
        )
        self._since = now


def alembic_table(context: Any) -> str:
    """Return the ledger's name by Alembic's context, schema and all."""
    quote = context.dialect.identifier_preparer.quote
    schema = context.version_table_schema
    return f"{quote(schema)}.{TABLE}" if schema else TABLE


def _direction(is_upgrade: bool) -> str:
    return "upgrade" if is_upgrade else "downgrade"


def _or_null(text: str | None) -> str:
    return "NULL" if text is None else literal(text)
