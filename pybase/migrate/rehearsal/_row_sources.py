"""Relations that a statement names, resolved from its text."""

from typing import Any

from pybase.migrate.catalog import State
from pybase.migrate.sql.grammar import WRITES, parsed


def find_relation(state: State, name: Any) -> int | None:
    """Return the oid of the relation that a RangeVar names, on the search path or in a schema."""
    schemas = (name.schemaname,) if name.schemaname else state.search_path
    items = state.relations.items()
    found = {item.schema: oid for oid, item in items if item.name == name.relname}
    return next((found[schema] for schema in schemas if schema in found), None)


def target_table(sql: str, state: State) -> int | None:
    """Return the table that an INSERT, UPDATE, DELETE or MERGE writes to."""
    tree = parsed(sql)
    return find_relation(state, tree.relation) if isinstance(tree, WRITES) else None
