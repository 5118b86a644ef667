"""The record of a revision, as data that travels one way: Revision, Script, Effects, Record.

    revisions     Revision and its Script in both directions
    rehearsal     RevisionReport: the Effects of both
    sqlfiles      Record: all of it, written to and loaded from `sql/`

Names are structured values, never joined text. Nothing here reads a file or a database.
"""

from pybase.migrate.record._acceptance import acceptance_faults as acceptance_faults
from pybase.migrate.record._acceptance import acceptance_key as acceptance_key
from pybase.migrate.record._acceptance import reason_for as reason_for
from pybase.migrate.record._effects import DroppedObject as DroppedObject
from pybase.migrate.record._effects import Effects as Effects
from pybase.migrate.record._effects import FileChange as FileChange
from pybase.migrate.record._effects import Loss as Loss
from pybase.migrate.record._effects import LossKind as LossKind
from pybase.migrate.record._effects import ObjectKind as ObjectKind
from pybase.migrate.record._effects import Rename as Rename
from pybase.migrate.record._effects import RevisionReport as RevisionReport
from pybase.migrate.record._effects import TableColumn as TableColumn
from pybase.migrate.record._effects import TableEffect as TableEffect
from pybase.migrate.record._effects import VersionEffects as VersionEffects
from pybase.migrate.record._finding import HALF_DONE as HALF_DONE
from pybase.migrate.record._finding import RESUMED as RESUMED
from pybase.migrate.record._finding import Finding as Finding
from pybase.migrate.record._hazard import ERROR as ERROR
from pybase.migrate.record._hazard import WARNING as WARNING
from pybase.migrate.record._hazard import Hazard as Hazard
from pybase.migrate.record._hazards import HAZARDS as HAZARDS
from pybase.migrate.record._revision import Record as Record
from pybase.migrate.record._revision import Revision as Revision
from pybase.migrate.record._script import Block as Block
from pybase.migrate.record._script import Direction as Direction
from pybase.migrate.record._script import Directions as Directions
from pybase.migrate.record._script import Script as Script
from pybase.migrate.record._script import ScriptStatus as ScriptStatus
from pybase.migrate.record._script import Statement as Statement
from pybase.migrate.record._script import StatementKind as StatementKind
from pybase.migrate.record._script import sets_transaction as sets_transaction
from pybase.migrate.record._version_table import Graph as Graph
from pybase.migrate.record._version_table import VersionMove as VersionMove
from pybase.migrate.record._version_table import VersionTable as VersionTable
from pybase.migrate.record._version_table import ancestors as ancestors
from pybase.migrate.record._version_table import moved as moved
from pybase.migrate.record._version_table import version_moves as version_moves
from pybase.migrate.record._versions import combined as combined
from pybase.migrate.record._versions import differences as differences
