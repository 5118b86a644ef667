"""Definition of one kind of catalog object, and SQL expressions that several kinds share.

Each `Kind` becomes one branch of the query in `_definitions`. The expressions rely on two settings
of that query: `search_path` is `pg_catalog`, so `regclass` and the `pg_get_*def` functions qualify
every name of a user's object, and columns that only some servers have are read through
`to_jsonb(row) ->> 'column'`, which is null where the column is missing, so one text serves
PostgreSQL 14 to 18. A source may use `schema` and `relation`: the rows of those two catalogs
outside system schemas, with a quoted, qualified `name` (and, in `relation`, the raw `schema`).
"""

from typing import TypedDict

from msgspec import Struct


class Kind(Struct, frozen=True):
    """One kind of object: SQL expressions over the rows of `source`.

    `definition` is null for an object that another one defines (the index of a primary key, the
    columns of a view): only its comment, grants and owner are read then. `extra` is an array of
    further statements, without a semicolon, that complete the definition.
    """

    source: str
    """The FROM clause and everything after it."""
    kind: str
    """The first words of the identity, in the terms of `COMMENT ON`, lower-case."""
    path: tuple[str, ...]
    """The name and the names that qualify it, unquoted; empty for what has no name."""
    definition: str
    catalog: str = ""
    """The system catalog that contains the object, unless the source begins with it."""
    label: str = ""
    """The quoted path, where a part must not be quoted."""
    suffix: str = "''"
    """What follows the path in the identity, such as the types of arguments."""
    subtype: str = "''"
    """The letter by which the catalog distinguishes objects of this kind."""
    numbers: str = "NULL"
    """An array of the columns that a constraint is about."""
    extra: str = "NULL"
    oid: str = "o.oid"
    column: str = "0"
    """The `objsubid` of a column."""
    table: str = "0"
    """The oid of the table with which this object is dropped or ignored."""
    position: str = "0"
    """The order among siblings in a rendered table; -1 for a copy that PostgreSQL creates."""
    address: str = "NULL"
    """What follows `COMMENT ON` where that is not the kind in capitals and the name."""
    owner: str = "NULL"
    acl: str = "NULL"
    acl_type: str = "NULL"
    """The object type as an argument of `acldefault()`; null where nothing can be granted."""
    since: int = 140000
    """The first `server_version_num` that has the catalog."""
    only_if: str = ""
    """The rows without which there is no such object, where not all of the user's in `catalog`."""

    @property
    def own_catalog(self) -> str:
        """The system catalog that contains the object."""
        return self.catalog or self.source.split(maxsplit=1)[0]

    @property
    def is_possible(self) -> str:
        """The condition for an object of this kind to exist: cheap, and true for most schemas."""
        return f"EXISTS (SELECT FROM {self.only_if or f'{self.own_catalog} WHERE oid >= 16384'})"


class Owned(TypedDict):
    """The fields of a kind of object that has an owner and grants."""

    owner: str
    acl: str
    acl_type: str


def owned(prefix: str, acl_type: str) -> Owned:
    """Return the fields of a kind whose columns begin with `prefix`."""
    return {"owner": f"{prefix}owner", "acl": f"{prefix}acl", "acl_type": f"'{acl_type}'"}


def statements(*candidates: str) -> str:
    """Return the expression for an array of those candidate statements that are not null."""
    return f"array_remove(ARRAY[{', '.join(candidates)}]::text[], NULL)"


def options(array: str, prefix: str = "") -> str:
    """Return the expression for storage parameters as text; sorted, as their order is arbitrary.

    Without `pg_attver`, which PostgreSQL 15.20 keeps in each column for itself.
    """
    return (
        f"(SELECT string_agg('{prefix}' || regexp_replace(option, '=', ' = '), ', '"
        " ORDER BY option)"
        f" FROM unnest({array}) AS option WHERE option NOT LIKE 'pg\\_attver=%')"
    )


def foreign_options(array: str) -> str:
    """Return the expression for ` OPTIONS (name 'value', ...)`, null where there are none."""
    return (
        "(SELECT ' OPTIONS (' || string_agg(quote_ident(option_name) || ' '"
        " || quote_literal(option_value), ', ' ORDER BY option_name) || ')'"
        f" FROM pg_options_to_table({array}))"
    )


def function_name(oid: str) -> str:
    """Return the expression for a function's qualified name, null where the oid is zero."""
    return f"nullif({oid}::oid, 0)::regproc::text"


def grants(acl: str, baseline: str, target: str, *, prefix: str = "''", suffix: str = "''") -> str:
    """Return the expression for the GRANT and REVOKE statements that turn `baseline` into `acl`.

    Only differences are returned, so a privilege that a newer server adds to every owner (MAINTAIN
    in 17) is not one. REVOKE is first: a change of the grant option needs both. `suffix` follows
    each privilege, as the name of a column does.
    """
    return f"""(
        SELECT array_agg(line ORDER BY line COLLATE "C" DESC) FROM (
            SELECT {prefix} || CASE WHEN granted THEN 'GRANT ' ELSE 'REVOKE ' END
                || string_agg(privilege || {suffix}, ', ' ORDER BY privilege) || ' ON ' || {target}
                || CASE WHEN granted THEN ' TO ' ELSE ' FROM ' END
                || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
                || CASE WHEN granted AND grantable THEN ' WITH GRANT OPTION' ELSE '' END AS line
            FROM (
                (SELECT grantee, privilege_type, is_grantable, true FROM aclexplode({acl})
                 EXCEPT
                 SELECT grantee, privilege_type, is_grantable, true FROM aclexplode({baseline}))
                UNION ALL
                (SELECT grantee, privilege_type, is_grantable, false FROM aclexplode({baseline})
                 EXCEPT
                 SELECT grantee, privilege_type, is_grantable, false FROM aclexplode({acl}))
            ) AS item (grantee, privilege, grantable, granted)
            GROUP BY grantee, grantable, granted
        ) AS statement
    )"""
