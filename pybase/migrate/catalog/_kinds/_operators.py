"""Operators, their classes and families, casts, and what is written in C, as kinds of objects."""

from pybase.migrate.catalog._kinds._kind import Kind, function_name, owned, statements

OPERATOR = Kind(
    source="pg_operator AS o JOIN schema AS s ON s.oid = o.oprnamespace",
    kind="'operator'",
    path=("s.nspname", "o.oprname"),
    label="concat(s.name, '.', o.oprname)",
    suffix="""concat(' (',
        CASE o.oprleft WHEN 0 THEN 'NONE' ELSE format_type(o.oprleft, NULL) END, ', ',
        format_type(o.oprright, NULL), ')')""",
    definition=f"""concat('CREATE OPERATOR ', s.name, '.', o.oprname, ' (', concat_ws(', ',
        'FUNCTION = ' || {function_name("o.oprcode")},
        'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL),
        'RIGHTARG = ' || format_type(nullif(o.oprright, 0), NULL),
        (SELECT 'COMMUTATOR = OPERATOR(' || c.oprnamespace::regnamespace || '.' || c.oprname || ')'
            FROM pg_operator AS c WHERE c.oid = o.oprcom),
        (SELECT 'NEGATOR = OPERATOR(' || c.oprnamespace::regnamespace || '.' || c.oprname || ')'
            FROM pg_operator AS c WHERE c.oid = o.oprnegate),
        'RESTRICT = ' || {function_name("o.oprrest")}, 'JOIN = ' || {function_name("o.oprjoin")},
        CASE WHEN o.oprcanhash THEN 'HASHES' END, CASE WHEN o.oprcanmerge THEN 'MERGES' END), ')')
    """,
    owner="o.oprowner",
)


def _members(condition: str) -> str:
    """Return the expression for the operators and functions of a class or family, else null."""
    return f"""(SELECT string_agg(member, ', ' ORDER BY member COLLATE "C") FROM (
            SELECT concat('OPERATOR ', p.amopstrategy, ' ', p.amopopr::regoperator,
                (SELECT ' FOR ORDER BY ' || concat_ws('.', f.opfnamespace::regnamespace,
                    quote_ident(f.opfname)) FROM pg_opfamily AS f WHERE f.oid = p.amopsortfamily))
            FROM pg_amop AS p
            WHERE {condition.format(catalog="pg_amop", family="p.amopfamily")}
            UNION ALL
            SELECT concat('FUNCTION ', p.amprocnum, ' (', format_type(p.amproclefttype, NULL), ', ',
                format_type(p.amprocrighttype, NULL), ') ', p.amproc::regprocedure)
            FROM pg_amproc AS p
            WHERE {condition.format(catalog="pg_amproc", family="p.amprocfamily")}
        ) AS part (member))"""


_OF_CLASS = """EXISTS (SELECT FROM pg_depend AS d
    WHERE d.classid = '{{catalog}}'::regclass AND d.objid = p.oid
    AND d.refclassid = 'pg_opclass'::regclass{})"""

OPERATOR_CLASS = Kind(
    source="pg_opclass AS o JOIN schema AS s ON s.oid = o.opcnamespace"
    " JOIN pg_am AS a ON a.oid = o.opcmethod JOIN pg_opfamily AS f ON f.oid = o.opcfamily",
    kind="'operator class'",
    path=("s.nspname", "o.opcname"),
    suffix="' USING ' || quote_ident(a.amname)",
    # A class needs an item: where all are of the family, that is the type which it stores anyway.
    definition=f"""(SELECT concat('CREATE OPERATOR CLASS ', s.name, '.', quote_ident(o.opcname),
            CASE WHEN o.opcdefault THEN ' DEFAULT' END,
            ' FOR TYPE ', format_type(o.opcintype, NULL), ' USING ', quote_ident(a.amname),
            ' FAMILY ', f.opfnamespace::regnamespace, '.', quote_ident(f.opfname), ' AS ',
            concat_ws(', ', items, 'STORAGE ' || format_type(coalesce(nullif(o.opckeytype, 0),
                CASE WHEN items IS NULL THEN o.opcintype END), NULL)))
        FROM (SELECT {_members(_OF_CLASS.format(" AND d.refobjid = o.oid"))}) AS m (items))""",
    owner="o.opcowner",
)

OPERATOR_FAMILY = Kind(
    # CREATE OPERATOR CLASS creates one, DROP OPERATOR CLASS leaves it.
    source="pg_opfamily AS o JOIN schema AS s ON s.oid = o.opfnamespace"
    " JOIN pg_am AS a ON a.oid = o.opfmethod",
    kind="'operator family'",
    path=("s.nspname", "o.opfname"),
    suffix="' USING ' || quote_ident(a.amname)",
    definition="concat('CREATE OPERATOR FAMILY ', s.name, '.', quote_ident(o.opfname), ' USING ',"
    " quote_ident(a.amname))",
    extra=statements(
        "'ALTER OPERATOR FAMILY ' || s.name || '.' || quote_ident(o.opfname) || ' USING '"
        " || quote_ident(a.amname) || ' ADD ' || "
        + _members(f"{{family}} = o.oid AND NOT {_OF_CLASS.format('')}")
    ),
    owner="o.opfowner",
)

CAST = Kind(
    # Casts have no schema: those above the oids of initdb are users'.
    source="pg_cast AS o WHERE o.oid >= 16384",
    kind="'cast'",
    path=(),
    suffix="concat('(', format_type(o.castsource, NULL), ' AS ',"
    " format_type(o.casttarget, NULL), ')')",
    definition="""concat('CREATE CAST (', format_type(o.castsource, NULL), ' AS ',
        format_type(o.casttarget, NULL), ')', CASE o.castmethod
            WHEN 'f' THEN ' WITH FUNCTION ' || o.castfunc::regprocedure
            WHEN 'i' THEN ' WITH INOUT' ELSE ' WITHOUT FUNCTION' END,
        CASE o.castcontext WHEN 'a' THEN ' AS ASSIGNMENT' WHEN 'i' THEN ' AS IMPLICIT' END)""",
)

TRANSFORM = Kind(
    source="pg_transform AS o JOIN pg_language AS l ON l.oid = o.trflang WHERE o.oid >= 16384",
    kind="'transform'",
    path=(),
    suffix="concat('FOR ', format_type(o.trftype, NULL), ' LANGUAGE ', quote_ident(l.lanname))",
    definition="""concat('CREATE TRANSFORM FOR ', format_type(o.trftype, NULL), ' LANGUAGE ',
        quote_ident(l.lanname), ' (', concat_ws(', ',
            'FROM SQL WITH FUNCTION ' || nullif(o.trffromsql::oid, 0)::regprocedure,
            'TO SQL WITH FUNCTION ' || nullif(o.trftosql::oid, 0)::regprocedure), ')')""",
)

LANGUAGE = Kind(
    source="pg_language AS o WHERE o.oid >= 16384",
    kind="'language'",
    path=("o.lanname",),
    definition=f"""concat('CREATE ', CASE WHEN o.lanpltrusted THEN 'TRUSTED ' END, 'LANGUAGE ',
        quote_ident(o.lanname), ' HANDLER ' || {function_name("o.lanplcallfoid")},
        ' INLINE ' || {function_name("o.laninline")},
        ' VALIDATOR ' || {function_name("o.lanvalidator")})""",
    **owned("o.lan", "l"),
)

ACCESS_METHOD = Kind(
    source="pg_am AS o WHERE o.oid >= 16384",
    kind="'access method'",
    path=("o.amname",),
    definition=f"""concat('CREATE ACCESS METHOD ', quote_ident(o.amname), ' TYPE ',
        CASE o.amtype WHEN 't' THEN 'TABLE' ELSE 'INDEX' END,
        ' HANDLER ', {function_name("o.amhandler")})""",
)

CONVERSION = Kind(
    source="pg_conversion AS o JOIN schema AS s ON s.oid = o.connamespace",
    kind="'conversion'",
    path=("s.nspname", "o.conname"),
    definition=f"""concat('CREATE ', CASE WHEN o.condefault THEN 'DEFAULT ' END, 'CONVERSION ',
        s.name, '.', quote_ident(o.conname),
        ' FOR ', quote_literal(pg_encoding_to_char(o.conforencoding)),
        ' TO ', quote_literal(pg_encoding_to_char(o.contoencoding)),
        ' FROM ', {function_name("o.conproc")})""",
    owner="o.conowner",
)

KINDS = (
    *(OPERATOR, OPERATOR_CLASS, OPERATOR_FAMILY, CAST),
    *(TRANSFORM, LANGUAGE, ACCESS_METHOD, CONVERSION),
)
