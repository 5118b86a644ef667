"""What a rehearsal observed of a revision, as data: what the record holds of it."""

from msgspec import Struct

from pybase.migrate.record._hazards import Finding
from pybase.migrate.record._script import Directions
from pybase.migrate.sql import LOCKS, RANKS, QualifiedName


class TableEffect(Struct, frozen=True):
    """What one direction did to one table that existed before the revision.

    `lock` is the strongest mode that was held, by PostgreSQL's name: ACCESS EXCLUSIVE.
    """

    table: QualifiedName
    lock: str
    is_rewritten: bool = False
    is_scanned: bool = False
    is_changed: bool = False

    @property
    def rank(self) -> int:
        """The lock's place in `LOCKS`, the weakest first."""
        return RANKS[self.lock]

    @property
    def blocks(self) -> str:
        """Which sessions wait for the lock."""
        return LOCKS[self.rank][1]


class TableColumn(Struct, frozen=True, order=True):
    """A table, or one of its columns."""

    table: QualifiedName
    column: str = ""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return f"{self.table.label}.{self.column}" if self.column else self.table.label


class Effects(Struct, frozen=True):
    """What one direction of one revision was observed to do.

    `losses` are tables and columns that are dropped, `created` those that are new afterwards,
    `unfilled` the tables that it read or changed without a sample row in them. Without
    `is_rehearsed` nothing is known but the findings.
    """

    tables: tuple[TableEffect, ...] = ()
    losses: tuple[TableColumn, ...] = ()
    created: tuple[TableColumn, ...] = ()
    findings: tuple[Finding, ...] = ()
    unfilled: tuple[QualifiedName, ...] = ()
    is_rehearsed: bool = False


class FileChange(Struct, frozen=True):
    """What changes in one file of the schema.

    `name` is the table as its file writes it, or the object; `columns` those of its columns that
    are new or changed; `diff` the lines of a unified diff, without the names of the files.
    """

    name: str
    columns: tuple[str, ...]
    diff: str


class RevisionReport(Struct, frozen=True):
    """Both directions of a revision.

    `leads_on` is false where it, or one before it, failed; `schema` is what its upgrade changes
    in the files of the schema.
    """

    effects: Directions[Effects] = Directions(Effects(), Effects())
    leads_on: bool = True
    schema: tuple[FileChange, ...] = ()
