"""Access to the objects of a database: owners, privileges, row security and its policies, by oid.

What belongs to an extension, or to PostgreSQL itself except its schema `public`, is left out.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import psycopg
from msgspec import Struct

from pybase.migrate.catalog._model import FIRST_USER_OID
from pybase.migrate.catalog._session import cursor, fixed_settings, prepare
from pybase.migrate.sql.names import QualifiedName

_PREPARED = "pybase_access"
DATABASE = "the database"
"""The name of the database itself: that of a scratch database means nothing."""

ObjectKey: TypeAlias = tuple[str, int]
"""The letter by which acldefault() knows a kind of object, and its oid."""


class Privilege(Struct, frozen=True, order=True):
    """What one role, or PUBLIC, may do with an object, or with a column of it by its number."""

    role: str
    name: str
    column: int = 0


class Protected(QualifiedName, frozen=True):
    """An object that has an owner; `suffix` are the types of a function's arguments."""

    suffix: str
    owner: str
    runs_as_owner: bool
    """Whether it reads with the privileges of its owner: no function but by SECURITY DEFINER."""
    has_row_security: bool
    is_forced: bool
    """Whether row security is for the owner, too."""
    privileges: frozenset[Privilege]


class Policy(Struct, frozen=True):
    """A row of pg_policy; `command` is its letter, `check` also the condition for rows read."""

    name: str
    table: int
    is_permissive: bool
    command: str
    roles: frozenset[str]
    condition: str
    check: str


class Access(Struct, frozen=True):
    """Who may do what, at one moment."""

    objects: Mapping[ObjectKey, Protected] = {}
    policies: Mapping[int, Policy] = {}
    groups: Mapping[str, frozenset[str]] = {}
    """By role, unless it is a superuser: the roles whose privileges it has, itself included."""


def read_access(connection: psycopg.Connection[Any]) -> Access:
    """Read the access to all objects; the query stays prepared. Raises psycopg.Error."""
    with fixed_settings(connection):
        prepare(connection, _PREPARED, f" AS {_QUERY}")
        row = cursor(connection).execute(f"EXECUTE {_PREPARED}", prepare=False).fetchone()
    assert row is not None
    objects, policies, defaults, groups = row
    implied = {(kind, owner): items for kind, owner, items in defaults or ()}
    return Access(
        {
            (kind, oid): _protected(implied.get((kind, values[3])), *values)
            for kind, oid, *values in objects or ()
        },
        {oid: _policy(*values) for oid, *values in policies or ()},
        {role: frozenset(of) for role, of in (groups or {}).items()},
    )


def _protected(implied: Any, *values: Any) -> Protected:
    """Return an object; `implied` are the privileges of one that nothing was granted on."""
    *fields, items, of_columns = values
    granted = (*((implied or ()) if items is None else items), *(of_columns or ()))
    fields.append(frozenset(Privilege(*item) for item in granted))
    return Protected(*fields)


def _policy(*values: Any) -> Policy:
    *fields, roles, condition, check = values
    fields += (frozenset(roles), condition, check)
    return Policy(*fields)


def _role(oid: str) -> str:
    """Return the expression for the name of a role; 0 is everyone."""
    return f"CASE {oid} WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid({oid})::text END"


def _items(acl: str) -> str:
    """Return the expression for the role and name of each privilege, null for none."""
    return f"""(
        SELECT json_agg(json_build_array({_role("e.grantee")}, e.privilege_type))
        FROM aclexplode({acl}) AS e)"""


_QUERY = f"""
WITH object (kind, oid, schema, name, suffix, owner, as_owner, secured, forced, acl) AS (
    SELECT CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END, c.oid, n.nspname, c.relname, '',
        c.relowner, c.relkind <> 'v' OR NOT coalesce((
            SELECT option_value::boolean FROM pg_options_to_table(c.reloptions)
            WHERE option_name = 'security_invoker'), false),
        c.relrowsecurity, c.relforcerowsecurity, c.relacl
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.oid >= {FIRST_USER_OID}
    UNION ALL
    SELECT 'f', p.oid, n.nspname, p.proname, oidvectortypes(p.proargtypes), p.proowner,
        p.prosecdef, false, false, p.proacl
    FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
    WHERE p.oid >= {FIRST_USER_OID}
    UNION ALL
    SELECT 'T', t.oid, n.nspname, t.typname, '', t.typowner, false, false, false, t.typacl
    FROM pg_type AS t JOIN pg_namespace AS n ON n.oid = t.typnamespace
    WHERE t.oid >= {FIRST_USER_OID} AND (t.typtype IN ('e', 'd', 'r')
        OR t.typtype = 'c' AND t.typrelid IN (
            SELECT c.oid FROM pg_class AS c WHERE c.relkind = 'c'))
    UNION ALL
    SELECT 'n', n.oid, '', n.nspname, '', n.nspowner, false, false, false, n.nspacl
    FROM pg_namespace AS n WHERE n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'F', w.oid, '', w.fdwname, '', w.fdwowner, false, false, false, w.fdwacl
    FROM pg_foreign_data_wrapper AS w
    UNION ALL
    SELECT 'S', s.oid, '', s.srvname, '', s.srvowner, false, false, false, s.srvacl
    FROM pg_foreign_server AS s
    UNION ALL
    SELECT 'd', d.oid, '', '{DATABASE}', '', d.datdba, false, false, false, d.datacl
    FROM pg_database AS d WHERE d.datname = current_database()
)
, column_grant (oid, items) AS (
    SELECT c.attrelid, json_agg(json_build_array({_role("e.grantee")}, e.privilege_type, c.attnum))
    FROM pg_attribute AS c, aclexplode(c.attacl) AS e
    WHERE c.attacl IS NOT NULL AND c.attrelid >= {FIRST_USER_OID}
    GROUP BY c.attrelid
)
SELECT
    (
        SELECT json_agg(json_build_array(
            o.kind, o.oid::bigint, o.schema, o.name, o.suffix, pg_get_userbyid(o.owner),
            o.as_owner, o.secured, o.forced, CASE WHEN o.acl IS NOT NULL
                THEN coalesce({_items("o.acl")}, '[]') END,
            g.items))
        FROM object AS o
        LEFT JOIN column_grant AS g ON o.kind = 'r' AND g.oid = o.oid
        WHERE (CASE o.kind WHEN 'n' THEN o.name ELSE o.schema END) !~ '^pg_'
        AND (o.kind = 'd' OR o.kind = 'n' AND o.name = 'public' OR o.oid >= {FIRST_USER_OID})
        AND o.oid NOT IN (SELECT d.objid FROM pg_depend AS d WHERE d.deptype = 'e')
    ),
    (
        SELECT json_agg(json_build_array(
            p.oid::bigint, p.polname, p.polrelid::bigint, p.polpermissive, p.polcmd,
            ARRAY(SELECT {_role("role.oid")} FROM unnest(p.polroles) AS role (oid)),
            coalesce(pg_get_expr(p.polqual, p.polrelid), ''),
            coalesce(pg_get_expr(p.polwithcheck, p.polrelid),
                pg_get_expr(p.polqual, p.polrelid), '')))
        FROM pg_policy AS p
    ),
    (
        SELECT json_agg(json_build_array(
            d.kind, pg_get_userbyid(d.owner), {_items('acldefault(d.kind::"char", d.owner)')}))
        FROM (SELECT DISTINCT o.kind, o.owner FROM object AS o WHERE o.acl IS NULL) AS d
    ),
    (
        SELECT json_object_agg(m.rolname, ARRAY(
            SELECT g.rolname FROM pg_roles AS g WHERE pg_has_role(m.oid, g.oid, 'USAGE')))
        FROM pg_roles AS m WHERE m.oid >= {FIRST_USER_OID} AND NOT m.rolsuper
    )
"""
