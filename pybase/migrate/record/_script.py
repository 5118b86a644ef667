"""A script: the statements of one direction of one revision, and how they are run."""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cached_property
from itertools import groupby
from operator import attrgetter
from typing import Generic, TypeVar

from msgspec import Struct

READ_ONLY = "SET default_transaction_read_only = on;"
"""What keeps psql from going on with the statements of a file after its check has failed."""

_SET_TRANSACTION = re.compile(r"\s*SET\s+TRANSACTION\b", re.IGNORECASE)

T_co = TypeVar("T_co", covariant=True)


class Direction(Enum):
    """Which way a revision is run."""

    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"

    @property
    def is_upgrade(self) -> bool:
        """Whether it leads away from base."""
        return self is Direction.UPGRADE


class Directions(Struct, Generic[T_co], frozen=True):
    """One value for each direction: `record[direction]`."""

    upgrade: T_co
    downgrade: T_co

    def __getitem__(self, direction: Direction) -> T_co:
        return self.upgrade if direction.is_upgrade else self.downgrade

    def __iter__(self) -> Iterator[tuple[Direction, T_co]]:
        yield Direction.UPGRADE, self.upgrade
        yield Direction.DOWNGRADE, self.downgrade


class StatementKind(Enum):
    """What a statement is there for."""

    OWN = "own"
    """The revision's own."""
    SETUP = "setup"
    """Creates the version table and the ledger where they are missing."""
    VERSION = "version"
    """Moves a row of the version table."""
    HOOK = "hook"
    """From the project's `on_version_apply`."""
    LEDGER = "ledger"
    """Writes the revision into the ledger, for those who run the file with psql."""


class ScriptStatus(Enum):
    """Whether a direction has SQL."""

    SQL = "sql"
    PYTHON = "python"
    """It cannot be rendered: only Alembic can run it."""
    MISSING = "missing"
    """The function is not defined, or raises NotImplementedError without a reason."""
    IRREVERSIBLE = "irreversible"
    """The downgrade refuses to run, in its author's words."""


class Statement(Struct, frozen=True):
    """One statement without a terminator.

    Statements of one `transaction` number run in one transaction; None is outside of any.
    """

    sql: str
    transaction: int | None
    kind: StatementKind = StatementKind.OWN


def sets_transaction(statement: str) -> bool:
    """Whether it must precede every query of its transaction."""
    return bool(_SET_TRANSACTION.match(statement))


class Block(Struct, frozen=True):
    """Statements that run in one transaction, or each on its own (an autocommit block)."""

    parts: tuple[Statement, ...]
    transactional: bool

    @property
    def statements(self) -> tuple[str, ...]:
        """The texts, in order."""
        return tuple(statement.sql for statement in self.parts)

    @property
    def is_bookkeeping(self) -> bool:
        """Whether it holds no statement of the revision's own."""
        return all(statement.kind is not StatementKind.OWN for statement in self.parts)


class Script(Struct, frozen=True, dict=True):
    """One direction of one revision.

    `reason` explains a status other than SQL; the statements then only move the version, and
    must not be run by themselves. `digest` identifies the revision's own statements, without
    layout and comments; it is empty where there are none. `check` is what its SQL file has for
    psql before the first statement: it fails unless the database is where the file begins.
    `is_of_scratch` where they were sent to a scratch database, whose schema the revision had read.
    """

    statements: tuple[Statement, ...] = ()
    status: ScriptStatus = ScriptStatus.SQL
    reason: str = ""
    digest: str = ""
    check: str = ""
    is_of_scratch: bool = False

    @property
    def has_sql(self) -> bool:
        """Whether its statements are all that it does."""
        return self.status is ScriptStatus.SQL

    @property
    def needs_python(self) -> bool:
        """Whether only Alembic can run it."""
        return self.status in (ScriptStatus.PYTHON, ScriptStatus.MISSING)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The statements by transaction."""
        return tuple(
            Block(tuple(group), transaction is not None)
            for transaction, group in groupby(self.statements, attrgetter("transaction"))
        )

    @property
    def is_transactional(self) -> bool:
        """Whether all of it is one transaction."""
        return all(statement.transaction is not None for statement in self.statements)

    @property
    def has_check_inside(self) -> bool:
        """Whether its check is in the transaction of its statements."""
        return bool(self.check) and not self.check.startswith(READ_ONLY)

    @property
    def texts(self) -> tuple[str, ...]:
        """All statements as text, in order, the bookkeeping too."""
        return tuple(statement.sql for statement in self.statements)

    @property
    def own_blocks(self) -> tuple[Block, ...]:
        """The blocks that hold a statement of the revision's own."""
        return tuple(block for block in self.blocks if not block.is_bookkeeping)

    @property
    def bookkeeping(self) -> frozenset[str]:
        """The texts that are not the revision's own."""
        return frozenset(s.sql for s in self.statements if s.kind is not StatementKind.OWN)

    @property
    def shape(self) -> str:
        """How it runs, in the words of a header."""
        if self.status is ScriptStatus.IRREVERSIBLE:
            return "cannot be undone"
        if not self.has_sql:
            return "cannot be rendered"
        if self.is_transactional:
            return "one transaction"
        if not any(block.transactional for block in self.own_blocks):
            return "no transaction"
        return "partly outside a transaction"

    @property
    def summary(self) -> str:
        """How it runs, and whether it was sent to a database, in the words of a header."""
        return f"{self.shape}; rendered on a scratch database" if self.is_of_scratch else self.shape
