"""Content of a database: its objects by identity, its relations by oid, and their differences.

`snapshot` reads every object that a revision can create, and gives each a readable identity and
PostgreSQL's own definition: models equal revisions, a downgrade restores the schema, committed SQL
equals the online run, and what a revision changed are comparisons of snapshots. `read_state` reads
the relations, types and functions by oid, which a rehearsal follows through a transaction, and from
which the entities of a diagram are derived. This package knows no model and no revision, and never
writes to a database.

Left out, because no comparison of schemas should depend on it: the order of columns, the names of
NOT NULL constraints (PostgreSQL 16 has none), the version of an extension, the current value of a
sequence, and whatever belongs to an extension, to the system, to the cluster (roles, tablespaces,
databases and their settings) or to one session. User mappings, subscriptions and security labels
too.
"""

from pybase.migrate.catalog._definitions import CatalogObject, read_objects
from pybase.migrate.catalog._difference import (
    Change,
    Snapshot,
    describe,
    difference,
    snapshot,
    snapshot_of,
)
from pybase.migrate.catalog._entities import Entity, EntityColumn, ForeignKey, read_entities
from pybase.migrate.catalog._model import (
    FIRST_USER_OID,
    Column,
    Constraint,
    Relation,
    State,
)
from pybase.migrate.catalog._reader import (
    prepare_reread,
    read_column_uses,
    read_state,
    reread_state,
)
from pybase.migrate.catalog._schema_files import file_changes, render_schema
from pybase.migrate.catalog._session import fixed_settings

__all__ = [
    "FIRST_USER_OID",
    "CatalogObject",
    "Change",
    "Column",
    "Constraint",
    "Entity",
    "EntityColumn",
    "ForeignKey",
    "Relation",
    "Snapshot",
    "State",
    "describe",
    "difference",
    "file_changes",
    "fixed_settings",
    "prepare_reread",
    "read_column_uses",
    "read_entities",
    "read_objects",
    "read_state",
    "render_schema",
    "reread_state",
    "snapshot",
    "snapshot_of",
]
