"""What there is to see in a PostgreSQL catalog, as data: one entry a kind of object.

This module owns the SQL fragments and never talks to a server. Each `Kind` becomes one branch of
the single query of `read.py`. The fragments lean on two settings of that query: `search_path` is
`pg_catalog`, so `regclass` and the `pg_get_*def` functions qualify every name that a revision could
have made, and columns that only some servers have are read through `to_jsonb(row) ->> 'column'`,
which is null where the column is missing, so one text serves PostgreSQL 14 to 18.
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


def _statements(*candidates: str) -> str:
    """Return the expression for an array of those candidate statements that are not null."""
    return f"array_remove(ARRAY[{', '.join(candidates)}]::text[], NULL)"


def _options(array: str, prefix: str = "") -> str:
    """Return the expression for storage parameters as text, sorted: their order is history."""
    return (
        f"(SELECT string_agg('{prefix}' || regexp_replace(option, '=', ' = '), ', '"
        " ORDER BY option)"
        f" FROM unnest({array}) AS option)"
    )


def _foreign_options(array: str) -> str:
    """Return the expression for ` OPTIONS (name 'value', ...)`, null where there are none."""
    return (
        "(SELECT ' OPTIONS (' || string_agg(quote_ident(option_name) || ' '"
        " || quote_literal(option_value), ', ' ORDER BY option_name) || ')'"
        f" FROM pg_options_to_table({array}))"
    )


def _function(oid: str) -> str:
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


SCHEMA = Kind(
    catalog="pg_namespace",
    source="schema AS o",
    kind="'schema'",
    name="o.name",
    definition="'CREATE SCHEMA ' || o.name",
    owner="o.nspowner",
    acl="o.nspacl",
    acl_type="'n'",
)

TABLE = Kind(
    catalog="pg_class",
    source="relation AS o WHERE o.relkind IN ('r', 'p', 'f')",
    kind="CASE o.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END",
    name="o.name",
    table="o.oid",
    # (...) stands for the columns and constraints, which are objects of their own.
    definition=f"""concat(
        'CREATE ', CASE o.relpersistence WHEN 'u' THEN 'UNLOGGED ' END,
        CASE o.relkind WHEN 'f' THEN 'FOREIGN ' END, 'TABLE ', o.name, ' (...)',
        CASE WHEN o.relhassubclass OR NOT o.relispartition THEN (
            SELECT ' INHERITS (' || string_agg(i.inhparent::regclass::text, ', '
                ORDER BY i.inhseqno) || ')'
            FROM pg_inherits AS i WHERE i.inhrelid = o.oid AND NOT o.relispartition
        ) END,
        ' PARTITION BY ' || CASE o.relkind WHEN 'p' THEN pg_get_partkeydef(o.oid) END,
        ' SERVER ' || CASE o.relkind WHEN 'f' THEN (
            SELECT quote_ident(s.srvname) || coalesce({_foreign_options("t.ftoptions")}, '')
            FROM pg_foreign_table AS t JOIN pg_foreign_server AS s ON s.oid = t.ftserver
            WHERE t.ftrelid = o.oid
        ) END,
        CASE WHEN o.relam <> 0 THEN (
            SELECT ' USING ' || quote_ident(a.amname)
            FROM pg_am AS a WHERE a.oid = o.relam AND a.amname <> 'heap'
        ) END,
        ' WITH (' || nullif(concat_ws(', ', {_options("o.reloptions")}, CASE
            WHEN o.reltoastrelid <> 0 THEN (
                SELECT {_options("t.reloptions", "toast.")}
                FROM pg_class AS t WHERE t.oid = o.reltoastrelid
            ) END), '') || ')',
        ' TABLESPACE ' || CASE WHEN o.reltablespace <> 0 THEN (
            SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = o.reltablespace
        ) END)""",
    extra=_statements(
        "CASE WHEN o.reloftype <> 0 THEN"
        " 'ALTER TABLE ' || o.name || ' OF ' || format_type(o.reloftype, NULL) END",
        """CASE WHEN o.relispartition THEN (
            SELECT 'ALTER TABLE ' || i.inhparent::regclass || ' ATTACH PARTITION ' || o.name || ' '
                || pg_get_expr(o.relpartbound, o.oid)
                || CASE WHEN i.inhdetachpending THEN ' -- DETACH PENDING' ELSE '' END
            FROM pg_inherits AS i WHERE i.inhrelid = o.oid
        ) END""",
        "CASE WHEN o.relrowsecurity THEN"
        " 'ALTER TABLE ' || o.name || ' ENABLE ROW LEVEL SECURITY' END",
        "CASE WHEN o.relforcerowsecurity THEN"
        " 'ALTER TABLE ' || o.name || ' FORCE ROW LEVEL SECURITY' END",
        "CASE WHEN o.relreplident IN ('f', 'n') THEN 'ALTER TABLE ' || o.name"
        " || CASE o.relreplident WHEN 'f' THEN ' REPLICA IDENTITY FULL'"
        " ELSE ' REPLICA IDENTITY NOTHING' END END",
    ),
    owner="o.relowner",
    acl="o.relacl",
    acl_type="'r'",
)

COLUMN = Kind(
    catalog="pg_class",
    # Nullability is the column's: PostgreSQL 18 also keeps it as a constraint, under a name that
    # does not follow a renamed table, and older servers do not keep it at all.
    source="""relation AS o
        JOIN pg_attribute AS a ON a.attrelid = o.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type AS t ON t.oid = a.atttypid
        LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef
        LEFT JOIN pg_constraint AS n
            ON n.conrelid = a.attrelid AND n.contype = 'n' AND n.conkey[1] = a.attnum
        WHERE o.relkind IN ('r', 'p', 'f', 'v', 'm', 'i', 'I')""",
    kind="'column'",
    name="o.name || '.' || quote_ident(a.attname)",
    column="a.attnum",
    table="o.oid",
    position="a.attnum",
    # The columns of views and indexes are told by their definitions, unless somebody tuned them.
    definition="""CASE WHEN o.relkind IN ('r', 'p', 'f') OR d.oid IS NOT NULL
            OR coalesce(a.attstattarget, -1) >= 0 OR a.attoptions IS NOT NULL
            OR (o.relkind = 'm' AND (a.attstorage <> t.typstorage OR a.attcompression <> ''))
        THEN concat(
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation NOT IN (0, t.typcollation)
                THEN ' COLLATE ' || a.attcollation::regcollation END,
            CASE a.attidentity
                WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
            END,
            CASE a.attgenerated
                WHEN 's' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
                    || ') STORED'
                WHEN 'v' THEN ' GENERATED ALWAYS AS (' || pg_get_expr(d.adbin, d.adrelid)
                    || ') VIRTUAL'
                ELSE ' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
            END,
            CASE WHEN a.attnotnull THEN ' NOT NULL' END,
            CASE WHEN n.connoinherit THEN ' NO INHERIT' END,
            CASE WHEN NOT n.convalidated THEN ' NOT VALID' END)
        END""",
    extra=_statements(
        *(
            f"CASE WHEN {condition} THEN 'ALTER TABLE ' || o.name || ' ALTER COLUMN '"
            f" || quote_ident(a.attname) || {change} END"
            for condition, change in {
                "a.attstorage <> t.typstorage AND o.relkind IN ('r', 'p', 'm')": (
                    "' SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN'"
                    " WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END"
                ),
                "a.attcompression <> ''": (
                    "' SET COMPRESSION ' || CASE a.attcompression"
                    " WHEN 'l' THEN 'lz4' ELSE 'pglz' END"
                ),
                "coalesce(a.attstattarget, -1) >= 0": "' SET STATISTICS ' || a.attstattarget",
                "a.attoptions IS NOT NULL": f"' SET (' || {_options('a.attoptions')} || ')'",
                "a.attfdwoptions IS NOT NULL": _foreign_options("a.attfdwoptions"),
            }.items()
        )
    ),
    owner="o.relowner",
    acl="a.attacl",
    acl_type="'c'",
)

# What the index behind a constraint may have of its own, as well as an index that stands alone.
_INDEX_STATEMENTS = (
    "CASE WHEN NOT i.indisvalid THEN '-- INVALID' END",
    "CASE WHEN NOT i.indisready THEN '-- NOT READY' END",
    "CASE WHEN x.relispartition THEN (SELECT 'ALTER INDEX ' || h.inhparent::regclass"
    " || ' ATTACH PARTITION ' || x.name FROM pg_inherits AS h WHERE h.inhrelid = x.oid) END",
    "CASE WHEN i.indisclustered THEN"
    " 'ALTER TABLE ' || i.indrelid::regclass || ' CLUSTER ON ' || quote_ident(x.relname) END",
    "CASE WHEN i.indisreplident THEN 'ALTER TABLE ' || i.indrelid::regclass"
    " || ' REPLICA IDENTITY USING INDEX ' || quote_ident(x.relname) END",
    "CASE WHEN x.reltablespace <> 0 THEN (SELECT 'ALTER INDEX ' || x.name || ' SET TABLESPACE '"
    " || quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = x.reltablespace) END",
)

CONSTRAINT = Kind(
    catalog="pg_constraint",
    # A foreign key to a partitioned table has a row for each partition beside its own.
    source="""relation AS r
        JOIN pg_constraint AS o ON o.conrelid = r.oid
        LEFT JOIN pg_index AS i
            ON i.indexrelid = o.conindid AND o.contype IN ('p', 'u', 'x')
        LEFT JOIN relation AS x ON x.oid = i.indexrelid
        WHERE o.contype <> 't' AND NOT (o.conparentid <> 0 AND EXISTS (
            SELECT FROM pg_constraint AS p WHERE p.oid = o.conparentid AND p.conrelid = o.conrelid
        ))""",
    kind="'constraint'",
    name="r.name || '.' || quote_ident(o.conname)",
    table="o.conrelid",
    address="'CONSTRAINT ' || quote_ident(o.conname) || ' ON ' || r.name",
    definition="CASE WHEN o.contype <> 'n' THEN pg_get_constraintdef(o.oid) END",
    extra=_statements(
        *_INDEX_STATEMENTS,
        "CASE WHEN x.reloptions IS NOT NULL THEN"
        f" 'ALTER INDEX ' || x.name || ' SET (' || {_options('x.reloptions')} || ')' END",
        # DISABLE TRIGGER ALL silences foreign keys, on one side or on both.
        """CASE WHEN o.contype = 'f' THEN (
            SELECT '-- triggers disabled on ' || string_agg(DISTINCT t.tgrelid::regclass::text,
                ', ' ORDER BY t.tgrelid::regclass::text)
            FROM pg_trigger AS t WHERE t.tgconstraint = o.oid AND t.tgenabled <> 'O'
        ) END""",
    ),
)

DOMAIN_CONSTRAINT = Kind(
    catalog="pg_constraint",
    source="""pg_constraint AS o
        JOIN pg_type AS t ON t.oid = o.contypid
        JOIN schema AS s ON s.oid = t.typnamespace
        WHERE NOT EXISTS (SELECT FROM member AS m
            WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)""",
    kind="'constraint'",
    name="concat_ws('.', s.name, quote_ident(t.typname), quote_ident(o.conname))",
    address="'CONSTRAINT ' || quote_ident(o.conname) || ' ON DOMAIN '"
    " || format_type(o.contypid, NULL)",
    definition="CASE WHEN o.contype <> 'n' THEN pg_get_constraintdef(o.oid) END",
)

INDEX = Kind(
    catalog="pg_class",
    source="""pg_index AS i
        JOIN relation AS x ON x.oid = i.indexrelid
        LEFT JOIN pg_constraint AS k
            ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
            AND k.contype IN ('p', 'u', 'x')""",
    kind="'index'",
    oid="x.oid",
    name="x.name",
    table="i.indrelid",
    definition="CASE WHEN k.oid IS NULL THEN pg_get_indexdef(x.oid) END",
    extra=_statements(*_INDEX_STATEMENTS),
)

SEQUENCE = Kind(
    catalog="pg_class",
    # Where a sequence stands is data, and left out.
    source="""relation AS o
        JOIN pg_sequence AS s ON s.seqrelid = o.oid
        LEFT JOIN pg_depend AS d
            ON d.classid = 'pg_class'::regclass AND d.objid = o.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
            AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid""",
    kind="'sequence'",
    name="o.name",
    table="coalesce(d.refobjid, 0)",
    # The sequence of an identity column is made by the column.
    position="CASE d.deptype WHEN 'i' THEN -1 ELSE 0 END",
    definition="""concat('CREATE ', CASE o.relpersistence WHEN 'u' THEN 'UNLOGGED ' END,
        'SEQUENCE ', o.name, ' AS ', format_type(s.seqtypid, NULL),
        ' INCREMENT BY ', s.seqincrement, ' MINVALUE ', s.seqmin, ' MAXVALUE ', s.seqmax,
        ' START WITH ', s.seqstart, ' CACHE ', s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END)
    """,
    extra=_statements(
        "'ALTER SEQUENCE ' || o.name || ' OWNED BY ' || d.refobjid::regclass || '.'"
        " || quote_ident(a.attname)"
    ),
    owner="o.relowner",
    acl="o.relacl",
    acl_type="'s'",
)

VIEW = Kind(
    catalog="pg_class",
    source="relation AS o WHERE o.relkind IN ('v', 'm')",
    kind="CASE o.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END",
    name="o.name",
    table="o.oid",
    definition=f"""concat(
        'CREATE ', CASE o.relkind WHEN 'm' THEN 'MATERIALIZED ' END, 'VIEW ', o.name,
        CASE WHEN o.relkind = 'm' THEN (
            SELECT ' USING ' || quote_ident(a.amname)
            FROM pg_am AS a WHERE a.oid = o.relam AND a.amname <> 'heap'
        ) END,
        ' WITH (' || {_options("o.reloptions")} || ')',
        ' TABLESPACE ' || CASE WHEN o.reltablespace <> 0 THEN (
            SELECT quote_ident(s.spcname) FROM pg_tablespace AS s WHERE s.oid = o.reltablespace
        ) END,
        ' AS', chr(10), rtrim(pg_get_viewdef(o.oid, true), ';'),
        CASE WHEN o.relkind = 'm' AND NOT o.relispopulated THEN chr(10) || 'WITH NO DATA' END)""",
    owner="o.relowner",
    acl="o.relacl",
    acl_type="'r'",
)

_TYPE_SOURCE = """pg_type AS o JOIN schema AS s ON s.oid = o.typnamespace"""

ENUM = Kind(
    catalog="pg_type",
    source=f"{_TYPE_SOURCE} WHERE o.typtype = 'e'",
    kind="'type'",
    name="s.name || '.' || quote_ident(o.typname)",
    definition="""(
        SELECT 'CREATE TYPE ' || format_type(o.oid, NULL) || ' AS ENUM ('
            || coalesce(string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), '')
            || ')'
        FROM pg_enum AS e WHERE e.enumtypid = o.oid)""",
    owner="o.typowner",
    acl="o.typacl",
    acl_type="'T'",
)

COMPOSITE = Kind(
    catalog="pg_type",
    source=f"{_TYPE_SOURCE} JOIN relation AS r ON r.oid = o.typrelid AND r.relkind = 'c'",
    kind="'type'",
    name="s.name || '.' || quote_ident(o.typname)",
    # The order of attributes counts here: it is the meaning of a row literal.
    definition="""(
        SELECT 'CREATE TYPE ' || r.name || ' AS (' || coalesce(string_agg(concat(
                quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attcollation NOT IN (0, t.typcollation)
                    THEN ' COLLATE ' || a.attcollation::regcollation END
            ), ', ' ORDER BY a.attnum), '') || ')'
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = r.oid AND a.attnum > 0)""",
    owner="o.typowner",
    acl="o.typacl",
    acl_type="'T'",
)

RANGE = Kind(
    catalog="pg_type",
    source=f"{_TYPE_SOURCE} JOIN pg_range AS r ON r.rngtypid = o.oid"
    " JOIN pg_opclass AS c ON c.oid = r.rngsubopc",
    kind="'type'",
    name="s.name || '.' || quote_ident(o.typname)",
    definition=f"""concat('CREATE TYPE ', format_type(o.oid, NULL), ' AS RANGE (',
        concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
            'SUBTYPE_OPCLASS = ' || CASE WHEN NOT c.opcdefault
                THEN concat_ws('.', c.opcnamespace::regnamespace, quote_ident(c.opcname)) END,
            'COLLATION = ' || nullif(r.rngcollation, 0)::regcollation,
            'CANONICAL = ' || {_function("r.rngcanonical")},
            'SUBTYPE_DIFF = ' || {_function("r.rngsubdiff")},
            'MULTIRANGE_TYPE_NAME = ' || format_type(r.rngmultitypid, NULL)), ')')""",
    owner="o.typowner",
    acl="o.typacl",
    acl_type="'T'",
)

DOMAIN = Kind(
    catalog="pg_type",
    source=f"{_TYPE_SOURCE} JOIN pg_type AS b ON b.oid = o.typbasetype WHERE o.typtype = 'd'",
    kind="'domain'",
    name="s.name || '.' || quote_ident(o.typname)",
    definition="""concat('CREATE DOMAIN ', format_type(o.oid, NULL), ' AS ',
        format_type(o.typbasetype, o.typtypmod),
        CASE WHEN o.typcollation NOT IN (0, b.typcollation)
            THEN ' COLLATE ' || o.typcollation::regcollation END,
        ' DEFAULT ' || pg_get_expr(o.typdefaultbin, 0),
        CASE WHEN o.typnotnull THEN ' NOT NULL' END)""",
    owner="o.typowner",
    acl="o.typacl",
    acl_type="'T'",
)

BASE_TYPE = Kind(
    catalog="pg_type",
    source=f"""{_TYPE_SOURCE} WHERE (o.typtype = 'b' OR NOT o.typisdefined)
        AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = o.oid)""",
    kind="'type'",
    name="s.name || '.' || quote_ident(o.typname)",
    definition=f"""concat('CREATE TYPE ', format_type(o.oid, NULL), CASE WHEN o.typisdefined THEN
        ' (' || concat_ws(', ', 'INPUT = ' || {_function("o.typinput")},
            'OUTPUT = ' || {_function("o.typoutput")},
            'RECEIVE = ' || {_function("o.typreceive")}, 'SEND = ' || {_function("o.typsend")},
            'INTERNALLENGTH = ' || o.typlen, 'ALIGNMENT = ' || o.typalign::text,
            'STORAGE = ' || o.typstorage::text,
            'CATEGORY = ' || quote_literal(o.typcategory::text)) || ')'
        END)""",
    owner="o.typowner",
    acl="o.typacl",
    acl_type="'T'",
)

FUNCTION = Kind(
    catalog="pg_proc",
    source="""pg_proc AS o
        JOIN schema AS s ON s.oid = o.pronamespace
        LEFT JOIN pg_aggregate AS g ON g.aggfnoid = o.oid""",
    kind="CASE o.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END",
    name="concat(s.name, '.', quote_ident(o.proname), '(', oidvectortypes(o.proargtypes), ')')",
    definition=f"""CASE WHEN o.prokind <> 'a' THEN rtrim(pg_get_functiondef(o.oid), chr(10))
        ELSE concat('CREATE AGGREGATE ', s.name, '.', quote_ident(o.proname),
            '(', coalesce(nullif(pg_get_function_arguments(o.oid), ''), '*'), ') (',
            concat_ws(', ', 'SFUNC = ' || {_function("g.aggtransfn")},
                'STYPE = ' || format_type(g.aggtranstype, NULL),
                'SSPACE = ' || nullif(g.aggtransspace, 0),
                'FINALFUNC = ' || {_function("g.aggfinalfn")},
                CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
                'FINALFUNC_MODIFY = ' || CASE WHEN g.aggfinalfn <> 0 THEN CASE g.aggfinalmodify
                    WHEN 's' THEN 'SHAREABLE' WHEN 'w' THEN 'READ_WRITE' END END,
                'COMBINEFUNC = ' || {_function("g.aggcombinefn")},
                'SERIALFUNC = ' || {_function("g.aggserialfn")},
                'DESERIALFUNC = ' || {_function("g.aggdeserialfn")},
                'INITCOND = ' || quote_literal(g.agginitval),
                'MSFUNC = ' || {_function("g.aggmtransfn")},
                'MINVFUNC = ' || {_function("g.aggminvtransfn")},
                'MSTYPE = ' || format_type(nullif(g.aggmtranstype, 0), NULL),
                'MFINALFUNC = ' || {_function("g.aggmfinalfn")},
                'MINITCOND = ' || quote_literal(g.aggminitval),
                'SORTOP = ' || nullif(g.aggsortop, 0)::regoper,
                CASE g.aggkind WHEN 'h' THEN 'HYPOTHETICAL' END,
                'PARALLEL = ' || CASE o.proparallel
                    WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END), ')')
        END""",
    owner="o.proowner",
    acl="o.proacl",
    acl_type="'f'",
)

OPERATOR = Kind(
    catalog="pg_operator",
    source="pg_operator AS o JOIN schema AS s ON s.oid = o.oprnamespace",
    kind="'operator'",
    name="""concat(s.name, '.', o.oprname, ' (',
        CASE o.oprleft WHEN 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END, ', ',
        format_type(o.oprright, NULL), ')')""",
    definition=f"""concat('CREATE OPERATOR ', s.name, '.', o.oprname, ' (', concat_ws(', ',
        'FUNCTION = ' || {_function("o.oprcode")},
        'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL),
        'RIGHTARG = ' || format_type(nullif(o.oprright, 0), NULL),
        (SELECT 'COMMUTATOR = OPERATOR(' || c.oprnamespace::regnamespace || '.' || c.oprname || ')'
            FROM pg_operator AS c WHERE c.oid = o.oprcom),
        (SELECT 'NEGATOR = OPERATOR(' || c.oprnamespace::regnamespace || '.' || c.oprname || ')'
            FROM pg_operator AS c WHERE c.oid = o.oprnegate),
        'RESTRICT = ' || {_function("o.oprrest")}, 'JOIN = ' || {_function("o.oprjoin")},
        CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END), ')')
    """,
    owner="o.oprowner",
)

OPERATOR_CLASS = Kind(
    catalog="pg_opclass",
    source="pg_opclass AS o JOIN schema AS s ON s.oid = o.opcnamespace"
    " JOIN pg_am AS a ON a.oid = o.opcmethod",
    kind="'operator class'",
    name="concat(s.name, '.', quote_ident(o.opcname), ' USING ', quote_ident(a.amname))",
    definition="""concat('CREATE OPERATOR CLASS ', s.name, '.', quote_ident(o.opcname),
        CASE WHEN o.opcdefault THEN ' DEFAULT' END, ' FOR TYPE ', format_type(o.opcintype, NULL),
        ' USING ', quote_ident(a.amname), ' AS ',
        (SELECT string_agg(member, ', ' ORDER BY member) FROM (
            SELECT concat('OPERATOR ', p.amopstrategy, ' ', p.amopopr::regoperator)
            FROM pg_amop AS p WHERE p.amopfamily = o.opcfamily
            UNION ALL
            SELECT concat('FUNCTION ', p.amprocnum, ' ', p.amproc::regprocedure)
            FROM pg_amproc AS p WHERE p.amprocfamily = o.opcfamily
        ) AS part (member)),
        ', STORAGE ' || format_type(nullif(o.opckeytype, 0), NULL))""",
    owner="o.opcowner",
)

CAST = Kind(
    catalog="pg_cast",
    # Casts live in no schema: those above the oids of initdb are somebody's.
    source="pg_cast AS o WHERE o.oid >= 16384",
    kind="'cast'",
    name="concat('(', format_type(o.castsource, NULL), ' AS ',"
    " format_type(o.casttarget, NULL), ')')",
    definition="""concat('CREATE CAST (', format_type(o.castsource, NULL), ' AS ',
        format_type(o.casttarget, NULL), ')', CASE o.castmethod
            WHEN 'f' THEN ' WITH FUNCTION ' || o.castfunc::regprocedure
            WHEN 'i' THEN ' WITH INOUT' ELSE ' WITHOUT FUNCTION' END,
        CASE o.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' END)""",
)

COLLATION = Kind(
    catalog="pg_collation",
    source="pg_collation AS o JOIN schema AS s ON s.oid = o.collnamespace",
    kind="'collation'",
    name="s.name || '.' || quote_ident(o.collname)",
    definition="""concat('CREATE COLLATION ', s.name, '.', quote_ident(o.collname), ' (',
        concat_ws(', ', 'PROVIDER = ' || CASE o.collprovider
                WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'default' END,
            'LOCALE = ' || quote_literal(coalesce(to_jsonb(o) ->> 'colllocale',
                to_jsonb(o) ->> 'colliculocale')),
            'LC_COLLATE = ' || quote_literal(o.collcollate),
            'LC_CTYPE = ' || quote_literal(o.collctype),
            'RULES = ' || quote_literal(to_jsonb(o) ->> 'collicurules'),
            CASE WHEN NOT o.collisdeterministic THEN 'DETERMINISTIC = false' END), ')')""",
    owner="o.collowner",
)

TEXT_SEARCH_CONFIGURATION = Kind(
    catalog="pg_ts_config",
    source="pg_ts_config AS o JOIN schema AS s ON s.oid = o.cfgnamespace",
    kind="'text search configuration'",
    name="s.name || '.' || quote_ident(o.cfgname)",
    definition="""concat('CREATE TEXT SEARCH CONFIGURATION ', s.name, '.', quote_ident(o.cfgname),
        ' (PARSER = ', (SELECT concat_ws('.', p.prsnamespace::regnamespace, quote_ident(p.prsname))
            FROM pg_ts_parser AS p WHERE p.oid = o.cfgparser), ')')""",
    extra="""ARRAY(
        SELECT concat('ALTER TEXT SEARCH CONFIGURATION ', s.name, '.', quote_ident(o.cfgname),
            ' ADD MAPPING FOR ', t.alias, ' WITH ',
            string_agg(m.mapdict::regdictionary::text, ', ' ORDER BY m.mapseqno))
        FROM pg_ts_config_map AS m
        JOIN ts_token_type(o.cfgparser) AS t ON t.tokid = m.maptokentype
        WHERE m.mapcfg = o.oid
        GROUP BY t.alias ORDER BY t.alias)""",
    owner="o.cfgowner",
)

TEXT_SEARCH_DICTIONARY = Kind(
    catalog="pg_ts_dict",
    source="pg_ts_dict AS o JOIN schema AS s ON s.oid = o.dictnamespace",
    kind="'text search dictionary'",
    name="s.name || '.' || quote_ident(o.dictname)",
    definition="""concat('CREATE TEXT SEARCH DICTIONARY ', s.name, '.', quote_ident(o.dictname),
        ' (', (SELECT concat_ws(', ', 'TEMPLATE = ' || concat_ws('.',
                t.tmplnamespace::regnamespace, quote_ident(t.tmplname)), o.dictinitoption)
            FROM pg_ts_template AS t WHERE t.oid = o.dicttemplate), ')')""",
    owner="o.dictowner",
)

_FIRING = "CASE {0} WHEN 'D' THEN 'DISABLE {1} ' WHEN 'R' THEN 'ENABLE REPLICA {1} '"
_FIRING += " WHEN 'A' THEN 'ENABLE ALWAYS {1} ' END"

TRIGGER = Kind(
    catalog="pg_trigger",
    source="pg_trigger AS o JOIN relation AS r ON r.oid = o.tgrelid WHERE NOT o.tgisinternal",
    kind="'trigger'",
    name="r.name || '.' || quote_ident(o.tgname)",
    table="o.tgrelid",
    position="CASE o.tgparentid WHEN 0 THEN 0 ELSE -1 END",
    address="'TRIGGER ' || quote_ident(o.tgname) || ' ON ' || r.name",
    definition="pg_get_triggerdef(o.oid)",
    extra=_statements(
        f"'ALTER TABLE ' || r.name || ' ' || {_FIRING.format('o.tgenabled', 'TRIGGER')}"
        " || quote_ident(o.tgname)"
    ),
)

EVENT_TRIGGER = Kind(
    catalog="pg_event_trigger",
    source="pg_event_trigger AS o",
    kind="'event trigger'",
    name="quote_ident(o.evtname)",
    definition="""concat('CREATE EVENT TRIGGER ', quote_ident(o.evtname), ' ON ', o.evtevent,
        ' WHEN TAG IN (' || (SELECT string_agg(quote_literal(tag), ', ' ORDER BY tag)
            FROM unnest(o.evttags) AS tag) || ')',
        ' EXECUTE FUNCTION ', o.evtfoid::regproc, '()')""",
    extra=_statements(
        "'ALTER EVENT TRIGGER ' || quote_ident(o.evtname) || CASE o.evtenabled"
        " WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA'"
        " WHEN 'A' THEN ' ENABLE ALWAYS' END"
    ),
    owner="o.evtowner",
)

RULE = Kind(
    catalog="pg_rewrite",
    source="pg_rewrite AS o JOIN relation AS r ON r.oid = o.ev_class WHERE o.rulename <> '_RETURN'",
    kind="'rule'",
    name="r.name || '.' || quote_ident(o.rulename)",
    table="o.ev_class",
    address="'RULE ' || quote_ident(o.rulename) || ' ON ' || r.name",
    definition="rtrim(pg_get_ruledef(o.oid), ';')",
    extra=_statements(
        f"'ALTER TABLE ' || r.name || ' ' || {_FIRING.format('o.ev_enabled', 'RULE')}"
        " || quote_ident(o.rulename)"
    ),
)

POLICY = Kind(
    catalog="pg_policy",
    source="pg_policy AS o JOIN relation AS r ON r.oid = o.polrelid",
    kind="'policy'",
    name="r.name || '.' || quote_ident(o.polname)",
    table="o.polrelid",
    address="'POLICY ' || quote_ident(o.polname) || ' ON ' || r.name",
    definition="""concat('CREATE POLICY ', quote_ident(o.polname), ' ON ', r.name,
        CASE WHEN NOT o.polpermissive THEN ' AS RESTRICTIVE' END,
        CASE o.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT'
            WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' END,
        (SELECT ' TO ' || string_agg(g.role::regrole::text, ', ' ORDER BY g.role::regrole::text)
            FROM unnest(o.polroles) AS g (role) WHERE g.role <> 0),
        ' USING (' || pg_get_expr(o.polqual, o.polrelid) || ')',
        ' WITH CHECK (' || pg_get_expr(o.polwithcheck, o.polrelid) || ')')""",
)

EXTENSION = Kind(
    catalog="pg_extension",
    # No version: which one is installed is a property of the server's files, not of a revision.
    source="pg_extension AS o WHERE o.extname <> 'plpgsql'",
    kind="'extension'",
    name="quote_ident(o.extname)",
    definition="concat('CREATE EXTENSION ', quote_ident(o.extname),"
    " ' SCHEMA ', o.extnamespace::regnamespace)",
)

STATISTICS = Kind(
    catalog="pg_statistic_ext",
    source="pg_statistic_ext AS o JOIN schema AS s ON s.oid = o.stxnamespace",
    kind="'statistics'",
    name="s.name || '.' || quote_ident(o.stxname)",
    table="o.stxrelid",
    definition="pg_get_statisticsobjdef(o.oid)",
    extra=_statements(
        "CASE WHEN coalesce(o.stxstattarget, -1) >= 0 THEN 'ALTER STATISTICS ' || s.name || '.'"
        " || quote_ident(o.stxname) || ' SET STATISTICS ' || o.stxstattarget END"
    ),
    owner="o.stxowner",
)

DEFAULT_PRIVILEGES = Kind(
    catalog="pg_default_acl",
    source="""pg_default_acl AS o
        CROSS JOIN LATERAL (SELECT CASE o.defaclobjtype
            WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
            WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS'
        END) AS target (plural)""",
    kind="'default privileges'",
    name="""concat('for role ', o.defaclrole::regrole,
        ' in schema ' || nullif(o.defaclnamespace, 0)::regnamespace, ' on ', lower(plural))""",
    definition="array_to_string("
    + grants(
        "o.defaclacl",
        # Within a schema, default privileges add to the global ones: nothing is their baseline.
        "CASE o.defaclnamespace WHEN 0 THEN acldefault("
        "CASE o.defaclobjtype WHEN 'S' THEN 's' ELSE o.defaclobjtype END, o.defaclrole) END",
        "plural",
        prefix="concat('ALTER DEFAULT PRIVILEGES FOR ROLE ', o.defaclrole::regrole,"
        " ' IN SCHEMA ' || nullif(o.defaclnamespace, 0)::regnamespace, ' ')",
    )
    + ", ';' || chr(10))",
)

PUBLICATION = Kind(
    catalog="pg_publication",
    source="pg_publication AS o",
    kind="'publication'",
    name="quote_ident(o.pubname)",
    definition="""concat('CREATE PUBLICATION ', quote_ident(o.pubname),
        CASE WHEN o.puballtables THEN ' FOR ALL TABLES' END, ' WITH (', concat_ws(', ',
            'publish = ' || quote_literal(concat_ws(', ',
                CASE WHEN o.pubinsert THEN 'insert' END, CASE WHEN o.pubupdate THEN 'update' END,
                CASE WHEN o.pubdelete THEN 'delete' END,
                CASE WHEN o.pubtruncate THEN 'truncate' END)),
            CASE WHEN o.pubviaroot THEN 'publish_via_partition_root = true' END,
            CASE to_jsonb(o) ->> 'pubgencols'
                WHEN 's' THEN 'publish_generated_columns = stored' END), ')')""",
    owner="o.pubowner",
)

PUBLICATION_TABLE = Kind(
    catalog="pg_publication_rel",
    source="pg_publication_rel AS o JOIN pg_publication AS p ON p.oid = o.prpubid"
    " JOIN relation AS r ON r.oid = o.prrelid",
    kind="'publication table'",
    name="quote_ident(p.pubname) || '.' || r.name",
    table="o.prrelid",
    definition="""concat('ALTER PUBLICATION ', quote_ident(p.pubname), ' ADD TABLE ', r.name,
        ' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
            FROM unnest(o.prattrs) AS k (attnum)
            JOIN pg_attribute AS a ON a.attrelid = o.prrelid AND a.attnum = k.attnum) || ')',
        ' WHERE ' || pg_get_expr(o.prqual, o.prrelid))""",
    since=150000,
)

PUBLICATION_SCHEMA = Kind(
    catalog="pg_publication_namespace",
    source="pg_publication_namespace AS o JOIN pg_publication AS p ON p.oid = o.pnpubid"
    " JOIN schema AS s ON s.oid = o.pnnspid",
    kind="'publication schema'",
    name="quote_ident(p.pubname) || '.' || s.name",
    definition="concat('ALTER PUBLICATION ', quote_ident(p.pubname),"
    " ' ADD TABLES IN SCHEMA ', s.name)",
    since=150000,
)

FOREIGN_DATA_WRAPPER = Kind(
    catalog="pg_foreign_data_wrapper",
    source="pg_foreign_data_wrapper AS o",
    kind="'foreign data wrapper'",
    name="quote_ident(o.fdwname)",
    definition=f"""concat('CREATE FOREIGN DATA WRAPPER ', quote_ident(o.fdwname),
        ' HANDLER ' || {_function("o.fdwhandler")}, ' VALIDATOR ' || {_function("o.fdwvalidator")},
        {_foreign_options("o.fdwoptions")})""",
    owner="o.fdwowner",
    acl="o.fdwacl",
    acl_type="'F'",
)

SERVER = Kind(
    catalog="pg_foreign_server",
    # User mappings are left out: their options are passwords, and definitions get printed.
    source="pg_foreign_server AS o JOIN pg_foreign_data_wrapper AS w ON w.oid = o.srvfdw",
    kind="'server'",
    name="quote_ident(o.srvname)",
    definition=f"""concat('CREATE SERVER ', quote_ident(o.srvname),
        ' TYPE ' || quote_literal(o.srvtype), ' VERSION ' || quote_literal(o.srvversion),
        ' FOREIGN DATA WRAPPER ', quote_ident(w.fdwname), {_foreign_options("o.srvoptions")})""",
    owner="o.srvowner",
    acl="o.srvacl",
    acl_type="'S'",
)

KINDS = (
    SCHEMA,
    TABLE,
    COLUMN,
    CONSTRAINT,
    DOMAIN_CONSTRAINT,
    INDEX,
    SEQUENCE,
    VIEW,
    ENUM,
    COMPOSITE,
    RANGE,
    DOMAIN,
    BASE_TYPE,
    FUNCTION,
    OPERATOR,
    OPERATOR_CLASS,
    CAST,
    COLLATION,
    TEXT_SEARCH_CONFIGURATION,
    TEXT_SEARCH_DICTIONARY,
    TRIGGER,
    EVENT_TRIGGER,
    RULE,
    POLICY,
    EXTENSION,
    STATISTICS,
    DEFAULT_PRIVILEGES,
    PUBLICATION,
    PUBLICATION_TABLE,
    PUBLICATION_SCHEMA,
    FOREIGN_DATA_WRAPPER,
    SERVER,
)
