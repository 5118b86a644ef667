"""Tables and columns of the database, found by the names of a record in the session that runs."""

from collections.abc import Collection
from typing import Any

import psycopg
from msgspec import Struct
from psycopg import sql

from pybase.migrate.database import RECORDED_TABLES
from pybase.migrate.record import TableColumn
from pybase.migrate.sql import QualifiedName

_LOCKABLE = "rp"


class Target(Struct, frozen=True):
    """A table that a name may mean, with its partitions and the tables that inherit from it.

    `number` is that of the column, 0 for the table itself, and None for a column that it has not.
    `rows` is an estimate, None where there is none; `pages` the size that the catalog holds.
    """

    oid: int
    name: QualifiedName
    kind: str
    number: int | None
    family: frozenset[int]
    has_foreign: bool
    is_populated: bool
    """False for a materialized view that was never filled: the server refuses to read it."""
    rows: float | None
    pages: int

    @property
    def identifier(self) -> sql.Identifier:
        """Its name for a query."""
        return sql.Identifier(self.name.schema, self.name.name)

    @property
    def is_lockable(self) -> bool:
        """Whether LOCK TABLE accepts it."""
        return self.kind in _LOCKABLE and not self.has_foreign


def find_targets(
    connection: psycopg.Connection[Any], places: Collection[TableColumn]
) -> dict[TableColumn, tuple[Target, ...]]:
    """Return what each table or column of a record may mean here; nothing for a missing table.

    A record's `public` is what an unqualified name resolved to on the scratch server: here the
    search path decides, so a name may mean two tables. Raises psycopg.Error.
    """
    found: dict[TableColumn, list[Target]] = {}
    if not places:
        return {}
    columns = [
        [place.table.schema for place in places],
        [place.table.name for place in places],
        [place.column for place in places],
    ]
    for row in connection.execute(_FIND, columns):
        place = TableColumn(QualifiedName(*row[:2]), row[2])
        oid, schema, name, kind, number, family, *sizes = row[3:]
        target = Target(oid, QualifiedName(schema, name), kind, number, frozenset(family), *sizes)
        found.setdefault(place, []).append(target)
    return {place: tuple(targets) for place, targets in found.items()}


def find_references(connection: psycopg.Connection[Any], target: Target) -> list[QualifiedName]:
    """Return the tables whose foreign keys lead to a target, directly or not."""
    rows = connection.execute(_REFERENCES, [[*target.family], [*target.family]])
    return [QualifiedName(*row) for row in rows]


_FIND = f"""
WITH recorded AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[]) AS r (schema, name, column_name)
)
SELECT
    recorded.schema, recorded.name, recorded.column_name,
    c.oid::bigint, n.nspname, c.relname, c.relkind,
    CASE WHEN recorded.column_name = '' THEN 0 ELSE (
        SELECT a.attnum FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attname = recorded.column_name
        AND a.attnum > 0 AND NOT a.attisdropped
    ) END,
    parts.oids, parts.has_foreign, c.relispopulated, parts.rows, parts.pages
FROM {RECORDED_TABLES}
CROSS JOIN LATERAL (
    WITH RECURSIVE tree AS (
        SELECT c.oid
        UNION
        SELECT i.inhrelid FROM pg_inherits AS i JOIN tree AS t ON i.inhparent = t.oid
    )
    SELECT
        array_agg(p.oid::bigint) AS oids, bool_or(p.relkind = 'f') AS has_foreign,
        sum(p.reltuples) FILTER (WHERE p.reltuples >= 0)::float8 AS rows,
        sum(greatest(p.relpages, 0))::bigint AS pages
    FROM tree JOIN pg_class AS p ON p.oid = tree.oid
) AS parts
WHERE n.nspname = recorded.schema OR c.oid = path.oid
"""

_REFERENCES = """
WITH RECURSIVE tree AS (
    SELECT unnest(%s::bigint[])::oid AS oid
    UNION
    SELECT k.conrelid FROM pg_constraint AS k JOIN tree AS t ON k.confrelid = t.oid
    WHERE k.contype = 'f'
)
SELECT n.nspname, c.relname
FROM tree JOIN pg_class AS c ON c.oid = tree.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid <> ALL (%s::bigint[]::oid[])
ORDER BY 1, 2
"""
