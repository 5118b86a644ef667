"""What a rehearsal cannot show: code that asks where it runs, and writes that are lost unseen."""

from .case import ORDERS, VIEWS, Case, execute

KEPT = 'raise NotImplementedError("What was there is overwritten.")'
ASKS = ("depends-on-database", "")

SETTINGS = [
    Case(
        "search_path_for_the_rest_of_the_run",
        ORDERS,
        execute("SET search_path TO app, public"),
        execute("SET ROLE postgres"),
        {("sets-session", "")},
        {("sets-session", "")},
    ),
    Case(
        "settings_that_end_with_the_revision",
        ORDERS,
        execute(
            """
            SET lock_timeout = '1s'; SET LOCAL search_path TO app, public;
            SET TimeZone TO 'Asia/Tokyo'; RESET TimeZone;
            SET ROLE postgres; RESET ALL
            """
        ),
        execute("SELECT 1"),
    ),
    Case(
        "settings_that_begin_a_dump",
        ORDERS,
        execute(
            """
            SET statement_timeout = 0; SET check_function_bodies = false; SET row_security = off;
            SET default_tablespace = ''; SET default_table_access_method = heap
            """
        ),
        execute("SELECT 1"),
    ),
]

DEPENDENT = [
    Case(
        "update_with_the_name_of_the_role",
        ORDERS,
        execute("UPDATE customers SET name = current_user WHERE id = 1"),
        KEPT,
        {ASKS},
    ),
    Case(
        "block_that_deletes_in_one_database",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                IF current_database() = 'production' THEN
                    DELETE FROM customers WHERE id = 1;
                END IF;
            END $$
            """
        ),
        KEPT,
        {ASKS},
        note="the rehearsal deletes nothing",
    ),
    Case(
        "block_that_hides_the_question_in_a_literal",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                EXECUTE 'DELETE FROM customers WHERE id = 1 AND inet_server_addr() IS NOT NULL';
            END $$
            """
        ),
        KEPT,
        {ASKS},
    ),
    Case(
        "function_that_asks_and_is_called",
        ORDERS,
        execute(
            """
            CREATE FUNCTION is_real() RETURNS boolean LANGUAGE sql
                AS $$ SELECT current_database() = 'production' $$;
            DELETE FROM customers WHERE id = 1 AND is_real()
            """
        ),
        'op.execute("DROP FUNCTION is_real()")',
        {ASKS},
    ),
    Case(
        "block_that_branches_by_a_number_of_rows",
        ORDERS,
        execute(
            """
            DO $$ DECLARE n bigint; BEGIN
                SELECT count(*) INTO n FROM orders;
                IF n > 1000 THEN
                    DELETE FROM customers WHERE id = 1;
                END IF;
            END $$
            """
        ),
        KEPT,
        {ASKS},
        note="there are three sample rows",
    ),
    Case(
        "condition_on_the_number_of_all_rows",
        ORDERS,
        execute("DELETE FROM customers WHERE id = 1 AND (SELECT count(*) FROM orders) > 1000"),
        KEPT,
        {ASKS},
    ),
    Case(
        "downgrade_that_asks_for_its_server",
        ORDERS,
        execute("UPDATE customers SET name = 'Test' WHERE id = 42"),
        execute("UPDATE customers SET name = version() WHERE id = 42"),
        (),
        {ASKS},
    ),
    # safe
    Case(
        "same_on_every_database",
        ORDERS,
        execute("UPDATE customers SET name = now()::text WHERE id = 42"),
        KEPT,
    ),
    Case(
        "default_that_asks_for_the_role_of_a_writer",
        ORDERS,
        execute("ALTER TABLE orders ALTER note SET DEFAULT current_user"),
        execute("ALTER TABLE orders ALTER note DROP DEFAULT"),
    ),
    Case(
        "number_of_the_rows_of_one_order",
        ORDERS,
        execute(
            "DELETE FROM orders WHERE id = 1"
            " AND (SELECT count(*) FROM order_items WHERE order_id = orders.id) = 0"
        ),
        KEPT,
    ),
    Case(
        "table_with_the_name_of_a_function",
        f"{ORDERS} CREATE TABLE version (id bigint PRIMARY KEY);",
        execute("INSERT INTO version (id) VALUES (1)"),
        execute("DELETE FROM version WHERE id = 1"),
    ),
]

UNSEEN = [
    Case(
        "rule_that_discards_writes",
        ORDERS,
        execute("CREATE RULE nothing AS ON INSERT TO orders DO INSTEAD NOTHING"),
        execute("DROP RULE nothing ON orders"),
        {("discards-writes", "orders")},
    ),
    Case(
        "rule_that_discards_some_writes_in_a_block",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                CREATE RULE a_few AS ON DELETE TO orders WHERE old.id > 1 DO INSTEAD NOTHING;
            END $$
            """
        ),
        execute("DROP RULE a_few ON orders"),
        {("discards-writes", "orders")},
        note="the state of a rehearsal has no rules: the block seems to lock and nothing else",
    ),
    Case(
        "triggers_disabled_inside_a_block",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                ALTER TABLE orders DISABLE TRIGGER ALL;
                UPDATE orders SET quantity = 1;
                ALTER TABLE orders ENABLE TRIGGER ALL;
            END $$
            """
        ),
        KEPT,
        {
            ("disables-triggers", "orders"),
            ("unbatched-data-change", "orders"),
            ("changes-data-under-lock", "orders"),
        },
        note="enabled again before it ends",
    ),
    Case(
        "triggers_disabled_where_the_sample_has_none",
        f"{ORDERS} CREATE TABLE plain (id bigint PRIMARY KEY);",
        execute("ALTER TABLE plain DISABLE TRIGGER ALL"),
        execute("ALTER TABLE plain ENABLE TRIGGER ALL"),
        {("disables-triggers", "plain")},
    ),
    Case(
        "replication_role_by_a_function",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                PERFORM set_config('session_replication_role', 'replica', true);
                UPDATE customers SET name = '';
                PERFORM set_config('session_replication_role', 'origin', true);
            END $$
            """
        ),
        KEPT,
        {("disables-triggers", ""), ("unbatched-data-change", "customers")},
    ),
    Case(
        "delete_between_all_keys",
        ORDERS,
        execute("DELETE FROM order_items WHERE id BETWEEN 0 AND 9223372036854775807"),
        KEPT,
        {("unbatched-data-change", "order_items")},
    ),
    Case(
        "update_between_keys_that_have_no_number",
        ORDERS,
        execute("UPDATE customers SET name = '' WHERE email BETWEEN '' AND 'z'"),
        KEPT,
        {("unbatched-data-change", "customers")},
    ),
    # safe
    Case(
        "trigger_that_refuses_writes",
        ORDERS,
        execute(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RAISE 'orders are closed'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON orders
                FOR EACH ROW EXECUTE FUNCTION refuse()
            """
        ),
        execute("DROP TRIGGER refuse ON orders; DROP FUNCTION refuse()"),
    ),
    Case(
        "rule_that_writes_through_a_view",
        VIEWS,
        execute(
            "CREATE RULE write AS ON DELETE TO open_orders"
            " DO INSTEAD DELETE FROM orders WHERE id = old.id"
        ),
        execute("DROP RULE write ON open_orders"),
    ),
]

CASES = [*SETTINGS, *DEPENDENT, *UNSEEN]
