"""Dependencies of the objects of a database on each other, as `pg_depend` records them."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import psycopg

from pybase.migrate.catalog._definitions import CatalogObject
from pybase.migrate.catalog._kinds import OBJECTS
from pybase.migrate.catalog._session import cursor

_CATALOG_OF = {kind: name for name, kinds in OBJECTS.items() for kind in kinds}


def read_dependencies(
    connection: psycopg.Connection[Any], objects: Collection[CatalogObject]
) -> dict[str, frozenset[str]]:
    """Read on which other objects each object depends, by identity.

    What belongs to a table depends on it. Raises psycopg.Error.
    """
    identities = dict(_places(objects))
    needs: dict[str, set[str]] = defaultdict(set)
    for item in objects:
        owner = identities.get(("pg_class", item.table_oid, 0))
        if owner and owner != item.identity and item.about == item.identity:
            needs[item.identity].add(owner)
        elif item.about != item.identity:
            needs[item.identity].add(item.about)
    for row in cursor(connection).execute(_QUERY.encode()):
        # a column of a view has no identity of its own
        one, other = (
            identities.get(place) or identities.get((*place[:2], 0)) for place in (row[:3], row[3:])
        )
        if one and other and one != other:
            needs[one].add(other)
    return {identity: frozenset(others) for identity, others in needs.items()}


def _places(objects: Collection[CatalogObject]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for item in objects:
        if item.kind == "column":
            yield ("pg_class", item.oid, item.position), item.identity
        elif item.kind in _CATALOG_OF:
            yield (_CATALOG_OF[item.kind], item.oid, 0), item.identity


# What PostgreSQL has an entry of its own for, and the catalog reports as a part of something else:
# the rule of a view, a default, an array, the row type of a table, the index of a key.
_QUERY = """
WITH part (class, oid, other_class, other, number) AS MATERIALIZED (
    SELECT 'pg_rewrite'::regclass, oid, 'pg_class'::regclass, ev_class, 0 FROM pg_rewrite
    WHERE rulename = '_RETURN' AND oid >= 16384
    UNION ALL
    SELECT 'pg_attrdef'::regclass, oid, 'pg_class'::regclass, adrelid, adnum FROM pg_attrdef
    UNION ALL
    SELECT 'pg_type'::regclass, typarray, 'pg_type'::regclass, oid, 0 FROM pg_type
    WHERE typarray <> 0 AND oid >= 16384
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, 'pg_class'::regclass, c.oid, 0
    FROM pg_type AS t JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.oid >= 16384 AND c.relkind <> 'c'
    UNION ALL
    SELECT 'pg_class'::regclass, conindid, 'pg_constraint'::regclass, oid, 0 FROM pg_constraint
    WHERE contype IN ('p', 'u', 'x')
)
SELECT coalesce(p.other_class, d.classid::regclass)::text, coalesce(p.other, d.objid)::bigint,
    coalesce(p.number, d.objsubid), coalesce(r.other_class, d.refclassid::regclass)::text,
    coalesce(r.other, d.refobjid)::bigint, coalesce(r.number, d.refobjsubid)
FROM pg_depend AS d
LEFT JOIN part AS p ON (p.class, p.oid) = (d.classid, d.objid)
LEFT JOIN part AS r ON (r.class, r.oid) = (d.refclassid, d.refobjid)
WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype <> 'e'
"""
