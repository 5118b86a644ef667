"""Views, functions, triggers, schemas, privileges."""

from .case import ORDERS, ROUTINES, SCHEMAS, VIEWS, Case, alone, execute

REFRESHES = [
    Case(
        "refresh",
        VIEWS,
        'op.execute("REFRESH MATERIALIZED VIEW customer_totals")',
        "pass",
        {("refreshes-view", "customer_totals")},
    ),
    Case(
        "refresh_with_no_data",
        VIEWS,
        'op.execute("REFRESH MATERIALIZED VIEW customer_totals WITH NO DATA")',
        'op.execute("REFRESH MATERIALIZED VIEW customer_totals")',
        {("refreshes-view", "customer_totals"), ("empties-view", "customer_totals")},
        {("refreshes-view", "customer_totals")},
        note="fast, but every reader fails afterwards",
    ),
    Case(
        "refresh_concurrently",
        VIEWS,
        'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY customer_totals")',
        "pass",
        note="not a CONCURRENTLY that a transaction refuses",
    ),
    Case(
        "refresh_of_new_view",
        ORDERS,
        execute(
            """
            CREATE MATERIALIZED VIEW busy AS SELECT customer_id FROM orders WITH NO DATA;
            REFRESH MATERIALIZED VIEW busy;
            """
        ),
        'op.execute("DROP MATERIALIZED VIEW busy")',
    ),
]

TRIGGERS = [
    Case(
        "disable_all_triggers",
        ORDERS,
        'op.execute("ALTER TABLE orders DISABLE TRIGGER ALL")',
        'op.execute("ALTER TABLE orders ENABLE TRIGGER ALL")',
        {("disables-triggers", "orders")},
    ),
    Case(
        "disable_trigger_around_an_update",
        ROUTINES,
        execute(
            """
            ALTER TABLE orders DISABLE TRIGGER stamp;
            UPDATE orders SET quantity = 1 WHERE id = 1;
            ALTER TABLE orders ENABLE TRIGGER stamp;
            """
        ),
        'raise NotImplementedError("The quantity that was there is overwritten.")',
        {("disables-triggers", "orders")},
        note="switched on again at the end, but rows were written past the trigger",
    ),
    Case(
        "replication_role",
        ORDERS,
        execute(
            """
            SET LOCAL session_replication_role = replica;
            DELETE FROM customers WHERE id = 1;
            """
        ),
        'raise NotImplementedError("The customer is gone.")',
        {("disables-triggers", "")},
        note="switches foreign keys off for the session",
    ),
    Case(
        "create_trigger",
        ROUTINES,
        execute(
            """
            CREATE TRIGGER stamp_new BEFORE INSERT ON orders
                FOR EACH ROW EXECUTE FUNCTION stamp_order()
            """
        ),
        'op.execute("DROP TRIGGER stamp_new ON orders")',
    ),
    Case(
        "trigger_that_spares_a_backfill",
        ROUTINES,
        execute(
            """
            CREATE OR REPLACE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW
            WHEN (current_setting('app.backfill', true) IS DISTINCT FROM 'on')
            EXECUTE FUNCTION stamp_order()
            """
        ),
        execute(
            """
            CREATE OR REPLACE TRIGGER stamp BEFORE UPDATE ON orders FOR EACH ROW
            EXECUTE FUNCTION stamp_order()
            """
        ),
    ),
    Case(
        "backfill_with_the_trigger_on",
        ROUTINES,
        alone(
            execute("SET app.backfill = 'on'")
            + "\n"
            + execute(
                """
                DO $$
                DECLARE last_id bigint := 0; next_id bigint;
                BEGIN
                    LOOP
                        SELECT max(id) INTO next_id
                        FROM (SELECT id FROM orders WHERE id > last_id ORDER BY id LIMIT 1000) AS b;
                        EXIT WHEN next_id IS NULL;
                        UPDATE orders SET note = ''
                        WHERE id > last_id AND id <= next_id AND note IS NULL;
                        COMMIT;
                        last_id := next_id;
                    END LOOP;
                END $$
                """
            )
        ),
        'raise NotImplementedError("Empty notes cannot be told from missing ones.")',
    ),
    Case(
        "enable_trigger",
        f"{ROUTINES}ALTER TABLE orders DISABLE TRIGGER stamp;",
        'op.execute("ALTER TABLE orders ENABLE TRIGGER stamp")',
        'op.execute("ALTER TABLE orders DISABLE TRIGGER stamp")',
        (),
        {("disables-triggers", "orders")},
    ),
]

DROPS = [
    Case(
        "drop_schema_cascade",
        SCHEMAS,
        'op.execute("DROP SCHEMA billing CASCADE")',
        'raise NotImplementedError("The invoices are gone.")',
        {("drops-schema", "billing"), ("drops-table", "billing.invoices")},
    ),
    Case(
        "drop_view",
        VIEWS,
        'op.execute("DROP VIEW open_orders")',
        """
        op.execute(
            "CREATE VIEW open_orders AS SELECT id, customer_id, colour FROM orders"
            " WHERE status = 'new'"
        )
        """,
        {("drops-view", "open_orders")},
    ),
    Case(
        "drop_materialized_view",
        VIEWS,
        'op.execute("DROP MATERIALIZED VIEW IF EXISTS customer_totals")',
        'raise NotImplementedError("Nobody asked for the totals any more.")',
        {("drops-view", "customer_totals")},
    ),
    Case(
        "drop_function",
        ROUTINES,
        'op.execute("DROP FUNCTION order_label(bigint)")',
        execute(
            """
            CREATE FUNCTION order_label(bigint) RETURNS text LANGUAGE sql STABLE
                AS $$ SELECT number::text FROM orders WHERE id = $1 $$
            """
        ),
        {("drops-function", "order_label")},
    ),
    Case(
        "view_replaced_with_one_more_column",
        VIEWS,
        execute(
            """
            CREATE OR REPLACE VIEW open_orders AS
                SELECT id, customer_id, colour, total FROM orders WHERE status = 'new'
            """
        ),
        execute(
            """
            DROP VIEW open_orders;
            CREATE VIEW open_orders AS
                SELECT id, customer_id, colour FROM orders WHERE status = 'new';
            """
        ),
        note="in the downgrade the column that goes came with the upgrade",
    ),
    Case(
        "view_dropped_and_made_again",
        VIEWS,
        execute(
            """
            DROP VIEW open_orders;
            CREATE VIEW open_orders AS
                SELECT id, number, customer_id, colour FROM orders WHERE status = 'new';
            """
        ),
        execute(
            """
            DROP VIEW open_orders;
            CREATE VIEW open_orders AS
                SELECT id, customer_id, colour FROM orders WHERE status = 'new';
            """
        ),
        note="in one transaction, and every old column is there again",
    ),
    Case(
        "trigger_and_its_function_dropped",
        ROUTINES,
        execute("DROP TRIGGER stamp ON orders; DROP FUNCTION stamp_order()"),
        execute(
            """
            CREATE FUNCTION stamp_order() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN NEW.shipped_at = now(); RETURN NEW; END $$;
            CREATE TRIGGER stamp BEFORE UPDATE ON orders
                FOR EACH ROW EXECUTE FUNCTION stamp_order();
            """
        ),
        note="no application calls a trigger function",
    ),
    Case(
        "function_replaced",
        ROUTINES,
        execute(
            """
            CREATE OR REPLACE FUNCTION fixed_region() RETURNS text LANGUAGE sql IMMUTABLE
                AS $$ SELECT 'us'::text $$
            """
        ),
        execute(
            """
            CREATE OR REPLACE FUNCTION fixed_region() RETURNS text LANGUAGE sql IMMUTABLE
                AS $$ SELECT 'eu'::text $$
            """
        ),
    ),
]

RENAMES = [
    Case(
        "rename_view",
        VIEWS,
        'op.execute("ALTER VIEW open_orders RENAME TO new_orders")',
        'op.execute("ALTER VIEW new_orders RENAME TO open_orders")',
        {("renames-table", "open_orders")},
        note="to its readers a view is a table",
    ),
    Case(
        "rename_schema",
        SCHEMAS,
        'op.execute("ALTER SCHEMA billing RENAME TO finance")',
        'op.execute("ALTER SCHEMA finance RENAME TO billing")',
        {("renames-schema", "billing")},
        note="one finding; the tables in it are not listed as well",
    ),
]

ACCESS = [
    Case(
        "row_security_enabled",
        ORDERS,
        'op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")',
        'op.execute("ALTER TABLE orders DISABLE ROW LEVEL SECURITY")',
        {("narrows-access", "orders")},
        note="without a policy everyone but the owner sees an empty table",
    ),
    Case(
        "privilege_revoked",
        f"{ORDERS}GRANT SELECT ON orders TO PUBLIC;",
        'op.execute("REVOKE SELECT ON orders FROM PUBLIC")',
        'op.execute("GRANT SELECT ON orders TO PUBLIC")',
        {("narrows-access", "orders")},
    ),
    Case(
        "row_security_on_new_table",
        ORDERS,
        execute(
            """
            CREATE TABLE secrets (id uuid PRIMARY KEY, owner text);
            ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON secrets USING (owner = current_user);
            """
        ),
        'op.drop_table("secrets")',
    ),
    Case(
        "privilege_granted",
        ORDERS,
        'op.execute("GRANT SELECT ON orders TO PUBLIC")',
        'op.execute("REVOKE SELECT ON orders FROM PUBLIC")',
        note="the downgrade takes back only what the upgrade gave",
    ),
]

CASES = [*REFRESHES, *TRIGGERS, *DROPS, *RENAMES, *ACCESS]
