"""Extensions, text search, publications and foreign servers as kinds of objects."""

from pybase.migrate.catalog._kinds._kind import Kind, foreign_options, function_name, owned

EXTENSION = Kind(
    # No version and no comment: both come from the server's files, not from a revision. initdb
    # creates plpgsql.
    source="pg_extension AS o WHERE o.extname <> 'plpgsql'",
    kind="'extension'",
    path=("o.extname",),
    definition="concat('CREATE EXTENSION ', quote_ident(o.extname),"
    " ' SCHEMA ', o.extnamespace::regnamespace)",
)

TEXT_SEARCH_CONFIGURATION = Kind(
    source="pg_ts_config AS o JOIN schema AS s ON s.oid = o.cfgnamespace",
    kind="'text search configuration'",
    path=("s.nspname", "o.cfgname"),
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
    source="pg_ts_dict AS o JOIN schema AS s ON s.oid = o.dictnamespace",
    kind="'text search dictionary'",
    path=("s.nspname", "o.dictname"),
    definition="""concat('CREATE TEXT SEARCH DICTIONARY ', s.name, '.', quote_ident(o.dictname),
        ' (', (SELECT concat_ws(', ', 'TEMPLATE = ' || concat_ws('.',
                t.tmplnamespace::regnamespace, quote_ident(t.tmplname)), o.dictinitoption)
            FROM pg_ts_template AS t WHERE t.oid = o.dicttemplate), ')')""",
    owner="o.dictowner",
)

TEXT_SEARCH_PARSER = Kind(
    source="pg_ts_parser AS o JOIN schema AS s ON s.oid = o.prsnamespace",
    kind="'text search parser'",
    path=("s.nspname", "o.prsname"),
    definition=f"""concat('CREATE TEXT SEARCH PARSER ', s.name, '.', quote_ident(o.prsname), ' (',
        concat_ws(', ', 'START = ' || {function_name("o.prsstart")},
            'GETTOKEN = ' || {function_name("o.prstoken")},
            'END = ' || {function_name("o.prsend")},
            'HEADLINE = ' || {function_name("o.prsheadline")},
            'LEXTYPES = ' || {function_name("o.prslextype")}), ')')""",
)

TEXT_SEARCH_TEMPLATE = Kind(
    source="pg_ts_template AS o JOIN schema AS s ON s.oid = o.tmplnamespace",
    kind="'text search template'",
    path=("s.nspname", "o.tmplname"),
    definition=f"""concat('CREATE TEXT SEARCH TEMPLATE ', s.name, '.',
        quote_ident(o.tmplname), ' (', concat_ws(', ', 'INIT = ' || {function_name("o.tmplinit")},
            'LEXIZE = ' || {function_name("o.tmpllexize")}), ')')""",
)

PUBLICATION = Kind(
    source="pg_publication AS o",
    kind="'publication'",
    path=("o.pubname",),
    definition="""concat('CREATE PUBLICATION ', quote_ident(o.pubname),
        ' FOR ' || nullif(concat_ws(', ',
            CASE WHEN o.puballtables THEN concat('ALL TABLES', ' EXCEPT (TABLE ' || (
                SELECT string_agg(r.name, ', ' ORDER BY r.name) FROM pg_publication_rel AS e
                JOIN relation AS r ON r.oid = e.prrelid WHERE e.prpubid = o.oid) || ')') END,
            CASE WHEN (to_jsonb(o) ->> 'puballsequences')::boolean THEN 'ALL SEQUENCES' END), ''),
        ' WITH (', concat_ws(', ',
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
    # Those of a publication of all tables are its exceptions, which PostgreSQL 19 has.
    source="pg_publication_rel AS o"
    " JOIN pg_publication AS p ON p.oid = o.prpubid AND NOT p.puballtables"
    " JOIN relation AS r ON r.oid = o.prrelid",
    kind="'publication table'",
    path=("p.pubname", "r.schema", "r.relname"),
    table="o.prrelid",
    definition="""concat('ALTER PUBLICATION ', quote_ident(p.pubname), ' ADD TABLE ', r.name,
        ' (' || (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
            FROM unnest(o.prattrs) AS k (attnum)
            JOIN pg_attribute AS a ON a.attrelid = o.prrelid AND a.attnum = k.attnum) || ')',
        ' WHERE ' || pg_get_expr(o.prqual, o.prrelid))""",
    since=150000,
)

PUBLICATION_SCHEMA = Kind(
    source="pg_publication_namespace AS o JOIN pg_publication AS p ON p.oid = o.pnpubid"
    " JOIN schema AS s ON s.oid = o.pnnspid",
    kind="'publication schema'",
    path=("p.pubname", "s.nspname"),
    definition="concat('ALTER PUBLICATION ', quote_ident(p.pubname),"
    " ' ADD TABLES IN SCHEMA ', s.name)",
    since=150000,
)

FOREIGN_DATA_WRAPPER = Kind(
    source="pg_foreign_data_wrapper AS o",
    kind="'foreign data wrapper'",
    path=("o.fdwname",),
    definition=f"""concat('CREATE FOREIGN DATA WRAPPER ', quote_ident(o.fdwname),
        ' HANDLER ' || {function_name("o.fdwhandler")},
        ' VALIDATOR ' || {function_name("o.fdwvalidator")},
        ' CONNECTION ' || {function_name("(to_jsonb(o) ->> 'fdwconnection')::oid")},
        {foreign_options("o.fdwoptions")})""",
    **owned("o.fdw", "F"),
)

SERVER = Kind(
    # User mappings are left out: their options are passwords, and definitions get printed.
    source="pg_foreign_server AS o JOIN pg_foreign_data_wrapper AS w ON w.oid = o.srvfdw",
    kind="'server'",
    path=("o.srvname",),
    definition=f"""concat('CREATE SERVER ', quote_ident(o.srvname),
        ' TYPE ' || quote_literal(o.srvtype), ' VERSION ' || quote_literal(o.srvversion),
        ' FOREIGN DATA WRAPPER ', quote_ident(w.fdwname), {foreign_options("o.srvoptions")})""",
    **owned("o.srv", "S"),
)

KINDS = (
    *(EXTENSION, TEXT_SEARCH_CONFIGURATION, TEXT_SEARCH_DICTIONARY),
    *(TEXT_SEARCH_PARSER, TEXT_SEARCH_TEMPLATE),
    *(PUBLICATION, PUBLICATION_TABLE, PUBLICATION_SCHEMA, FOREIGN_DATA_WRAPPER, SERVER),
)
