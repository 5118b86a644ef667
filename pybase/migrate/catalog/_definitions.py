"""Query for the definitions of all objects of a database, by their identities.

It never writes, and leaves no setting, lock or open transaction. The kinds of objects are data, in
`_kinds`.
"""

from collections.abc import Collection
from functools import cache
from itertools import compress
from typing import Any

import psycopg
from msgspec import Struct
from psycopg.rows import TupleRow

from pybase.migrate.catalog._kinds import KINDS, Kind, grants
from pybase.migrate.catalog._session import cursor, fixed_settings, prepare

_PREPARED, _PREPARED_KINDS = "pybase_definitions", "pybase_kinds"

# Without the objects of extensions and of PostgreSQL itself, which no revision creates, and without
# temporary ones, which end with their session.
_COMMON = """
WITH schema AS MATERIALIZED (
    SELECT oid, nspname, quote_ident(nspname) AS name, nspowner, nspacl
    FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
member AS MATERIALIZED (
    SELECT classid, objid FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
),
relation AS MATERIALIZED (
    SELECT c.*, s.nspname AS schema, s.name || '.' || quote_ident(c.relname) AS name
    FROM pg_class AS c JOIN schema AS s ON s.oid = c.relnamespace
),
"""

_COLUMNS = (
    "classid, objid, objsubid, relid, kind, path, label, suffix, subtype, numbers, definition,"
    " extra, position, address, owner, acl, acl_type"
)

_ABOUT, _PATH, _TABLE, _POSITION = 2, 4, 8, 9
"""Places in a row of the query, before it is a CatalogObject."""

# The privileges that initdb itself granted (on the schema public) are recorded, not computed.
_BASELINE = """coalesce(
    (SELECT p.initprivs FROM pg_init_privs AS p WHERE p.classoid = o.classid
        AND p.objoid = o.objid AND p.objsubid = o.objsubid AND p.privtype = 'i'),
    acldefault(o.acl_type, o.owner))"""
_GRANTED_ON = """CASE WHEN o.kind = 'column' THEN 'TABLE ' || t.name
    WHEN o.acl_type = 'r' THEN 'TABLE ' || o.name
    WHEN o.acl_type = 'S' THEN 'FOREIGN ' || o.target ELSE o.target END"""
_OF_COLUMN = """CASE WHEN o.kind = 'column'
    THEN ' (' || quote_ident(o.path[3]) || ')' ELSE '' END"""

_REPORTED = f"""
own AS MATERIALIZED (
    SELECT o.*, concat(o.kind, ' ', o.label, o.suffix) AS identity, o.label || o.suffix AS name,
        coalesce(o.address, concat(upper(o.kind), ' ', o.label, o.suffix)) AS target
    FROM object AS o
    -- NOT IN is hashed; an anti-join gets nested loops, and a large extension thousands of them.
    WHERE (o.classid, o.objid) NOT IN (SELECT m.classid, m.objid FROM member AS m)
        AND o.relid NOT IN (
            SELECT m.objid FROM member AS m WHERE m.classid = 'pg_class'::regclass
        )
),
reported AS (
    SELECT '' AS prefix, o.kind AS role, o.definition AS first, o.extra AS more, o.*
    FROM own AS o WHERE o.definition IS NOT NULL
    UNION ALL
    SELECT 'comment on ', 'comment',
        'COMMENT ON ' || o.target || ' IS ' || quote_literal(d.description), NULL, o.*
    FROM own AS o JOIN pg_description AS d
        ON d.classoid = o.classid AND d.objoid = o.objid AND d.objsubid = o.objsubid
        AND (d.objoid >= 16384 OR d.classoid = 'pg_namespace'::regclass)  -- few of some thousands
    WHERE o.kind <> 'extension'
        AND NOT (o.identity = 'schema public' AND d.description = 'standard public schema')
    UNION ALL
    SELECT 'grants on ', 'grants', g.statements[1], g.statements[2:], o.*
    FROM own AS o
    LEFT JOIN relation AS t ON t.oid = o.relid
    CROSS JOIN LATERAL (SELECT {
    grants("o.acl", _BASELINE, _GRANTED_ON, suffix=_OF_COLUMN)
}) AS g (statements)
    WHERE o.acl IS NOT NULL AND g.statements IS NOT NULL
    UNION ALL
    SELECT 'owner of ', 'owner', 'ALTER ' || o.target || ' OWNER TO ' || o.owner::regrole, NULL, o.*
    FROM own AS o
    WHERE o.owner <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = session_user)
        AND o.objsubid = 0 AND o.position >= 0
        AND NOT (o.identity = 'schema public' AND o.owner < 16384)
)
SELECT r.prefix || r.identity, r.role, r.identity, r.kind, r.path, r.name, r.suffix, r.subtype,
    t.name, r.position, r.first, coalesce(r.more, '{{}}'), r.objid::bigint, r.relid::bigint,
    r.numbers
FROM reported AS r LEFT JOIN relation AS t ON t.oid = r.relid
"""


class CatalogObject(Struct, frozen=True):
    """One object, or a comment, the grants or the owner of one."""

    identity: str
    kind: str
    about: str
    """The identity of the object that a comment, grants or an owner belongs to; else its own."""
    about_kind: str
    path: list[str]
    """The names, unquoted: those that qualify the object, then its own; empty for a cast."""
    name: str
    """The quoted path, and `suffix`."""
    suffix: str
    """The types of a function's arguments, and the like."""
    subtype: str
    """What kind of a constraint it is, as pg_constraint.contype; else empty."""
    table: str | None
    """The table, view or other relation with which it is dropped, quoted and qualified."""
    position: int
    definition: str
    extra: list[str]
    oid: int
    """Of the object itself, of its table for a column, of what a comment and the like is about."""
    table_oid: int
    columns: tuple[str, ...] = ()
    """The columns of a constraint of a table, in their order, unquoted."""

    @property
    def statements(self) -> list[str]:
        """The definition and what completes it, none with a semicolon."""
        return [self.definition, *self.extra]


def read_objects(
    connection: psycopg.Connection[Any],
    ignore_tables: Collection[str] = (),
    *,
    keep_prepared: bool = False,
) -> tuple[CatalogObject, ...]:
    """Read every object of a database, in no particular order.

    `ignore_tables` are relations as `CatalogObject.table` names them, which are left out with all
    that belongs to them, and schemas by their identity. What is listed is one state of the
    database; the definition of an object that another session drops at that moment is
    left out. In an open transaction the read happens inside a savepoint that is rolled back, else
    in a transaction of its own: settings, locks and the state of the connection are afterwards as
    before. `keep_prepared` leaves the queries prepared in the session, as its only trace.

    Raises `psycopg.Error` when the server refuses, for example in a failed transaction.
    """
    with fixed_settings(connection):
        rows = _read(connection, keep_prepared=keep_prepared)
    names = {(row[_TABLE], row[_POSITION]): row[_PATH][-1] for row in rows if row[1] == "column"}
    objects: list[CatalogObject] = []
    for *fields, numbers in rows:
        table = fields[_TABLE]
        if table not in ignore_tables and fields[_ABOUT] not in ignore_tables:
            fields.append(tuple(names[table, number] for number in numbers or () if number > 0))
            objects.append(CatalogObject(*fields))
    return tuple(objects)


def _read(connection: psycopg.Connection[Any], *, keep_prepared: bool) -> list[TupleRow]:
    """Read all kinds of objects that there may be, and again where another session adds a kind.

    Planning takes three quarters of the time on a small schema, and half of the kinds are rare.
    """
    version = connection.info.server_version

    def rows(name: str, query: str) -> list[TupleRow]:
        if keep_prepared:
            prepare(connection, name, f" AS {query}")
            query = f"EXECUTE {name}"
        return cursor(connection).execute(query.encode(), prepare=False).fetchall()

    objects: list[TupleRow] = []
    known: TupleRow | None = None
    while known != (kinds := rows(_PREPARED_KINDS, _kinds_query(version))[0]):
        known = kinds
        objects = rows(f"{_PREPARED}_{_digits(kinds)}", _query(version, kinds))
    return objects


def _digits(kinds: tuple[bool, ...]) -> str:
    return "".join(str(int(is_possible)) for is_possible in kinds)


def _kinds(server_version: int) -> list[Kind]:
    return [kind for kind in KINDS if kind.since <= server_version]


@cache
def _kinds_query(server_version: int) -> str:
    """Return the query for the kinds of which a database may have objects."""
    return f"SELECT {', '.join(kind.is_possible for kind in _kinds(server_version))}"


@cache
def _query(server_version: int, is_read: tuple[bool, ...]) -> str:
    """Return the query for a server, by its `server_version_num`, and for some of its kinds."""
    branches = "\nUNION ALL\n".join(map(_branch, compress(_kinds(server_version), is_read)))
    return f"{_COMMON}object ({_COLUMNS}) AS MATERIALIZED (\n{branches}\n),{_REPORTED}"


def _branch(kind: Kind) -> str:
    """Return the SELECT of one kind, its columns as in `_COLUMNS`."""
    names = [f"quote_ident({name})" for name in kind.path]
    label = kind.label or " || '.' || ".join(names) or "''"
    return f"""SELECT '{kind.own_catalog}'::regclass::oid, {kind.oid}, {kind.column}::integer,
        {kind.table}::oid, ({kind.kind})::text, ARRAY[{", ".join(kind.path)}]::text[],
        ({label})::text, ({kind.suffix})::text, ({kind.subtype})::text,
        ({kind.numbers})::smallint[], ({kind.definition})::text, ({kind.extra})::text[],
        {kind.position}::integer,
        ({kind.address})::text, {kind.owner}::oid, {kind.acl}::aclitem[], {kind.acl_type}::"char"
        FROM {kind.source}"""
