"""Triggers, rules, policies and default privileges as kinds of objects."""

from pybase.migrate.catalog._kinds._kind import Kind, grants, statements

_FIRING = "CASE {0} WHEN 'D' THEN 'DISABLE {1} ' WHEN 'R' THEN 'ENABLE REPLICA {1} '"
_FIRING += " WHEN 'A' THEN 'ENABLE ALWAYS {1} ' END"

TRIGGER = Kind(
    source="pg_trigger AS o JOIN relation AS r ON r.oid = o.tgrelid WHERE NOT o.tgisinternal",
    kind="'trigger'",
    path=("r.schema", "r.relname", "o.tgname"),
    table="o.tgrelid",
    position="CASE o.tgparentid WHEN 0 THEN 0 ELSE -1 END",
    address="'TRIGGER ' || quote_ident(o.tgname) || ' ON ' || r.name",
    definition="pg_get_triggerdef(o.oid)",
    extra=statements(
        f"'ALTER TABLE ' || r.name || ' ' || {_FIRING.format('o.tgenabled', 'TRIGGER')}"
        " || quote_ident(o.tgname)"
    ),
)

EVENT_TRIGGER = Kind(
    source="pg_event_trigger AS o",
    kind="'event trigger'",
    path=("o.evtname",),
    definition="""concat('CREATE EVENT TRIGGER ', quote_ident(o.evtname), ' ON ', o.evtevent,
        ' WHEN TAG IN (' || (SELECT string_agg(quote_literal(tag), ', ' ORDER BY tag)
            FROM unnest(o.evttags) AS tag) || ')',
        ' EXECUTE FUNCTION ', o.evtfoid::regproc, '()')""",
    extra=statements(
        "'ALTER EVENT TRIGGER ' || quote_ident(o.evtname) || CASE o.evtenabled"
        " WHEN 'D' THEN ' DISABLE' WHEN 'R' THEN ' ENABLE REPLICA'"
        " WHEN 'A' THEN ' ENABLE ALWAYS' END"
    ),
    owner="o.evtowner",
)

RULE = Kind(
    source="pg_rewrite AS o JOIN relation AS r ON r.oid = o.ev_class WHERE o.rulename <> '_RETURN'",
    kind="'rule'",
    path=("r.schema", "r.relname", "o.rulename"),
    table="o.ev_class",
    address="'RULE ' || quote_ident(o.rulename) || ' ON ' || r.name",
    definition="rtrim(pg_get_ruledef(o.oid), ';')",
    extra=statements(
        f"'ALTER TABLE ' || r.name || ' ' || {_FIRING.format('o.ev_enabled', 'RULE')}"
        " || quote_ident(o.rulename)"
    ),
)

POLICY = Kind(
    source="pg_policy AS o JOIN relation AS r ON r.oid = o.polrelid",
    kind="'policy'",
    path=("r.schema", "r.relname", "o.polname"),
    table="o.polrelid",
    address="'POLICY ' || quote_ident(o.polname) || ' ON ' || r.name",
    definition="""concat('CREATE POLICY ', quote_ident(o.polname), ' ON ', r.name,
        CASE WHEN NOT o.polpermissive THEN ' AS RESTRICTIVE' END,
        CASE o.polcmd WHEN 'r' THEN ' FOR SELECT' WHEN 'a' THEN ' FOR INSERT'
            WHEN 'w' THEN ' FOR UPDATE' WHEN 'd' THEN ' FOR DELETE' END,
        (SELECT ' TO ' || string_agg(g.role::regrole::text, ', ' ORDER BY g.role::regrole::text
                COLLATE "C")
            FROM unnest(o.polroles) AS g (role) WHERE g.role <> 0),
        ' USING (' || pg_get_expr(o.polqual, o.polrelid) || ')',
        ' WITH CHECK (' || pg_get_expr(o.polwithcheck, o.polrelid) || ')')""",
)

DEFAULT_PRIVILEGES = Kind(
    source="""pg_default_acl AS o
        CROSS JOIN LATERAL (SELECT CASE o.defaclobjtype
            WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
            WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS'
        END) AS target (plural)""",
    kind="'default privileges'",
    path=(),
    suffix="""concat('for role ', o.defaclrole::regrole,
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

KINDS = (TRIGGER, EVENT_TRIGGER, RULE, POLICY, DEFAULT_PRIVILEGES)
