"""Content of a database: its objects by identity, its relations by oid, and their differences.

`snapshot` reads every object that a revision can create, and gives each a readable identity and
PostgreSQL's own definition: models equal revisions, a downgrade restores the schema, committed SQL
equals the online run, and what a revision changed are comparisons of snapshots. `read_state` reads
the relations, types and functions by oid, which a rehearsal follows through a transaction, and from
which the entities of a diagram are derived. This package knows no model and no revision, and never
writes to a database.

Left out, because no comparison of schemas should depend on it: the order of columns, the names of
NOT NULL constraints (PostgreSQL 16 has none), the version of an extension, the current value of a
sequence, and whatever belongs to an extension, to the system or to one session. `_kinds._coverage`
lists all catalogs of PostgreSQL, with what is compared of each, or why nothing is.
"""

from pybase.migrate.catalog._access import Access as Access
from pybase.migrate.catalog._access import ObjectKey as ObjectKey
from pybase.migrate.catalog._access import Policy as Policy
from pybase.migrate.catalog._access import Privilege as Privilege
from pybase.migrate.catalog._access import Protected as Protected
from pybase.migrate.catalog._access import read_access as read_access
from pybase.migrate.catalog._definitions import CatalogObject as CatalogObject
from pybase.migrate.catalog._definitions import read_objects as read_objects
from pybase.migrate.catalog._dependencies import read_dependencies as read_dependencies
from pybase.migrate.catalog._difference import Change as Change
from pybase.migrate.catalog._difference import Snapshot as Snapshot
from pybase.migrate.catalog._difference import describe as describe
from pybase.migrate.catalog._difference import difference as difference
from pybase.migrate.catalog._difference import snapshot as snapshot
from pybase.migrate.catalog._difference import snapshot_of as snapshot_of
from pybase.migrate.catalog._entities import Entity as Entity
from pybase.migrate.catalog._entities import EntityColumn as EntityColumn
from pybase.migrate.catalog._entities import ForeignKey as ForeignKey
from pybase.migrate.catalog._entities import read_entities as read_entities
from pybase.migrate.catalog._model import FIRST_USER_OID as FIRST_USER_OID
from pybase.migrate.catalog._model import Column as Column
from pybase.migrate.catalog._model import Constraint as Constraint
from pybase.migrate.catalog._model import Function as Function
from pybase.migrate.catalog._model import Index as Index
from pybase.migrate.catalog._model import Relation as Relation
from pybase.migrate.catalog._model import State as State
from pybase.migrate.catalog._reader import prepare_reread as prepare_reread
from pybase.migrate.catalog._reader import read_column_uses as read_column_uses
from pybase.migrate.catalog._reader import read_state as read_state
from pybase.migrate.catalog._reader import reread_state as reread_state
from pybase.migrate.catalog._schema_files import file_changes as file_changes
from pybase.migrate.catalog._schema_files import render_schema as render_schema
from pybase.migrate.catalog._session import fixed_settings as fixed_settings
