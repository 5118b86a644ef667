"""What a rehearsal saw of a revision, as data: what flows from it to whoever tells a reviewer."""

from dataclasses import dataclass, field

from pybase.migrate.catalog._schema_files import FileChange
from pybase.migrate.rehearsal._hazards import Finding


@dataclass(frozen=True)
class Touch:
    """What one direction did to one table that was there before the revision.

    `lock` is a rank in `modes.MODES`, the strongest that was held.
    """

    relation: str
    lock: int
    is_rewritten: bool = False
    is_scanned: bool = False
    is_changed: bool = False


@dataclass(frozen=True)
class Report:
    """What one direction of one revision was seen to do.

    `losses` are the tables and columns that go, `unfilled` the tables that it touched without a
    sample row in them. A report that is not `is_rehearsed` has findings at most.
    """

    touches: tuple[Touch, ...] = ()
    losses: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    unfilled: tuple[str, ...] = ()
    is_rehearsed: bool = False


@dataclass(frozen=True)
class RevisionReport:
    """Both directions of a revision; it leads on unless it, or one before it, failed.

    `schema` is what its upgrade changes in the files of the schema.
    """

    upgrade: Report = field(default_factory=Report)
    downgrade: Report = field(default_factory=Report)
    leads_on: bool = True
    schema: tuple[FileChange, ...] = ()
