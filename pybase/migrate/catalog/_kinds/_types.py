"""Types, functions and collations as kinds of objects."""

from functools import partial

from pybase.migrate.catalog._kinds._kind import Kind, function_name, owned

_TYPE_SOURCE = "pg_type AS o JOIN schema AS s ON s.oid = o.typnamespace"
_type = partial(
    Kind,
    catalog="pg_type",
    kind="'type'",
    path=("s.nspname", "o.typname"),
    **owned("o.typ", "T"),
)

ENUM = _type(
    source=f"{_TYPE_SOURCE} WHERE o.typtype = 'e'",
    definition="""(
        SELECT 'CREATE TYPE ' || format_type(o.oid, NULL) || ' AS ENUM ('
            || coalesce(string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder), '')
            || ')'
        FROM pg_enum AS e WHERE e.enumtypid = o.oid)""",
)

COMPOSITE = _type(
    source=f"{_TYPE_SOURCE} JOIN relation AS r ON r.oid = o.typrelid AND r.relkind = 'c'",
    # The order of attributes counts here: row literals depend on it.
    definition="""(
        SELECT 'CREATE TYPE ' || r.name || ' AS (' || coalesce(string_agg(concat(
                quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
                CASE WHEN a.attcollation NOT IN (0, t.typcollation)
                    THEN ' COLLATE ' || a.attcollation::regcollation END
            ), ', ' ORDER BY a.attnum), '') || ')'
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = r.oid AND a.attnum > 0)""",
)

RANGE = _type(
    source=f"{_TYPE_SOURCE} JOIN pg_range AS r ON r.rngtypid = o.oid"
    " JOIN pg_opclass AS c ON c.oid = r.rngsubopc",
    definition=f"""concat('CREATE TYPE ', format_type(o.oid, NULL), ' AS RANGE (',
        concat_ws(', ', 'SUBTYPE = ' || format_type(r.rngsubtype, NULL),
            'SUBTYPE_OPCLASS = ' || CASE WHEN NOT c.opcdefault
                THEN concat_ws('.', c.opcnamespace::regnamespace, quote_ident(c.opcname)) END,
            'COLLATION = ' || nullif(r.rngcollation, 0)::regcollation,
            'CANONICAL = ' || {function_name("r.rngcanonical")},
            'SUBTYPE_DIFF = ' || {function_name("r.rngsubdiff")},
            'MULTIRANGE_TYPE_NAME = ' || format_type(r.rngmultitypid, NULL)), ')')""",
)

DOMAIN = _type(
    source=f"{_TYPE_SOURCE} JOIN pg_type AS b ON b.oid = o.typbasetype WHERE o.typtype = 'd'",
    kind="'domain'",
    definition="""concat('CREATE DOMAIN ', format_type(o.oid, NULL), ' AS ',
        format_type(o.typbasetype, o.typtypmod),
        CASE WHEN o.typcollation NOT IN (0, b.typcollation)
            THEN ' COLLATE ' || o.typcollation::regcollation END,
        ' DEFAULT ' || pg_get_expr(o.typdefaultbin, 0),
        CASE WHEN o.typnotnull THEN ' NOT NULL' END)""",
)

DOMAIN_CONSTRAINT = Kind(
    source="""pg_constraint AS o
        JOIN pg_type AS t ON t.oid = o.contypid
        JOIN schema AS s ON s.oid = t.typnamespace
        WHERE NOT EXISTS (SELECT FROM member AS m
            WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)""",
    kind="'constraint'",
    path=("s.nspname", "t.typname", "o.conname"),
    subtype="o.contype",
    address="'CONSTRAINT ' || quote_ident(o.conname) || ' ON DOMAIN '"
    " || format_type(o.contypid, NULL)",
    definition="CASE WHEN o.contype <> 'n' THEN pg_get_constraintdef(o.oid) END",
)

BASE_TYPE = _type(
    source=f"""{_TYPE_SOURCE} WHERE (o.typtype = 'b' OR NOT o.typisdefined)
        AND NOT EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = o.oid)""",
    definition=f"""concat('CREATE TYPE ', format_type(o.oid, NULL), CASE WHEN o.typisdefined THEN
        ' (' || concat_ws(', ', 'INPUT = ' || {function_name("o.typinput")},
            'OUTPUT = ' || {function_name("o.typoutput")},
            'RECEIVE = ' || {function_name("o.typreceive")},
            'SEND = ' || {function_name("o.typsend")},
            'INTERNALLENGTH = ' || o.typlen, 'ALIGNMENT = ' || o.typalign::text,
            'STORAGE = ' || o.typstorage::text,
            'CATEGORY = ' || quote_literal(o.typcategory::text)) || ')'
        END)""",
)

FUNCTION = Kind(
    source="""pg_proc AS o
        JOIN schema AS s ON s.oid = o.pronamespace
        LEFT JOIN pg_aggregate AS g ON g.aggfnoid = o.oid""",
    kind="CASE o.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END",
    path=("s.nspname", "o.proname"),
    suffix="concat('(', oidvectortypes(o.proargtypes), ')')",
    definition=f"""CASE WHEN o.prokind <> 'a' THEN rtrim(pg_get_functiondef(o.oid), chr(10))
        ELSE concat('CREATE AGGREGATE ', s.name, '.', quote_ident(o.proname),
            '(', coalesce(nullif(pg_get_function_arguments(o.oid), ''), '*'), ') (',
            concat_ws(', ', 'SFUNC = ' || {function_name("g.aggtransfn")},
                'STYPE = ' || format_type(g.aggtranstype, NULL),
                'SSPACE = ' || nullif(g.aggtransspace, 0),
                'FINALFUNC = ' || {function_name("g.aggfinalfn")},
                CASE WHEN g.aggfinalextra THEN 'FINALFUNC_EXTRA' END,
                'FINALFUNC_MODIFY = ' || CASE WHEN g.aggfinalfn <> 0 THEN CASE g.aggfinalmodify
                    WHEN 's' THEN 'SHAREABLE' WHEN 'w' THEN 'READ_WRITE' END END,
                'COMBINEFUNC = ' || {function_name("g.aggcombinefn")},
                'SERIALFUNC = ' || {function_name("g.aggserialfn")},
                'DESERIALFUNC = ' || {function_name("g.aggdeserialfn")},
                'INITCOND = ' || quote_literal(g.agginitval),
                'MSFUNC = ' || {function_name("g.aggmtransfn")},
                'MINVFUNC = ' || {function_name("g.aggminvtransfn")},
                'MSTYPE = ' || format_type(nullif(g.aggmtranstype, 0), NULL),
                'MFINALFUNC = ' || {function_name("g.aggmfinalfn")},
                'MINITCOND = ' || quote_literal(g.aggminitval),
                'SORTOP = ' || nullif(g.aggsortop, 0)::regoper,
                CASE g.aggkind WHEN 'h' THEN 'HYPOTHETICAL' END,
                'PARALLEL = ' || CASE o.proparallel
                    WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' END), ')')
        END""",
    **owned("o.pro", "f"),
)

COLLATION = Kind(
    source="pg_collation AS o JOIN schema AS s ON s.oid = o.collnamespace",
    kind="'collation'",
    path=("s.nspname", "o.collname"),
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

KINDS = (
    *(ENUM, COMPOSITE, RANGE, DOMAIN, DOMAIN_CONSTRAINT, BASE_TYPE),
    *(FUNCTION, COLLATION),
)
