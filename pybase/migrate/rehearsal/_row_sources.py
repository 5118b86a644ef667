"""Relations that a statement names, resolved from its text."""

from typing import Any

from pybase.migrate.catalog import State
from pybase.migrate.sql.grammar import WRITES, parsed


def find_relation(state: State, name: Any) -> int | None:
    """Return the oid of the relation that a RangeVar names, in public if it names no schema."""
    path = (name.schemaname or "public", name.relname)
    relations = state.relations.items()
    return next((oid for oid, item in relations if (item.schema, item.name) == path), None)


def target_table(sql: str, state: State) -> int | None:
    """Return the table that an INSERT, UPDATE, DELETE or MERGE writes to."""
    tree = parsed(sql)
    return find_relation(state, tree.relation) if isinstance(tree, WRITES) else None
