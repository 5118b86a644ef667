"""The shape of one kind of catalog object, and the SQL expressions that several kinds share.

Each `Kind` becomes one branch of the single query of `read.py`. The fragments lean on two settings
of that query: `search_path` is `pg_catalog`, so `regclass` and the `pg_get_*def` functions qualify
every name that a revision could have made, and columns that only some servers have are read through
`to_jsonb(row) ->> 'column'`, which is null where the column is missing, so one text serves
PostgreSQL 14 to 18. Their sources may use `schema` and `relation`, what `read.py` has of those two
catalogs: no system schema, and a qualified `name`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object: SQL expressions over the rows of `source`.

    `definition` is null for an object that is told by another one (the index behind a primary key,
    the columns of a view), and is then seen only through its comment, grants and owner. `extra` is
    an array of further statements, without a semicolon, that complete the definition.
    """

    catalog: str
    """The system catalog that holds the object, as `pg_description.classoid` names it."""
    source: str
    """The FROM clause and everything after it."""
    kind: str
    """An expression: the first words of the identity, in the terms of `COMMENT ON`, lower-case."""
    name: str
    """An expression: the rest of the identity, quoted and qualified."""
    definition: str
    extra: str = "NULL"
    oid: str = "o.oid"
    column: str = "0"
    """The `objsubid` of a column."""
    table: str = "0"
    """The oid of the table that takes this object along when it is dropped or ignored."""
    position: str = "0"
    """The order among siblings in a rendered table; -1 for a copy that PostgreSQL makes itself."""
    address: str = "NULL"
    """What follows `COMMENT ON` where that is not the kind in capitals and the name."""
    owner: str = "NULL"
    acl: str = "NULL"
    acl_type: str = "NULL"
    """The object type as `acldefault()` wants it; null where nothing can be granted."""
    since: int = 140000
    """The first `server_version_num` that has the catalog."""


def statements(*candidates: str) -> str:
    """Return the expression for an array of those candidate statements that are not null."""
    return f"array_remove(ARRAY[{', '.join(candidates)}]::text[], NULL)"


def options(array: str, prefix: str = "") -> str:
    """Return the expression for storage parameters as text, sorted: their order is history."""
    return (
        f"(SELECT string_agg('{prefix}' || regexp_replace(option, '=', ' = '), ', '"
        " ORDER BY option)"
        f" FROM unnest({array}) AS option)"
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
    """Return the expression for the GRANT and REVOKE statements that lead from baseline to acl.

    Only the difference is told, so a privilege that a newer server adds to every owner (MAINTAIN
    in 17) is no difference. Revocations come first: a change of the grant option is both. `suffix`
    follows each privilege, as the name of a column does.
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
