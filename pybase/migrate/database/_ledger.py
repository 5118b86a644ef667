"""The ledger: what ran on a database, in which direction, when, by whom, how long, from which SQL.

The table `migration_ledger` is in the schema of Alembic's version table and is written in the
same transaction as that.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from pybase.core.errors import CheckFailedError, DatabaseError
from pybase.migrate.record import Direction, VersionTable
from pybase.migrate.sql import literal

TABLE = "migration_ledger"

STAMP = "stamp"
"""The direction of a revision that was set, and not run."""

Execute: TypeAlias = Callable[[str], Any]
"""Runs a statement without parameters and returns a cursor, of psycopg or SQLAlchemy."""


class LedgerEntry(Struct, frozen=True):
    """The last run of a revision on a database."""

    revision: str
    direction: str
    applied_at: datetime
    role: str
    digest: str | None

    def __str__(self) -> str:
        """When, to the minute, and by whom."""
        return f"{self.applied_at:%Y-%m-%d %H:%M} UTC by {self.role}"


class Ledger(Struct, frozen=True):
    """The ledger that belongs to a version table."""

    version_table: VersionTable

    name = TABLE

    @property
    def quoted(self) -> str:
        """The name for SQL text."""
        return replace(self.version_table, name=TABLE).quoted

    @property
    def create_sql(self) -> str:
        """The statement that creates the table where it is missing."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quoted} (\n"
            "    revision TEXT NOT NULL,\n"
            "    direction TEXT NOT NULL,\n"
            "    applied_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,\n"
            "    role TEXT DEFAULT current_user NOT NULL,\n"
            "    duration INTERVAL,\n"
            "    digest TEXT\n"
            ")"
        )

    def file_sql(self, revision: str, direction: Direction, digest: str | None) -> str:
        """Return the statement of a SQL file. A database without a ledger is left without one."""
        dollars = "$ledger$" if "$$" in revision else "$$"
        return (
            f"DO {dollars} BEGIN\n"
            f"    INSERT INTO {self.quoted} (revision, direction, digest)\n"
            f"    VALUES ({literal(revision)}, '{direction.value}', {_or_null(digest)});\n"
            "EXCEPTION WHEN undefined_table THEN NULL;\n"
            f"END {dollars}"
        )

    def entry_sql(
        self,
        revision: str,
        direction: Direction,
        digest: str | None,
        seconds: float,
        *,
        moves: Sequence[str] = (),
    ) -> str:
        """Return the statement that records a run, for the same transaction.

        The server adds to `seconds` the time of the message that holds this statement. With
        `moves`, which each move one row of the version table, it does both, and the table refuses
        it (a revision is never null) where a row to move was not there.
        """
        entry = f"INSERT INTO {self.quoted} (revision, direction, duration, digest)\n"
        rest = (
            f"'{direction.value}',"
            f" make_interval(secs => {seconds:.3f}) + (clock_timestamp() - statement_timestamp()),"
            f" {_or_null(digest)}"
        )
        if not moves:
            return f"{entry}VALUES ({literal(revision)}, {rest})"
        parts = [f"m{i} AS (\n{move}\nRETURNING 1\n)" for i, move in enumerate(moves)]
        moved = ", ".join(f"m{i}" for i in range(len(moves)))
        checked = f"(SELECT {literal(revision)} FROM {moved})"  # null unless each moved its row
        return f"WITH {', '.join(parts)}\n{entry}SELECT {checked}, {rest}"

    def stamp_sql(self, revision: str) -> str:
        """Return the statement that records a stamp, which ran nothing."""
        values = f"VALUES ({literal(revision)}, '{STAMP}')"
        return f"INSERT INTO {self.quoted} (revision, direction)\n{values}"

    def ensure(self, execute: Execute) -> None:
        """Create the table where it is missing, in the transaction that `execute` is in."""
        if execute(f"SELECT to_regclass({literal(self.quoted)})").fetchone()[0] is None:
            execute(self.create_sql)

    def entries(self, execute: Execute) -> dict[str, LedgerEntry]:
        """Return the last entry of each revision; none without a ledger.

        Raises DatabaseError where the role may not read it.
        """
        (readable,) = execute(
            f"SELECT has_table_privilege(to_regclass({literal(self.quoted)}), 'SELECT')"
        ).fetchone()
        if readable is None:
            return {}
        if not readable:
            (role,) = execute("SELECT quote_ident(current_user)").fetchone()
            raise LedgerUnreadableError(
                f"The role {role} may not read {self.quoted}, which has what was applied.",
                f"Let the owner of the table run: GRANT SELECT ON {self.quoted} TO {role};",
                code="ledger-unreadable",
            )
        rows = execute(
            "SELECT DISTINCT ON (revision) revision, direction, applied_at AT TIME ZONE 'UTC',"
            f" role, digest FROM {self.quoted} ORDER BY revision, applied_at DESC"
        ).fetchall()
        return {row[0]: LedgerEntry(*row) for row in rows}

    def readable_entries(self, execute: Execute) -> dict[str, LedgerEntry]:
        """Return the entries where they are only shown; none without a right to read them."""
        try:
            return self.entries(execute)
        except LedgerUnreadableError:
            return {}


class LedgerUnreadableError(DatabaseError):
    """What was applied cannot be looked at."""


def read_heads(
    connection: psycopg.Connection[Any], version_table: VersionTable, known: Collection[str]
) -> tuple[str, ...]:
    """Return the revisions that a database is at; none where it has no version table.

    Raises CheckFailedError where the ledger has applied some of the `known` ones nevertheless (it
    may have those of another history too), DatabaseError where the role may not read it.
    """
    row = connection.execute("SELECT to_regclass(%s) IS NULL", [version_table.quoted]).fetchone()
    if row == (True,):
        entries = Ledger(version_table).entries(lambda query: connection.execute(query.encode()))
        applied = (e for e in entries.values() if e.direction == Direction.UPGRADE.value)
        if any(entry.revision in known for entry in applied):
            raise CheckFailedError(
                f"The database has no version table {version_table.quoted}, but {TABLE} has "
                "applied revisions.",
                "If env.py configures another version table, run: nox -s sql. Otherwise create "
                "the table again: nox -s stamp -- REVISION",
                code="version-table-missing",
            )
        return ()
    query = f"SELECT version_num FROM {version_table.quoted}"
    return tuple(version for (version,) in connection.execute(query.encode()))


def _or_null(text: str | None) -> str:
    return "NULL" if text is None else literal(text)
