"""What a rehearsal observed of a revision, as data: what the record holds of it."""

from enum import StrEnum

from msgspec import Struct

from pybase.migrate.record._finding import Finding
from pybase.migrate.record._script import Directions
from pybase.migrate.sql import LOCKS, RANKS, QualifiedName
from pybase.migrate.sql.lock_modes import SHARE


class TableEffect(Struct, frozen=True):
    """What one direction did to one table that existed before the revision.

    `lock` is the strongest mode that was held, by PostgreSQL's name: ACCESS EXCLUSIVE.
    `held_for` are tables that a later statement read while the lock of an earlier one was held.
    """

    table: QualifiedName
    lock: str
    is_rewritten: bool = False
    is_scanned: bool = False
    is_changed: bool = False
    held_for: tuple[QualifiedName, ...] = ()

    @property
    def rank(self) -> int:
        """The lock's place in `LOCKS`, the weakest first."""
        return RANKS[self.lock]

    @property
    def blocks(self) -> str:
        """Which sessions wait for the lock."""
        return LOCKS[self.rank][1]

    @property
    def done(self) -> tuple[str, ...]:
        """What is done to the rows, in a few words each; nothing for a weak lock."""
        words = (
            ("rewritten", self.is_rewritten),
            ("scanned", self.is_scanned and not self.is_rewritten),
            ("rows changed", self.is_changed),
        )
        done = [word for word, holds in words if holds]
        if self.held_for:
            tables = ", ".join(table.label for table in self.held_for)
            done.append(f"held while reading {tables}")
        return ("no rewrite, no scan",) if not done and self.rank >= SHARE else tuple(done)

    def merged(self, other: "TableEffect") -> "TableEffect":
        """Return what both did to the table: the stronger lock, and all that was done."""
        return TableEffect(
            self.table,
            max(self.lock, other.lock, key=RANKS.__getitem__),
            self.is_rewritten or other.is_rewritten,
            self.is_scanned or other.is_scanned,
            self.is_changed or other.is_changed,
            tuple(sorted({*self.held_for, *other.held_for})),
        )


class TableColumn(Struct, frozen=True, order=True):
    """A table, or one of its columns."""

    table: QualifiedName
    column: str = ""

    @property
    def label(self) -> str:
        """The name as people write it."""
        return f"{self.table.label}.{self.column}" if self.column else self.table.label


class LossKind(StrEnum):
    """How data are lost."""

    DROPPED = "dropped"
    """With their table or column."""
    CONDITIONAL = "conditional"
    """With their table or column, where it is there: the rehearsal had none."""
    EMPTIED = "emptied"
    """All rows of a table, by TRUNCATE."""
    EMPTIED_CASCADE = "emptied cascade"
    """The same, with all rows of the tables that refer to it."""
    DELETED = "deleted"
    """Rows, by DELETE or MERGE."""
    OVERWRITTEN = "overwritten"
    """Values of a column, by UPDATE, MERGE or ON CONFLICT."""
    CONVERTED = "converted"
    """Values of a column, by a type that cannot hold all of them."""
    ATTRIBUTE = "attribute"
    """Values of an attribute, in a column of a composite type that lacks it."""
    UNKNOWN = "unknown"
    """Whatever a statement finds on the database where it runs."""


class Loss(Struct, frozen=True, order=True):
    """Data that one direction may destroy, by the name at its start.

    `rows` limits it to some rows: what follows the name of the table in the FROM of a query.
    """

    table: QualifiedName
    column: str = ""
    kind: LossKind = LossKind.DROPPED
    rows: str = ""

    @property
    def place(self) -> TableColumn:
        """The table or column that holds the data."""
        return TableColumn(self.table, self.column)

    @property
    def label(self) -> str:
        """What is lost, in the words of a header: `cities.note`, `rows of cities`."""
        if self.kind is LossKind.UNKNOWN:
            return "what a statement finds where it runs"
        if self.kind is LossKind.DROPPED:
            return self.place.label
        if self.kind is LossKind.CONDITIONAL:
            return f"{self.place.label}, where it is there"
        return f"{'values' if self.column else 'rows'} of {self.place.label}"


class Rename(Struct, frozen=True, order=True):
    """A table or column, by its name before and after a revision."""

    before: TableColumn
    after: TableColumn


class ObjectKind(StrEnum):
    """The kinds of objects that are followed through a CASCADE."""

    SCHEMA = "schema"
    EXTENSION = "extension"
    RELATION = "relation"
    COLUMN = "column"
    CONSTRAINT = "constraint"
    TYPE = "type"
    FUNCTION = "function"


class DroppedObject(Struct, frozen=True, order=True):
    """An object that a revision with CASCADE dropped where it was rehearsed.

    `name` is that of the table for a column or a constraint, whose own name is `detail`; of a
    function that is its arguments.
    """

    kind: ObjectKind
    name: QualifiedName
    detail: str = ""


class Effects(Struct, frozen=True):
    """What one direction of one revision was observed to do.

    `losses` are the data that it may destroy, `created` the tables and columns that are new
    afterwards, `renamed` those that have another name, `cascade` all that was dropped if CASCADE
    was used, `unfilled` the tables that it read or changed without a sample row in them. Without
    `is_rehearsed` no statement was observed: of Python, only how the schema differs after it.
    """

    tables: tuple[TableEffect, ...] = ()
    losses: tuple[Loss, ...] = ()
    created: tuple[TableColumn, ...] = ()
    findings: tuple[Finding, ...] = ()
    unfilled: tuple[QualifiedName, ...] = ()
    is_rehearsed: bool = False
    renamed: tuple[Rename, ...] = ()
    cascade: tuple[DroppedObject, ...] = ()


class FileChange(Struct, frozen=True):
    """What changes in one file of the schema.

    `name` is the table as its file writes it, or the object; `columns` those of its columns that
    are new or changed; `diff` the lines of a unified diff, without the names of the files.
    """

    name: str
    columns: tuple[str, ...]
    diff: str


class VersionEffects(Struct, frozen=True):
    """Both directions of a revision on one major version of PostgreSQL."""

    version: int
    effects: Directions[Effects]


class RevisionReport(Struct, frozen=True):
    """Both directions of a revision.

    `leads_on` is false where it, or one before it, failed; `schema` is what its upgrade changes
    in the files of the schema. `versions` are the major versions of PostgreSQL on which it was
    rehearsed, `effects` the worst of them; `by_version` has those of each, where they differ.
    """

    effects: Directions[Effects] = Directions(Effects(), Effects())
    leads_on: bool = True
    schema: tuple[FileChange, ...] = ()
    versions: tuple[int, ...] = ()
    by_version: tuple[VersionEffects, ...] = ()
