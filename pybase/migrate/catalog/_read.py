"""The one query that reads a catalog, and the transaction around it and others like it.

This module owns how the catalog is read and leaves no trace of it: no setting, no lock, no open
transaction. It must never write. The kinds of objects are data, in the modules beside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import TupleRow, tuple_row

from pybase.migrate.catalog import _relations as relations
from pybase.migrate.catalog import _rules as rules
from pybase.migrate.catalog import _services as services
from pybase.migrate.catalog import _types as types
from pybase.migrate.catalog._kind import Kind, grants

_KINDS = (*relations.KINDS, *types.KINDS, *rules.KINDS, *services.KINDS)

# What PostgreSQL's own definitions depend on, as pg_dump sets it. `pg_temp` comes last, or a
# temporary table called pg_class would be read in place of the catalog; jit and the search for
# parallel plans cost more than they save.
_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "client_encoding": "UTF8",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_PREPARED = "pybase_catalog"
_BEGIN = (
    f"SELECT EXISTS (SELECT FROM pg_catalog.pg_prepared_statements WHERE name = '{_PREPARED}'), "
    + ", ".join(
        f"pg_catalog.set_config('{name}', '{value}', true)" for name, value in _SETTINGS.items()
    )
)

# The objects of extensions and of PostgreSQL itself are nobody's revision; temporary ones are gone
# before anybody compares.
COMMON = """
WITH schema AS MATERIALIZED (
    SELECT oid, quote_ident(nspname) AS name, nspowner, nspacl
    FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
),
relation AS MATERIALIZED (
    SELECT c.*, s.name || '.' || quote_ident(c.relname) AS name
    FROM pg_class AS c JOIN schema AS s ON s.oid = c.relnamespace
),
"""

_COLUMNS = (
    "classid, objid, objsubid, relid, kind, name, definition, extra, position, address, owner,"
    " acl, acl_type"
)

# The privileges that initdb itself granted (on the schema public) are recorded, not computed.
_BASELINE = """coalesce(
    (SELECT p.initprivs FROM pg_init_privs AS p WHERE p.classoid = o.classid
        AND p.objoid = o.objid AND p.objsubid = o.objsubid AND p.privtype = 'i'),
    acldefault(o.acl_type, o.owner))"""
_GRANTED_ON = """CASE WHEN o.kind = 'column' THEN 'TABLE ' || t.name
    WHEN o.acl_type = 'r' THEN 'TABLE ' || o.name
    WHEN o.acl_type = 'S' THEN 'FOREIGN ' || o.address ELSE o.address END"""
_OF_COLUMN = """CASE WHEN o.kind = 'column'
    THEN ' (' || substr(o.name, length(t.name) + 2) || ')' ELSE '' END"""

_ABOUT = f"""
own AS MATERIALIZED (
    SELECT o.classid, o.objid, o.objsubid, o.relid, o.kind, o.name,
        concat(o.kind, ' ', o.name) AS identity, o.definition, o.extra, o.position,
        coalesce(o.address, upper(o.kind) || ' ' || o.name) AS address,
        o.owner, o.acl, o.acl_type::"char" AS acl_type
    FROM object AS o
    -- NOT IN is hashed; an anti-join gets nested loops, and a large extension thousands of them.
    WHERE (o.classid, o.objid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
        AND o.relid NOT IN (
            SELECT m.objid FROM member AS m WHERE m.classid = 'pg_class'::regclass
        )
),
seen AS (
    SELECT o.identity, o.kind, o.identity AS about, o.name, o.relid, o.position, o.definition,
        o.extra
    FROM own AS o WHERE o.definition IS NOT NULL
    UNION ALL
    SELECT 'comment on ' || o.identity, 'comment', o.identity, o.name, o.relid, o.position,
        'COMMENT ON ' || o.address || ' IS ' || quote_literal(d.description), NULL
    FROM own AS o JOIN pg_description AS d
        ON d.classoid = o.classid AND d.objoid = o.objid AND d.objsubid = o.objsubid
    WHERE o.kind <> 'extension'
        AND NOT (o.identity = 'schema public' AND d.description = 'standard public schema')
    UNION ALL
    SELECT 'grants on ' || o.identity, 'grants', o.identity, o.name, o.relid, o.position,
        g.statements[1], g.statements[2:]
    FROM own AS o
    LEFT JOIN relation AS t ON t.oid = o.relid
    CROSS JOIN LATERAL (SELECT {
    grants("o.acl", _BASELINE, _GRANTED_ON, suffix=_OF_COLUMN)
}) AS g (statements)
    WHERE o.acl IS NOT NULL AND g.statements IS NOT NULL
    UNION ALL
    SELECT 'owner of ' || o.identity, 'owner', o.identity, o.name, o.relid, o.position,
        'ALTER ' || o.address || ' OWNER TO ' || o.owner::regrole, NULL
    FROM own AS o
    WHERE o.owner <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = session_user)
        AND o.objsubid = 0 AND o.position >= 0
        AND NOT (o.identity = 'schema public' AND o.owner < 16384)
)
SELECT s.identity, s.kind, s.about, s.name, t.name AS table, s.position, s.definition, s.extra
FROM seen AS s LEFT JOIN relation AS t ON t.oid = s.relid
"""


@dataclass(frozen=True, slots=True)
class CatalogObject:
    """One object, or a comment, the grants or the owner of one, as the server tells it."""

    identity: str
    kind: str
    about: str
    """The identity of the object that a comment, grants or an owner belongs to; else its own."""
    name: str
    table: str | None
    """The table, view or other relation that it goes with, quoted and qualified."""
    position: int
    definition: str
    extra: list[str] | None

    @property
    def statements(self) -> list[str]:
        """The definition and what completes it, none with a semicolon."""
        return [self.definition, *(self.extra or ())]


def read_objects(
    connection: psycopg.Connection[Any], *, keep_prepared: bool = False
) -> list[CatalogObject]:
    """Read every object of the database behind `connection`, in no particular order.

    One statement, so what is listed is one state of the database; a definition of an object that
    another session drops at that moment is left out. In an open transaction the read happens inside
    a savepoint that is rolled back, else in a transaction of its own: settings, locks and the state
    of the connection are afterwards as before. Planning takes three quarters of the time on a small
    schema: `keep_prepared` leaves the query prepared in the session, as its only trace.

    Raises `psycopg.Error` when the server refuses, for example in a failed transaction.
    """
    query = _query(connection.info.server_version)
    with settled(connection) as cursor:
        is_prepared = cursor.fetchall()[0][0]
        if keep_prepared and not is_prepared:
            cursor.execute(f"PREPARE {_PREPARED} AS {query}".encode(), prepare=False)
        statement = f"EXECUTE {_PREPARED}" if keep_prepared else query
        rows = cursor.execute(statement.encode(), prepare=False).fetchall()
    return [CatalogObject(*row) for row in rows]


@contextmanager
def settled(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Cursor[TupleRow]]:
    """Yield a cursor under the settings that definitions depend on; nothing of it is left."""
    with connection.transaction(force_rollback=True):
        # Not connection.cursor(): its class and rows may be the caller's.
        cursor = psycopg.Cursor(connection, row_factory=tuple_row)
        yield cursor.execute(_BEGIN, prepare=False)


@cache
def _query(server_version: int) -> str:
    """Return the whole query for a server, by its `server_version_num`."""
    branches = "\nUNION ALL\n".join(
        _branch(kind) for kind in _KINDS if kind.since <= server_version
    )
    return f"{COMMON}object ({_COLUMNS}) AS (\n{branches}\n),{_ABOUT}"


def _branch(kind: Kind) -> str:
    """Return the SELECT of one kind, its columns as in `_COLUMNS`."""
    return f"""SELECT '{kind.catalog}'::regclass::oid, {kind.oid}, {kind.column}::integer,
        {kind.table}::oid, ({kind.kind})::text, ({kind.name})::text, ({kind.definition})::text,
        ({kind.extra})::text[], {kind.position}::integer, ({kind.address})::text,
        {kind.owner}::oid, {kind.acl}::aclitem[], {kind.acl_type}::text
        FROM {kind.source}"""
