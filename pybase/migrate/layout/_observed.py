"""What a database has of the tables of a layout: keys, links, triggers, and where the rows are.

Reads the catalog only, of PostgreSQL with Citus or without.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from msgspec import Struct

from pybase.migrate.layout._declared import TableLayout
from pybase.migrate.layout._render import HAS_CITUS
from pybase.migrate.sql import QualifiedName


class Key(Struct, frozen=True):
    """A primary key, or a unique or exclusion constraint or index; an expression is ''."""

    name: str
    columns: tuple[str, ...]


class Link(Struct, frozen=True):
    """A foreign key; the actions are the letters of pg_constraint."""

    name: str
    source: QualifiedName
    target: QualifiedName
    columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str


class Placement(Struct, frozen=True):
    """Where Citus has the rows of a table; `kind` is reference, distributed, or local."""

    kind: str
    column: str | None
    group: int
    local_bytes: int
    """Rows that a distribution has copied to the shards, and left on the coordinator."""


class ObservedTable(Struct, frozen=True):
    """A table of the layout that exists; `placement` is None where Citus does not know it."""

    table: QualifiedName
    columns: Mapping[str, str]
    """The type of each column."""
    keys: tuple[Key, ...]
    triggers: tuple[str, ...]
    total_bytes: int
    has_rows: bool
    has_primary_key: bool
    placement: Placement | None = None


class ObservedSchema(Struct, frozen=True):
    """The tables of a layout that exist, and the foreign keys from and to them."""

    tables: tuple[ObservedTable, ...]
    links: tuple[Link, ...]


def has_citus(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a database has Citus, where no other query can ask that too."""
    (answer,) = connection.execute(f"SELECT {HAS_CITUS}").fetchone() or (False,)
    return bool(answer)


def observe(
    connection: psycopg.Connection[Any], layouts: Sequence[TableLayout], *, on_citus: bool
) -> ObservedSchema:
    """Read what is there of the tables of a layout. Raises psycopg.Error."""
    names = [[getattr(item.table, part) for item in layouts] for part in ("schema", "name")]
    placements = dict(_placements(connection)) if on_citus else {}
    has_rows = {
        name: _has_rows(connection, name) for name in connection.execute(_PRESENT, names).fetchall()
    }
    tables = tuple(
        ObservedTable(
            QualifiedName(schema, name),
            columns,
            msgspec.convert(keys, tuple[Key, ...]),
            tuple(triggers),
            size,
            has_rows[schema, name],
            has_primary_key,
            placements.get((schema, name)),
        )
        for schema, name, columns, keys, triggers, size, has_primary_key in connection.execute(
            _TABLES, names
        )
    )
    links = msgspec.convert([row[0] for row in connection.execute(_LINKS, names)], tuple[Link, ...])
    return ObservedSchema(tables, links)


def _has_rows(connection: psycopg.Connection[Any], name: tuple[str, str]) -> bool:
    # Citus fails on a SELECT without columns (13.2)
    query = f"SELECT EXISTS (SELECT 1 FROM {QualifiedName(*name).quoted})"
    (answer,) = connection.execute(query.encode()).fetchone() or (True,)
    return bool(answer)


def _placements(connection: psycopg.Connection[Any]) -> Any:
    for schema, name, *values in connection.execute(_PLACEMENTS).fetchall():
        yield (schema, name), Placement(*values)


_DECLARED = """
WITH declared AS (
    SELECT c.oid, n.nspname, c.relname
    FROM unnest(%s::text[], %s::text[]) AS d (schema, name)
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = d.schema
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = d.name
    WHERE c.relkind IN ('r', 'p')
)
"""

_PRESENT = f"{_DECLARED} SELECT nspname, relname FROM declared"

_TABLES = f"""{_DECLARED}
SELECT
    d.nspname, d.relname,
    (
        SELECT coalesce(json_object_agg(a.attname, format_type(a.atttypid, a.atttypmod)), '{{}}')
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = d.oid AND a.attnum > 0 AND NOT a.attisdropped
    ),
    (
        SELECT coalesce(json_agg(json_build_object('name', c.relname, 'columns', ARRAY(
            SELECT coalesce(a.attname, '') FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (n, o)
            LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.oid AND a.attnum = k.n
            WHERE k.o <= i.indnkeyatts ORDER BY k.o
        )) ORDER BY c.relname), '[]')
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
        WHERE i.indrelid = d.oid AND (i.indisunique OR i.indisexclusion)
    ),
    ARRAY(
        SELECT t.tgname::text FROM pg_catalog.pg_trigger AS t
        WHERE t.tgrelid = d.oid AND NOT t.tgisinternal ORDER BY t.tgname
    ),
    pg_total_relation_size(d.oid),
    EXISTS (SELECT FROM pg_catalog.pg_index AS i WHERE i.indrelid = d.oid AND i.indisprimary)
FROM declared AS d
ORDER BY d.nspname, d.relname
"""

_LINKS = f"""{_DECLARED}
SELECT json_build_object(
    'name', k.conname,
    'source', json_build_object('schema', sn.nspname, 'name', s.relname),
    'target', json_build_object('schema', tn.nspname, 'name', t.relname),
    'columns', {{columns}},
    'target_columns', {{target_columns}},
    'on_delete', k.confdeltype, 'on_update', k.confupdtype
)
FROM pg_catalog.pg_constraint AS k
JOIN pg_catalog.pg_class AS s ON s.oid = k.conrelid
JOIN pg_catalog.pg_namespace AS sn ON sn.oid = s.relnamespace
JOIN pg_catalog.pg_class AS t ON t.oid = k.confrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0
AND (k.conrelid IN (SELECT oid FROM declared) OR k.confrelid IN (SELECT oid FROM declared))
ORDER BY sn.nspname, s.relname, k.conname
"""
_NAMES = """ARRAY(
        SELECT a.attname FROM unnest({numbers}) WITH ORDINALITY AS c (n, o)
        JOIN pg_catalog.pg_attribute AS a ON a.attrelid = {table} AND a.attnum = c.n ORDER BY c.o
    )"""
_LINKS = _LINKS.format(
    columns=_NAMES.format(numbers="k.conkey", table="k.conrelid"),
    target_columns=_NAMES.format(numbers="k.confkey", table="k.confrelid"),
)

_PLACEMENTS = """
SELECT
    n.nspname, c.relname,
    CASE WHEN p.repmodel = 't' THEN 'reference' WHEN p.partmethod = 'h' THEN 'distributed'
        ELSE 'local' END,
    CASE WHEN p.partmethod = 'h' THEN column_to_column_name(p.logicalrelid, p.partkey) END,
    p.colocationid::bigint,
    CASE WHEN p.partmethod = 'h' OR p.repmodel = 't' THEN pg_relation_size(c.oid) ELSE 0 END
FROM pg_catalog.pg_dist_partition AS p
JOIN pg_catalog.pg_class AS c ON c.oid = p.logicalrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
"""
