"""What others use that is no relation: operators, publications, sequences, the database itself."""

from .case import ORDERS, Case, execute
from .relied_on import RELIED_ON

_SERVICES = f"""{RELIED_ON}
CREATE DOMAIN home_address AS address;
CREATE TABLE depots (
    id integer GENERATED ALWAYS AS IDENTITY CONSTRAINT pk_depots PRIMARY KEY,
    home home_address, parent integer
);
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
CREATE USER MAPPING FOR postgres SERVER elsewhere;
CREATE FOREIGN TABLE remote_orders (id bigint, note text) SERVER elsewhere;
CREATE COLLATION plain FROM "C";
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
CREATE CAST (address AS text) WITH INOUT AS ASSIGNMENT;
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert');
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;
CREATE SCHEMA app;
CREATE FUNCTION app.setval(name text) RETURNS text LANGUAGE sql AS 'SELECT name';
"""
_ENFORCED = f"""{ORDERS}
ALTER TABLE order_items ADD CONSTRAINT fk_items_product FOREIGN KEY (product_id)
    REFERENCES products NOT ENFORCED;
"""
_VIRTUAL = f"""{ORDERS}
ALTER TABLE orders ADD twice integer GENERATED ALWAYS AS (quantity * 2) VIRTUAL;
"""
_REFUSAL = 'raise NotImplementedError("What was there is not known.")'


def _final(name: str, upgrade: str, *expect: tuple[str, str], note: str = "") -> Case:
    return Case(name, _SERVICES, execute(upgrade), _REFUSAL, set(expect), note=note)


USED = [
    _final("cast_dropped", "DROP CAST (address AS text)",
           ("drops-object", "cast (public.address AS text)")),
    _final("collation_renamed", "ALTER COLLATION plain RENAME TO bare",
           ("drops-object", "collation public.plain")),
    _final("collation_replaced", 'DROP COLLATION plain; CREATE COLLATION plain FROM "POSIX"'),
    _final("operator_dropped", "DROP OPERATOR === (integer, integer)",
           ("drops-object", "operator public.=== (integer, integer)")),
    _final("text_search_configuration_dropped", "DROP TEXT SEARCH CONFIGURATION words",
           ("drops-object", "text search configuration public.words")),
    _final("user_mapping_dropped", "DROP USER MAPPING FOR postgres SERVER elsewhere",
           ("drops-object", "user mapping of server elsewhere")),
    _final("server_dropped", "DROP SERVER elsewhere CASCADE",
           ("drops-object", "server elsewhere"), ("drops-view", "remote_orders")),
    Case(
        "accepted_drop_of_an_operator", _SERVICES,
        execute("DROP OPERATOR === (integer, integer)"),
        execute("CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq)"),
        {("drops-object", "operator public.=== (integer, integer)")},
        accepted={"drops-object on operator public.=== (integer, integer)": "no query since May"},
    ),
]  # fmt: skip

PUBLICATIONS = [
    _final("publication_dropped", "DROP PUBLICATION changes", ("narrows-publication", "changes")),
    _final("publication_without_a_table", "ALTER PUBLICATION changes DROP TABLE feed",
           ("narrows-publication", "changes")),
    _final("publication_of_fewer_rows", "ALTER PUBLICATION changes SET TABLE feed WHERE (id > 3)",
           ("narrows-publication", "changes")),
    _final("publication_of_fewer_verbs", "ALTER PUBLICATION changes SET (publish = 'insert')",
           ("narrows-publication", "changes")),
    _final("publication_of_a_dropped_table", "DROP TABLE feed", ("drops-table", "feed")),
    Case(
        "accepted_narrower_publication", _SERVICES,
        execute("ALTER PUBLICATION changes DROP TABLE feed"),
        execute("ALTER PUBLICATION changes ADD TABLE feed"),
        {("narrows-publication", "changes")},
        accepted={"narrows-publication on changes": "the subscriber has left it out since May"},
    ),
    Case(
        "publication_that_leaves_a_table_out", _SERVICES,
        execute("ALTER PUBLICATION everything SET ALL TABLES EXCEPT (TABLE feed)"),
        execute("ALTER PUBLICATION everything SET ALL TABLES"),
        {("narrows-publication", "everything")},
        min_version=19,
    ),
    Case(
        "publication_of_one_more_table", _SERVICES,
        execute("ALTER PUBLICATION changes ADD TABLE unpublished"),
        execute("ALTER PUBLICATION changes DROP TABLE unpublished"),
    ),
]  # fmt: skip

SEQUENCES = [
    _final("function_of_its_own_named_setval", "SELECT app.setval('order_numbers')"),
    _final("sequence_restarted", "ALTER SEQUENCE order_numbers RESTART",
           ("narrows-sequence", "order_numbers")),
    _final("identity_restarted", "ALTER TABLE orders ALTER COLUMN id RESTART WITH 1",
           ("narrows-sequence", "orders")),
    _final("identity_with_an_end", "ALTER TABLE orders ALTER COLUMN id SET MAXVALUE 1000",
           ("narrows-sequence", "orders_id_seq")),
    Case(
        "sequence_of_fewer_bits", _SERVICES, execute("ALTER SEQUENCE order_numbers AS integer"),
        execute("ALTER SEQUENCE order_numbers AS bigint"), {("narrows-sequence", "order_numbers")},
    ),
    Case(
        "sequence_of_more_bits", _SERVICES, execute("ALTER SEQUENCE depots_id_seq AS bigint"),
        execute("ALTER SEQUENCE depots_id_seq AS integer"),
    ),
    _final("sequence_set_behind_the_rows",
           "SELECT setval('order_numbers', (SELECT coalesce(max(id), 0) + 1 FROM orders))"),
    _final("new_sequence_restarted", "CREATE SEQUENCE fresh; ALTER SEQUENCE fresh RESTART"),
]  # fmt: skip

ACCESS = [
    _final("connection_to_a_database_revoked", "REVOKE CONNECT ON DATABASE template1 FROM PUBLIC",
           ("narrows-access", "database template1")),
    _final(
        "connection_to_this_database_revoked",
        """
        DO $$ BEGIN
            EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
        END $$
        """,
        ("narrows-access", "the database"), ("depends-on-database", ""),
    ),
    _final("use_of_a_language_revoked", "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
           ("narrows-access", "language plpgsql")),
    _final("privilege_of_tables_to_come_revoked",
           "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM pg_monitor",
           ("narrows-access", "default privileges for role postgres on tables")),
    _final("privilege_of_functions_to_come_revoked",
           "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
           ("narrows-access", "default privileges for role postgres on functions")),
    Case(
        "privilege_of_tables_to_come_granted", _SERVICES,
        execute("ALTER DEFAULT PRIVILEGES GRANT INSERT ON TABLES TO pg_monitor"),
        execute("ALTER DEFAULT PRIVILEGES REVOKE INSERT ON TABLES FROM pg_monitor"),
    ),
]  # fmt: skip

OTHERS = [
    _final("foreign_column_dropped", "ALTER FOREIGN TABLE remote_orders DROP COLUMN note",
           ("drops-column", "remote_orders")),
    Case(
        "virtual_column_dropped", _VIRTUAL, 'op.drop_column("orders", "twice")', _REFUSAL,
        {("drops-column", "orders")}, min_version=18,
    ),
    Case(
        "foreign_key_enforced", _ENFORCED,
        execute("ALTER TABLE order_items ALTER CONSTRAINT fk_items_product ENFORCED"),
        execute("ALTER TABLE order_items ALTER CONSTRAINT fk_items_product NOT ENFORCED"),
        {("validates-constraint", "order_items")}, min_version=18,
    ),
    Case(
        "indexes_of_a_tablespace_moved", ORDERS,
        execute("ALTER INDEX ALL IN TABLESPACE pg_default SET TABLESPACE pg_default"), _REFUSAL,
        {("blocking-index-rebuild", t) for t in
         ("orders", "order_items", "customers", "products", "warehouses", "alembic_version")},
    ),
    Case(
        "tables_of_a_tablespace_moved", ORDERS,
        execute("ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default"), _REFUSAL,
        {("rewrites-table", t) for t in
         ("orders", "order_items", "customers", "products", "warehouses", "alembic_version")},
    ),
    _final("writes_redirected",
           "CREATE RULE r AS ON INSERT TO feed DO INSTEAD INSERT INTO notes VALUES (new.id)",
           ("discards-writes", "feed")),
]  # fmt: skip

CASES = [*USED, *PUBLICATIONS, *SEQUENCES, *ACCESS, *OTHERS]
