"""What others rely on without naming it: keys, attributes, results, access, the data of views."""

from .case import ROUTINES, Case, alone, execute

RELIED_ON = f"""{ROUTINES}
CREATE TYPE address AS (street text, zip text);
CREATE TYPE place AS (name text, address address);
CREATE TABLE shops (id bigint CONSTRAINT pk_shops PRIMARY KEY, home address, past address[]);
CREATE TABLE accounts (
    id bigint CONSTRAINT pk_accounts PRIMARY KEY,
    tenant bigint NOT NULL,
    email text NOT NULL,
    handle text,
    is_live boolean NOT NULL DEFAULT true,
    low integer,
    high integer,
    CONSTRAINT uq_accounts_tenant_email UNIQUE (tenant, email) INCLUDE (handle),
    CONSTRAINT ck_accounts_range CHECK (low < high)
);
CREATE UNIQUE INDEX uq_accounts_high_live ON accounts (high) WHERE is_live;
CREATE UNIQUE INDEX uq_accounts_email_lower ON accounts (lower(email));
CREATE INDEX ix_accounts_low ON accounts (low, high);
CREATE TABLE people (name text);
CREATE TABLE staff (wage integer) INHERITS (people);
CREATE TABLE feed (id bigint CONSTRAINT pk_feed PRIMARY KEY, code text NOT NULL, note text);
CREATE UNIQUE INDEX uq_feed_code ON feed (code);
CREATE UNIQUE INDEX uq_feed_code_note ON feed (code, note);
ALTER TABLE feed ADD CONSTRAINT uq_feed_note_code UNIQUE (note, code);
CREATE PUBLICATION changes FOR TABLE feed;
CREATE TABLE unpublished (id bigint CONSTRAINT pk_unpublished PRIMARY KEY, note text);
CREATE EXTENSION vector;
CREATE FUNCTION rate(amount integer, percent integer DEFAULT 19) RETURNS integer
    LANGUAGE sql IMMUTABLE AS $$ SELECT amount * percent $$;
CREATE VIEW shop_ids AS SELECT id FROM shops;
CREATE VIEW low_accounts AS SELECT id, email FROM accounts WHERE low < 10;
CREATE MATERIALIZED VIEW tenants AS SELECT tenant, count(*) AS n FROM accounts GROUP BY tenant;
CREATE UNIQUE INDEX uq_tenants ON tenants (tenant);
CREATE TABLE notes (id bigint CONSTRAINT pk_notes PRIMARY KEY, owner text, body text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = 'me');
CREATE POLICY reading ON notes FOR SELECT TO pg_monitor USING (owner = 'us');
CREATE POLICY short ON notes AS RESTRICTIVE USING (length(body) < 100);
GRANT SELECT ON orders, customers, notes, shop_ids TO pg_monitor;
GRANT SELECT (id, email) ON accounts TO pg_monitor;
GRANT USAGE ON SEQUENCE order_numbers TO pg_monitor;
GRANT USAGE ON SCHEMA public TO pg_monitor;
"""


def _case(name: str, upgrade: str, downgrade: str, *expect: tuple[str, str], **other: str) -> Case:
    return Case(name, RELIED_ON, execute(upgrade), execute(downgrade), set(expect), **other)


def _final(name: str, upgrade: str, *expect: tuple[str, str], note: str = "") -> Case:
    """A case that cannot be undone, or need not be."""
    refusal = 'raise NotImplementedError("What was there is not known.")'
    return Case(name, RELIED_ON, execute(upgrade), refusal, set(expect), note=note)


ATTRIBUTES = [
    _final(
        "attribute_dropped", "ALTER TYPE address DROP ATTRIBUTE zip", ("drops-attribute", "address")
    ),
    Case(
        "accepted_drop_of_an_attribute",
        RELIED_ON,
        execute("ALTER TYPE address DROP ATTRIBUTE zip"),
        'raise NotImplementedError("The values are out of reach.")',
        {("drops-attribute", "address")},
        accepted={"drops-attribute on address": "no reader since May"},
    ),
    Case(
        "attribute_dropped_by_the_downgrade",
        RELIED_ON,
        execute("SELECT 1"),
        execute("ALTER TYPE address DROP ATTRIBUTE zip"),
        (),
        {("downgrade-loses-data", "address"), ("downgrade-wrong", "")},
    ),
    _case(
        "attribute_added", "ALTER TYPE address ADD ATTRIBUTE city text",
        "ALTER TYPE address DROP ATTRIBUTE city",
    ),
    _case(
        "attribute_renamed", "ALTER TYPE address RENAME ATTRIBUTE zip TO code",
        "ALTER TYPE address RENAME ATTRIBUTE code TO zip", ("renames-attribute", "address"),
    ),
    _case(
        "attribute_shown_under_another_name",
        "CREATE VIEW postcodes AS SELECT id, (home).zip AS code FROM shops", "DROP VIEW postcodes",
    ),
    _case(
        "attribute_of_a_new_type",
        """
        CREATE TYPE span AS (low integer, high integer);
        ALTER TYPE span RENAME ATTRIBUTE low TO first;
        ALTER TYPE span DROP ATTRIBUTE high
        """,
        "DROP TYPE span",
    ),
]  # fmt: skip

KEYS = [
    _final(
        "column_of_a_key_dropped", "ALTER TABLE accounts DROP COLUMN tenant CASCADE",
        ("drops-column", "accounts"), ("drops-key", "accounts"), ("drops-view", "tenants"),
    ),
    _final(
        "included_column_dropped", "ALTER TABLE accounts DROP COLUMN handle",
        ("drops-column", "accounts"), ("drops-key", "accounts"),
        note="the key is on other columns, and goes with it",
    ),
    _final(
        "column_of_a_predicate_dropped", "ALTER TABLE accounts DROP COLUMN is_live",
        ("drops-column", "accounts"), ("drops-key", "accounts"),
    ),
    _final(
        "column_of_a_check_dropped", "ALTER TABLE accounts DROP COLUMN low CASCADE",
        ("drops-column", "accounts"), ("drops-view", "low_accounts"),
    ),
    _final(
        "referenced_column_dropped", "ALTER TABLE customers DROP COLUMN id CASCADE",
        ("drops-column", "customers"), ("drops-key", "customers"),
    ),
    _final(
        "column_of_a_primary_key_dropped", "ALTER TABLE unpublished DROP COLUMN id",
        ("drops-column", "unpublished"), ("drops-key", "unpublished"),
    ),
    _final(
        "column_with_a_key_of_its_own_dropped", "ALTER TABLE customers DROP COLUMN email",
        ("drops-column", "customers"),
        note="what needed the key needed the column",
    ),
    Case(
        "partial_unique_index_dropped",
        RELIED_ON,
        alone("op.execute('DROP INDEX CONCURRENTLY uq_accounts_high_live')"),
        alone(
            execute(
                "CREATE UNIQUE INDEX CONCURRENTLY uq_accounts_high_live"
                " ON accounts (high) WHERE is_live"
            )
        ),
        {("drops-key", "accounts")},
    ),
    Case(
        "accepted_drop_of_a_key",
        RELIED_ON,
        alone("op.execute('DROP INDEX CONCURRENTLY uq_accounts_email_lower')"),
        'raise NotImplementedError("There may be two by now.")',
        {("drops-key", "accounts")},
        accepted={"drops-key on accounts": "no ON CONFLICT since May"},
    ),
    _final(
        "key_kept_as_an_index", "ALTER TABLE feed DROP CONSTRAINT uq_feed_note_code",
        note="ON CONFLICT finds the columns in any order",
    ),
    _final(
        "key_made_deferrable",
        """
        ALTER TABLE unpublished DROP CONSTRAINT pk_unpublished,
            ADD CONSTRAINT pk_unpublished PRIMARY KEY (id) DEFERRABLE
        """,
        ("builds-key", "unpublished"), ("drops-key", "unpublished"),
    ),
    _case(
        "key_renamed", "ALTER INDEX uq_accounts_high_live RENAME TO uq_high",
        "ALTER INDEX uq_high RENAME TO uq_accounts_high_live",
    ),
    _case(
        "check_dropped", "ALTER TABLE accounts DROP CONSTRAINT ck_accounts_range",
        "ALTER TABLE accounts ADD CONSTRAINT ck_accounts_range CHECK (low < high) NOT VALID",
    ),
    _case(
        "key_of_a_new_table",
        """
        CREATE TABLE fresh (id bigint CONSTRAINT pk_fresh PRIMARY KEY, name text UNIQUE);
        ALTER TABLE fresh DROP CONSTRAINT pk_fresh;
        ALTER TABLE fresh DROP COLUMN name
        """,
        "DROP TABLE fresh",
    ),
]  # fmt: skip

PUBLISHED = [
    _final(
        "primary_key_of_a_published_table_dropped", "ALTER TABLE feed DROP CONSTRAINT pk_feed",
        ("drops-key", "feed"), ("loses-replica-identity", "feed"),
    ),
    _final(
        "column_of_a_published_key_dropped", "ALTER TABLE feed DROP COLUMN id",
        ("drops-column", "feed"), ("drops-key", "feed"), ("loses-replica-identity", "feed"),
    ),
    _case(
        "replica_identity_nothing", "ALTER TABLE feed REPLICA IDENTITY NOTHING",
        "ALTER TABLE feed REPLICA IDENTITY DEFAULT", ("loses-replica-identity", "feed"),
    ),
    _final(
        "table_without_a_key_published", "ALTER PUBLICATION changes ADD TABLE people",
        ("loses-replica-identity", "people"), ("loses-replica-identity", "staff"),
    ),
    _final(
        "schema_published", "CREATE PUBLICATION everything FOR TABLES IN SCHEMA public",
        ("loses-replica-identity", "people"), ("loses-replica-identity", "staff"),
    ),
    _final(
        "inserts_of_a_schema_published",
        "CREATE PUBLICATION added FOR TABLES IN SCHEMA public WITH (publish = 'insert')",
    ),
    Case(
        "primary_key_dropped_with_another_identity",
        RELIED_ON,
        execute(
            """
            ALTER TABLE feed REPLICA IDENTITY USING INDEX uq_feed_code;
            ALTER TABLE feed DROP CONSTRAINT pk_feed
            """
        ),
        'raise NotImplementedError("There may be two of an id by now.")',
        {("drops-key", "feed")},
        accepted={"drops-key on feed": "no ON CONFLICT since May"},
    ),
    _case(
        "published_new_table_without_a_key",
        "CREATE TABLE fresh (note text);\nALTER PUBLICATION changes ADD TABLE fresh",
        "DROP TABLE fresh",
    ),
]  # fmt: skip

FUNCTIONS = [
    _case(
        "function_with_another_result",
        """
        DROP FUNCTION fixed_region();
        CREATE FUNCTION fixed_region() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$
        """,
        """
        DROP FUNCTION fixed_region();
        CREATE FUNCTION fixed_region() RETURNS text LANGUAGE sql IMMUTABLE
            AS $$ SELECT 'eu'::text $$
        """,
        ("changes-function", "fixed_region"),
    ),
    _case(
        "function_without_its_default",
        """
        DROP FUNCTION rate(integer, integer);
        CREATE FUNCTION rate(amount integer, percent integer) RETURNS integer
            LANGUAGE sql IMMUTABLE AS $$ SELECT amount * percent $$
        """,
        """
        CREATE OR REPLACE FUNCTION rate(amount integer, percent integer DEFAULT 19)
            RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT amount * percent $$
        """,
        ("changes-function", "rate"),
    ),
    _case(
        "function_of_another_name_with_the_new_result",
        "CREATE FUNCTION region_id() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 1 $$",
        "DROP FUNCTION region_id()",
    ),
    _case(
        "function_dropped_to_be_created",
        """
        DROP FUNCTION fixed_region();
        CREATE FUNCTION fixed_region() RETURNS text LANGUAGE sql IMMUTABLE
            AS $$ SELECT 'us'::text $$
        """,
        """
        CREATE OR REPLACE FUNCTION fixed_region() RETURNS text LANGUAGE sql IMMUTABLE
            AS $$ SELECT 'eu'::text $$
        """,
        ("recreates-object", "fixed_region"),
    ),
]  # fmt: skip

_LOW = "CREATE VIEW low_accounts AS SELECT id, email FROM accounts WHERE low <"

VIEWS = [
    _case(
        "view_dropped_to_be_created", f"DROP VIEW low_accounts;\n{_LOW} 20",
        f"DROP VIEW low_accounts;\n{_LOW} 10", ("recreates-object", "low_accounts"),
    ),
    _case(
        "view_dropped_for_another_change",
        f"""
        DROP VIEW low_accounts;
        ALTER TABLE accounts RENAME COLUMN low TO least;
        {_LOW.replace("low <", "least <")} 10
        """,
        f"""
        DROP VIEW low_accounts;
        ALTER TABLE accounts RENAME COLUMN least TO low;
        {_LOW} 10
        """,
        ("renames-column", "accounts"),
        note="a statement in between may need it",
    ),
    _case(
        "view_dropped_and_granted_again",
        "DROP VIEW shop_ids;\nCREATE VIEW shop_ids AS SELECT id FROM shops WHERE id > 0;\n"
        "GRANT SELECT ON shop_ids TO pg_monitor",
        "CREATE OR REPLACE VIEW shop_ids AS SELECT id FROM shops",
    ),
    _case(
        "view_dropped_with_its_grants",
        "DROP VIEW shop_ids;\nCREATE VIEW shop_ids AS SELECT id FROM shops WHERE id > 0",
        "CREATE OR REPLACE VIEW shop_ids AS SELECT id FROM shops;\n"
        "GRANT SELECT ON shop_ids TO pg_monitor",
        ("recreates-object", "shop_ids"), ("narrows-access", "shop_ids"),
    ),
    _case(
        "view_replaced", f"{_LOW} 20".replace("CREATE", "CREATE OR REPLACE"),
        f"{_LOW} 10".replace("CREATE", "CREATE OR REPLACE"),
    ),
    _case(
        "view_with_the_rights_of_its_caller", "ALTER VIEW shop_ids SET (security_invoker = true)",
        "ALTER VIEW shop_ids RESET (security_invoker)", ("narrows-access", "shop_ids"),
    ),
    Case(
        "materialized_view_emptied",
        RELIED_ON,
        execute("REFRESH MATERIALIZED VIEW tenants WITH NO DATA"),
        execute("REFRESH MATERIALIZED VIEW tenants"),
        {("refreshes-view", "tenants"), ("empties-view", "tenants")},
        {("refreshes-view", "tenants")},
    ),
    _final(
        "materialized_view_created_again_without_data",
        """
        DROP MATERIALIZED VIEW tenants;
        CREATE MATERIALIZED VIEW tenants AS
            SELECT tenant, count(*) AS n FROM accounts GROUP BY tenant WITH NO DATA
        """,
        ("empties-view", "tenants"),
    ),
    _case(
        "materialized_view_without_data",
        "CREATE MATERIALIZED VIEW fresh AS SELECT id FROM accounts WITH NO DATA",
        "DROP MATERIALIZED VIEW fresh", ("view-without-data", "fresh"),
    ),
    _case(
        "materialized_view_of_another_name",
        "CREATE MATERIALIZED VIEW fresh AS SELECT id FROM accounts",
        "DROP MATERIALIZED VIEW fresh",
    ),
]  # fmt: skip

_OWN = "CREATE POLICY own ON notes USING (owner = 'me')"
_SHORT = "CREATE POLICY short ON notes AS RESTRICTIVE USING (length(body) < 100)"

POLICIES = [
    _case("policy_dropped", "DROP POLICY own ON notes", _OWN, ("narrows-access", "notes")),
    _case(
        "policy_narrowed", "ALTER POLICY own ON notes USING (owner = 'me' AND id > 0)",
        "ALTER POLICY own ON notes USING (owner = 'me')", ("narrows-access", "notes"),
    ),
    _case(
        "policy_for_fewer_roles", "ALTER POLICY own ON notes TO pg_monitor",
        "ALTER POLICY own ON notes TO PUBLIC", ("narrows-access", "notes"),
    ),
    _case(
        "policy_for_more_roles", "ALTER POLICY reading ON notes TO PUBLIC",
        "ALTER POLICY reading ON notes TO pg_monitor",
    ),
    _case(
        "policy_for_all_rows", "ALTER POLICY own ON notes USING (true)",
        "ALTER POLICY own ON notes USING (owner = 'me')",
    ),
    _case(
        "policy_under_another_name",
        "CREATE POLICY mine ON notes USING (owner = 'me');\nDROP POLICY own ON notes",
        f"{_OWN};\nDROP POLICY mine ON notes",
    ),
    _case(
        "policy_that_restricts",
        "CREATE POLICY old ON notes AS RESTRICTIVE FOR SELECT USING (id < 9)",
        "DROP POLICY old ON notes", ("narrows-access", "notes"),
    ),
    _case("restrictive_policy_dropped", "DROP POLICY short ON notes", _SHORT),
    _case("policy_added",
        "CREATE POLICY more ON notes USING (id = 1)", "DROP POLICY more ON notes"),
    _case(
        "policy_of_a_table_without_row_security", "CREATE POLICY any_shop ON shops USING (id = 1)",
        "DROP POLICY any_shop ON shops",
    ),
    _case(
        "row_security_forced", "ALTER TABLE notes FORCE ROW LEVEL SECURITY",
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY", ("narrows-access", "notes"),
    ),
    _case(
        "row_security_forced_where_there_is_none", "ALTER TABLE shops FORCE ROW LEVEL SECURITY",
        "ALTER TABLE shops NO FORCE ROW LEVEL SECURITY",
    ),
]  # fmt: skip

PRIVILEGES = [
    _case(
        f"privilege_revoked_on_{name}", f"REVOKE {what} FROM {role}", f"GRANT {what} TO {role}",
        ("narrows-access", relation),
    )
    for name, what, role, relation in (
        ("a_column", "SELECT (email) ON accounts", "pg_monitor", "accounts"),
        ("a_sequence", "USAGE ON SEQUENCE order_numbers", "pg_monitor", "order_numbers"),
        ("a_schema", "USAGE ON SCHEMA public", "pg_monitor, PUBLIC", "public"),
        ("a_function", "EXECUTE ON FUNCTION fixed_region()", "PUBLIC", "fixed_region"),
        ("a_type", "USAGE ON TYPE address", "PUBLIC", "address"),
        ("a_view", "SELECT ON shop_ids", "pg_monitor", "shop_ids"),
    )
]  # fmt: skip
PRIVILEGES += [
    _case(
        "privilege_moved_to_everyone",
        "GRANT SELECT ON customers TO PUBLIC;\nREVOKE SELECT ON customers FROM pg_monitor",
        "GRANT SELECT ON customers TO pg_monitor;\nREVOKE SELECT ON customers FROM PUBLIC",
    ),
    _case(
        "privilege_revoked_that_was_not_granted", "REVOKE SELECT ON products FROM pg_monitor",
        "SELECT 1",
    ),
    _case(
        "owner_changed", "ALTER TABLE shops OWNER TO pg_monitor",
        "ALTER TABLE shops OWNER TO CURRENT_USER", ("narrows-access", "shops"),
    ),
    _case(
        "owner_of_a_new_table",
        "CREATE TABLE fresh (id bigint);\nALTER TABLE fresh OWNER TO pg_monitor",
        "DROP TABLE fresh",
    ),
]  # fmt: skip

OTHERS = [
    _final(
        "extension_dropped", "DROP EXTENSION vector", ("drops-extension", "vector"),
    ),
    Case(
        "accepted_drop_of_an_extension",
        RELIED_ON,
        execute("DROP EXTENSION vector"),
        execute("CREATE EXTENSION vector"),
        {("drops-extension", "vector")},
        accepted={"drops-extension on vector": "no query needs it since May"},
    ),
    _case(
        "child_detached", "ALTER TABLE staff NO INHERIT people", "ALTER TABLE staff INHERIT people",
        ("detaches-child", "people"),
    ),
    Case(
        "accepted_detachment_of_a_child",
        RELIED_ON,
        execute("ALTER TABLE staff NO INHERIT people"),
        execute("ALTER TABLE staff INHERIT people"),
        {("detaches-child", "people")},
        accepted={"detaches-child on people": "nothing reads both since May"},
    ),
    Case(
        "child_attached",
        RELIED_ON,
        execute("CREATE TABLE guests (name text);\nALTER TABLE guests INHERIT people"),
        execute("ALTER TABLE guests NO INHERIT people;\nDROP TABLE guests"),
    ),
    Case(
        "virtual_column_that_is_required",
        RELIED_ON,
        execute("ALTER TABLE shops ADD twice bigint GENERATED ALWAYS AS (id * 2) VIRTUAL NOT NULL"),
        execute("ALTER TABLE shops DROP COLUMN twice"),
        {("sets-not-null", "shops")},
        min_version=18,
    ),
    Case(
        "virtual_column_with_a_check_not_valid",
        RELIED_ON,
        execute(
            """
            ALTER TABLE shops ADD twice bigint GENERATED ALWAYS AS (id * 2) VIRTUAL;
            ALTER TABLE shops ADD CONSTRAINT ck_twice CHECK (twice IS NOT NULL) NOT VALID
            """
        ),
        execute("ALTER TABLE shops DROP COLUMN twice"),
        min_version=18,
    ),
]  # fmt: skip

CASES = [
    *(*ATTRIBUTES, *KEYS, *PUBLISHED, *FUNCTIONS, *VIEWS, *POLICIES, *PRIVILEGES, *OTHERS),
]
