"""Objects that CASCADE would take along on this database, and that no revision created.

Read from pg_depend before anything is dropped, as the server itself follows it.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
from msgspec import Struct

from pybase.migrate.deploy._losses._names import Names
from pybase.migrate.record import DroppedObject, ObjectKind, TableColumn
from pybase.migrate.sql import QualifiedName


class Dependent(Struct, frozen=True):
    """An object that is dropped with others; `place` is its table or column, if it holds rows."""

    description: str
    place: TableColumn | None


def find_dependents(
    connection: psycopg.Connection[Any], dropped: tuple[DroppedObject, ...], names: Names
) -> Iterator[Dependent]:
    """Yield the objects that are dropped with those that a revision is known to drop."""
    known = [present for item in dropped if (present := _present(item, names)) is not None]
    arrays = [
        [item.kind.value for item in known],
        [item.name.schema for item in known],
        [item.name.name for item in known],
        [item.detail for item in known],
    ]
    for holds_rows, schema, name, column, description in connection.execute(_DEPENDENTS, arrays):
        place = TableColumn(QualifiedName(schema, name), column) if holds_rows else None
        yield Dependent(description, place)


def _present(item: DroppedObject, names: Names) -> DroppedObject | None:
    """Return an object by its present name; None where an earlier step creates it."""
    if item.kind not in (ObjectKind.RELATION, ObjectKind.COLUMN, ObjectKind.CONSTRAINT):
        return item
    is_column = item.kind is ObjectKind.COLUMN
    place = names.origin(TableColumn(item.name, item.detail if is_column else ""))
    if place is None:
        return None
    return DroppedObject(item.kind, place.table, place.column if is_column else item.detail)


_DEPENDENTS = """
WITH RECURSIVE dropped AS (
    SELECT d.*, n.oid AS schema_oid
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS d (kind, schema, name, detail)
    LEFT JOIN pg_namespace AS n ON n.nspname = d.schema
        OR (d.schema = 'public' AND n.nspname = ANY (current_schemas(false)))
), roots (classid, objid, objsubid) AS (
    SELECT 'pg_namespace'::regclass::oid, n.oid, 0
    FROM dropped AS d JOIN pg_namespace AS n ON n.nspname = d.name WHERE d.kind = 'schema'
    UNION
    SELECT 'pg_extension'::regclass::oid, e.oid, 0
    FROM dropped AS d JOIN pg_extension AS e ON e.extname = d.name WHERE d.kind = 'extension'
    UNION
    SELECT 'pg_class'::regclass::oid, c.oid, 0
    FROM dropped AS d JOIN pg_class AS c ON (c.relnamespace, c.relname) = (d.schema_oid, d.name)
    WHERE d.kind = 'relation'
    UNION
    SELECT 'pg_class'::regclass::oid, c.oid, a.attnum
    FROM dropped AS d JOIN pg_class AS c ON (c.relnamespace, c.relname) = (d.schema_oid, d.name)
    JOIN pg_attribute AS a ON (a.attrelid, a.attname) = (c.oid, d.detail)
    WHERE d.kind = 'column' AND NOT a.attisdropped
    UNION
    SELECT 'pg_constraint'::regclass::oid, k.oid, 0
    FROM dropped AS d JOIN pg_class AS c ON (c.relnamespace, c.relname) = (d.schema_oid, d.name)
    JOIN pg_constraint AS k ON (k.conrelid, k.conname) = (c.oid, d.detail)
    WHERE d.kind = 'constraint'
    UNION
    SELECT 'pg_type'::regclass::oid, t.oid, 0
    FROM dropped AS d JOIN pg_type AS t ON (t.typnamespace, t.typname) = (d.schema_oid, d.name)
    WHERE d.kind = 'type'
    UNION
    SELECT 'pg_proc'::regclass::oid, p.oid, 0
    FROM dropped AS d JOIN pg_proc AS p ON (p.pronamespace, p.proname) = (d.schema_oid, d.name)
    WHERE d.kind = 'function' AND pg_get_function_identity_arguments(p.oid) = d.detail
), tree (classid, objid, objsubid, via) AS (
    SELECT classid, objid, objsubid, 'root' FROM roots
    UNION
    SELECT step.* FROM tree CROSS JOIN LATERAL (
        SELECT d.classid, d.objid, d.objsubid, CASE d.deptype WHEN 'n' THEN 'n' ELSE 'part' END
        FROM pg_depend AS d
        WHERE d.refclassid = tree.classid AND d.refobjid = tree.objid
        AND (tree.objsubid = 0 OR d.refobjsubid = tree.objsubid)
        AND d.deptype IN ('n', 'a', 'i', 'P', 'S', 'e', 'x')
        UNION ALL  -- a part whose object is dropped too: the rule of a view, a generated value
        SELECT d.refclassid, d.refobjid, d.refobjsubid, 'n' FROM pg_depend AS d
        WHERE tree.via = 'n' AND d.deptype = 'i'
        AND d.classid = tree.classid AND d.objid = tree.objid
    ) AS step
)
SELECT DISTINCT
    c.relkind IS NOT NULL AND (c.relkind IN ('r', 'p', 'm', 'f')),
    n.nspname, c.relname, coalesce(a.attname, ''),
    pg_describe_object(tree.classid, tree.objid, tree.objsubid)
FROM tree
LEFT JOIN pg_class AS c ON tree.classid = 'pg_class'::regclass AND c.oid = tree.objid
LEFT JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute AS a
    ON tree.objsubid > 0 AND a.attrelid = c.oid AND a.attnum = tree.objsubid
LEFT JOIN pg_constraint AS k ON tree.classid = 'pg_constraint'::regclass AND k.oid = tree.objid
WHERE tree.via = 'n'
AND (c.relkind IN ('r', 'p', 'm', 'f', 'v') OR k.conrelid > 0
     OR tree.classid = 'pg_proc'::regclass)
AND NOT EXISTS (
    SELECT FROM tree AS other
    WHERE (other.classid, other.objid) = (tree.classid, tree.objid)
    AND other.objsubid IN (0, tree.objsubid) AND other.via <> 'n'
)
ORDER BY 5
"""
