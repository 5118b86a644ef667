"""Statements that differ in a detail: one has a hazard, its look-alike none."""

from .case import ORDERS, PARTITIONED, ROUTINES, VIEWS, Case, execute

_LOG = f"{ORDERS}CREATE TABLE log (id bigint NOT NULL, at date NOT NULL);"
_KEYED = f"{ORDERS}CREATE UNIQUE INDEX uq_orders_number ON orders (number);"


def _case(name: str, setup: str, upgrade: str, *expect: tuple[str, str]) -> Case:
    """A case whose downgrade is of no interest."""
    refusal = 'raise NotImplementedError("What was there is not known.")'
    return Case(name, setup, execute(upgrade), refusal, set(expect))


MOMENTS = [
    _case(
        "date_becomes_a_moment", ORDERS,
        "ALTER TABLE orders ALTER COLUMN ordered_on TYPE timestamptz",
        ("rewrites-table", "orders"), ("depends-on-time-zone", "orders"),
    ),
    _case(
        "moment_becomes_a_date", ORDERS, "ALTER TABLE orders ALTER COLUMN shipped_at TYPE date",
        ("rewrites-table", "orders"), ("depends-on-time-zone", "orders"),
    ),
    _case(
        "date_becomes_a_timestamp", ORDERS,
        "ALTER TABLE orders ALTER COLUMN ordered_on TYPE timestamp",
        ("rewrites-table", "orders"), ("timestamp-without-zone", "orders"),
    ),
    _case(
        "zone_set_by_a_function", ORDERS,
        """
        SELECT set_config('timezone', 'UTC', true);
        ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz
        """,
    ),
]  # fmt: skip

ROWS = [
    _case(
        "all_rows_of_an_array_of_places", ORDERS,
        "DELETE FROM order_items WHERE ctid = ANY (ARRAY(SELECT ctid FROM order_items))",
        ("unbatched-data-change", "order_items"),
    ),
    _case("one_row_by_its_place", ORDERS, "DELETE FROM order_items WHERE ctid = '(0,1)'"),
    _case(
        "few_rows_of_a_list", ORDERS,
        """
        UPDATE customers SET name = given.name
        FROM unnest(ARRAY[1, 2], ARRAY['a', 'b']) AS given (id, name)
        WHERE customers.id = given.id
        """,
    ),
    _case(
        "all_rows_of_a_list_of_all_keys", ORDERS,
        """
        UPDATE customers SET name = 'x'
        FROM unnest(ARRAY(SELECT customer_id FROM orders)) AS given (id)
        WHERE customers.id = given.id
        """,
        ("unbatched-data-change", "customers"),
    ),
    _case(
        "one_row_in_a_block", ORDERS,
        """
        DO $$ BEGIN
            IF EXISTS (SELECT FROM customers WHERE id = 1) THEN
                UPDATE customers SET name = 'x' WHERE id = 1;
            END IF;
        END $$
        """,
    ),
    _case(
        "all_rows_in_a_block_that_changes_one", ORDERS,
        """
        DO $$ DECLARE removed record; BEGIN
            FOR removed IN DELETE FROM order_items RETURNING id LOOP
                UPDATE customers SET name = 'x' WHERE id = 1;
            END LOOP;
        END $$
        """,
        ("unbatched-data-change", "order_items"),
    ),
    _case(
        "all_rows_in_a_block_that_has_none_of_them", ORDERS,
        "DO $$ BEGIN UPDATE customers SET name = 'x' WHERE id > 1000000; END $$",
        ("unbatched-data-change", "customers"),
    ),
]  # fmt: skip

_WITH_COLUMN = "ALTER TABLE warehouses ADD COLUMN note text;"
UNDER_A_LOCK = [
    _case(
        "held_for_a_condition", ORDERS,
        f"{_WITH_COLUMN} SELECT EXISTS (SELECT FROM orders WHERE note IS NULL)",
        ("scans-under-lock", "warehouses"),
    ),
    _case(
        "held_for_a_copy_of_one_row", ORDERS,
        f"{_WITH_COLUMN} CREATE TABLE picked AS SELECT total FROM orders WHERE id = 1",
    ),
    _case(
        "held_for_a_new_partition", PARTITIONED,
        """
        ALTER TABLE events_2027 ADD COLUMN note text;
        CREATE TABLE events_2028 PARTITION OF events
            FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')
        """,
    ),
]  # fmt: skip

OBJECTS = [
    _case(
        "key_made_deferrable_in_place", _KEYED,
        "ALTER TABLE orders ADD UNIQUE USING INDEX uq_orders_number DEFERRABLE",
        ("drops-key", "orders"),
    ),
    _case(
        "column_with_an_expressed_key_of_its_own_dropped",
        f"{ORDERS}CREATE UNIQUE INDEX uq_orders_note ON orders (lower(note));",
        "ALTER TABLE orders DROP COLUMN note", ("drops-column", "orders"),
    ),
    _case(
        "key_of_a_single_row_dropped",
        f"{ORDERS}CREATE UNIQUE INDEX uq_orders_single ON orders ((true));",
        "DROP INDEX uq_orders_single", ("drops-key", "orders"), ("blocking-index-drop", "orders"),
    ),
    _case(
        "function_with_one_more_default", ROUTINES,
        """
        DROP FUNCTION order_label(bigint);
        CREATE FUNCTION order_label(bigint, text DEFAULT '') RETURNS text LANGUAGE sql
            AS $$ SELECT $2 $$
        """,
    ),
    _case(
        "function_with_one_more_argument", ROUTINES,
        """
        DROP FUNCTION order_label(bigint);
        CREATE FUNCTION order_label(bigint, text) RETURNS text LANGUAGE sql AS $$ SELECT $2 $$
        """,
        ("drops-function", "order_label"),
    ),
    _case(
        "row_security_that_admits_all", ORDERS,
        """
        ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
        CREATE POLICY everything ON orders USING (true)
        """,
    ),
    _case(
        "row_security_that_admits_all_readers", ORDERS,
        """
        ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
        CREATE POLICY everything ON orders FOR SELECT USING (true)
        """,
        ("narrows-access", "orders"),
    ),
    _case(
        "owner_of_a_table_with_an_identity_changed", ORDERS,
        "ALTER TABLE orders OWNER TO pg_monitor", ("narrows-access", "orders"),
    ),
    _case(
        "view_becomes_a_table", VIEWS,
        """
        DROP VIEW open_orders;
        CREATE TABLE open_orders (id bigint PRIMARY KEY, customer_id bigint, colour text)
        """,
    ),
    Case(
        "rename_column_behind_a_view",
        ORDERS,
        execute(
            """
            ALTER TABLE products RENAME TO goods;
            ALTER TABLE goods RENAME COLUMN name TO title;
            CREATE VIEW products AS SELECT id, sku, title AS name, price FROM goods;
            """
        ),
        execute(
            """
            DROP VIEW products;
            ALTER TABLE goods RENAME COLUMN title TO name;
            ALTER TABLE goods RENAME TO products;
            """
        ),
    ),
    _case(
        "rename_column_missing_in_a_view", ORDERS,
        """
        ALTER TABLE products RENAME TO goods;
        ALTER TABLE goods RENAME COLUMN name TO title;
        CREATE VIEW products AS SELECT id, sku, title FROM goods
        """,
        ("renames-column", "products"),
    ),
    Case(
        "cast_created", ROUTINES,
        execute("CREATE CAST (point AS text) WITH INOUT"),
        execute("DROP CAST (point AS text)"),
    ),
]  # fmt: skip

PARTS = [
    _case(
        "table_becomes_a_partition_of_a_new_one", _LOG,
        """
        CREATE TABLE all_logs (LIKE log) PARTITION BY RANGE (at);
        ALTER TABLE all_logs ATTACH PARTITION log FOR VALUES FROM ('2020-01-01') TO ('2030-01-01')
        """,
        ("attaches-partition", "log"),
    ),
    _case(
        "index_built_after_a_table_was_dropped", PARTITIONED,
        "DROP TABLE events_2027; CREATE INDEX ix_events_2026_kind ON events_2026 (kind)",
        ("drops-table", "events_2027"), ("blocking-index-build", "events_2026"),
    ),
]  # fmt: skip

CASES = [*MOMENTS, *ROWS, *UNDER_A_LOCK, *OBJECTS, *PARTS]
