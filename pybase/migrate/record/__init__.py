"""The record of a revision, as data that travels one way: Revision, Script, Effects, Record.

    revisions     Revision and its Script in both directions
    rehearsal     RevisionReport: the Effects of both
    sqlfiles      Record: all of it, written to and loaded from `sql/`

Names are structured values, never joined text. Nothing here reads a file or a database.
"""

from pybase.migrate.record._acceptance import acceptance_faults, acceptance_key, reason_for
from pybase.migrate.record._effects import (
    DroppedObject,
    Effects,
    FileChange,
    Loss,
    LossKind,
    ObjectKind,
    Rename,
    RevisionReport,
    TableColumn,
    TableEffect,
)
from pybase.migrate.record._hazards import (
    ERROR,
    HAZARDS,
    WARNING,
    Finding,
    Hazard,
)
from pybase.migrate.record._revision import Record, Revision
from pybase.migrate.record._script import (
    Block,
    Direction,
    Directions,
    Script,
    ScriptStatus,
    Statement,
    StatementKind,
)
from pybase.migrate.record._version_table import (
    Graph,
    VersionMove,
    VersionTable,
    ancestors,
    moved,
    version_moves,
)

__all__ = [
    "ERROR",
    "HAZARDS",
    "WARNING",
    "Block",
    "Direction",
    "Directions",
    "DroppedObject",
    "Effects",
    "FileChange",
    "Finding",
    "Graph",
    "Hazard",
    "Loss",
    "LossKind",
    "ObjectKind",
    "Record",
    "Rename",
    "Revision",
    "RevisionReport",
    "Script",
    "ScriptStatus",
    "Statement",
    "StatementKind",
    "TableColumn",
    "TableEffect",
    "VersionMove",
    "VersionTable",
    "acceptance_faults",
    "acceptance_key",
    "ancestors",
    "moved",
    "reason_for",
    "version_moves",
]
