"""What a check before a run looks at, and what it may find."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import psycopg

from pybase.migrate.database._connect import Database
from pybase.migrate.sql._names import plain
from pybase.migrate.sqlfiles._committed import version_table
from pybase.migrate.sqlfiles._headers import Header, Table


class Colour(Enum):
    """Red stops the run, yellow does not."""

    RED = "red"
    YELLOW = "yellow"


@dataclass(frozen=True)
class Concern:
    """What a check has found: one sentence, and the one that tells what to do."""

    check: str
    colour: Colour
    problem: str
    hint: str
    is_about_server: bool = False
    """Whether the server refuses, or would, rather than something of ours being wrong."""


@dataclass(frozen=True)
class Situation:
    """All that the checks look at, over a connection in autocommit.

    `path` are the headers of what is to run, in order. `told` is what the history has to say:
    that it has two heads, or does not know where the database is.
    """

    connection: psycopg.Connection[Any]
    database: Database
    path: Sequence[Header]
    told: Sequence[Concern] = ()

    @property
    def version_table(self) -> str:
        """Alembic's, named as people do: without its schema where that is public."""
        found = version_table(self.path[-1].sql) if self.path else None
        return plain(found or "alembic_version")

    @property
    def tables(self) -> dict[str, Table]:
        """What is touched, by name, with the strongest lock."""
        found: dict[str, Table] = {}
        for table in (each for header in self.path for each in header.tables):
            if table.relation not in found or table.lock > found[table.relation].lock:
                found[table.relation] = table
        return found

    def row(self, query: str) -> tuple[Any, ...]:
        """Return the one row of a query."""
        row: tuple[Any, ...] | None = self.connection.execute(query.encode()).fetchone()
        assert row is not None
        return row
