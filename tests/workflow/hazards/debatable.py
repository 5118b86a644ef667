"""Cases that no test runs: two experts could expect different findings."""

from .case import ENUM, ORDERS, PARTITIONED, SCHEMAS, UNVALIDATED, VIEWS, Case, alone, execute

DEBATABLE = [
    Case(
        "three_tables_locked",
        ORDERS,
        """
        for table in ("customers", "products", "orders"):
            op.add_column(table, sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        """,
        'raise NotImplementedError("Drop the three columns one revision at a time.")',
        note="depends on N of many-blocking-locks; CASES hold 2 (safe) and 4 or 5 (unsafe) tables",
    ),
    Case(
        "new_table_with_four_keys",
        ORDERS,
        execute(
            """
            CREATE TABLE movements (
                id bigint PRIMARY KEY,
                order_id bigint REFERENCES orders,
                customer_id bigint REFERENCES customers,
                product_id bigint REFERENCES products,
                warehouse_id bigint REFERENCES warehouses
            )
            """
        ),
        'op.drop_table("movements")',
        note="SHARE ROW EXCLUSIVE on four existing tables, for moments, as autogenerate writes it",
    ),
    Case(
        "data_before_the_lock",
        ORDERS,
        """
        op.execute("UPDATE orders SET note = '' WHERE note IS NULL")
        op.alter_column("orders", "note", nullable=False)
        """,
        'op.alter_column("orders", "note", nullable=True)',
        {("unbatched-data-change", "orders"), ("sets-not-null", "orders")},
        note="the update runs before the lock is taken; is it changes-data-under-lock as well?",
    ),
    Case(
        "backfill_with_empty_downgrade",
        ORDERS,
        alone("""op.execute("UPDATE customers SET name = '' WHERE id BETWEEN 1 AND 1000")"""),
        "pass",
        note="data only: the revision before drops the column. downgrade-empty or fine? (fine)",
    ),
    Case(
        "enum_value_with_empty_downgrade",
        ENUM,
        """op.execute("ALTER TYPE order_kind ADD VALUE IF NOT EXISTS 'phone'")""",
        "pass",
        expect_downgrade={("downgrade-empty", "")},
        note="a value cannot be taken back and harms nobody; but a sentence costs nothing",
    ),
    Case(
        "seeded_rows_stay",
        ORDERS,
        """op.execute("INSERT INTO warehouses (id, code) VALUES (901, 'north')")""",
        "pass",
        expect_downgrade={("downgrade-empty", "")},
        note="rows are left behind; the catalog is not",
    ),
    Case(
        "downgrade_drops_an_older_column",
        ORDERS,
        'op.execute("ALTER TABLE orders ADD COLUMN IF NOT EXISTS colour text")',
        'op.drop_column("orders", "colour")',
        expect_downgrade={("downgrade-wrong", ""), ("downgrade-loses-data", "orders")},
        note="the column was there before: a trace and a loss, one fault or two?",
    ),
    Case(
        "detach_concurrently_leaves_a_check",
        PARTITIONED,
        execute(
            """
            ALTER TABLE events ATTACH PARTITION events_2027
                FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')
            """
        ),
        alone('op.execute("ALTER TABLE events DETACH PARTITION events_2027 CONCURRENTLY")'),
        {("attaches-partition", "events")},
        {("downgrade-wrong", "")},
        note="unlike a plain DETACH it leaves a CHECK of the old bounds on the partition: a trace,"
        " though nobody wrote it and it does no harm",
    ),
    Case(
        "limited_update",
        ORDERS,
        execute(
            """
            UPDATE orders SET note = ''
            WHERE id IN (SELECT id FROM orders WHERE note IS NULL LIMIT 1000)
            """
        ),
        'raise NotImplementedError("Empty notes cannot be told from missing ones.")',
        note="writes at most 1000 rows, may read all of them",
    ),
    Case(
        "concurrent_indexes_that_cannot_run_again",
        ORDERS,
        alone(
            """
            op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")
            op.execute("CREATE INDEX CONCURRENTLY ix_products_sku ON products (sku)")
            """
        ),
        alone(
            """
            op.execute("DROP INDEX CONCURRENTLY ix_products_sku")
            op.execute("DROP INDEX CONCURRENTLY ix_orders_number")
            """
        ),
        note="when the second fails, the first stands in the way of another try",
    ),
    Case(
        "view_made_again_without_a_column",
        VIEWS,
        execute("DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id, colour FROM orders"),
        'raise NotImplementedError("Nobody reads the customer there.")',
        {("drops-column", "open_orders")},
        note="or drops-view",
    ),
    Case(
        "empty_schema_dropped",
        f"{SCHEMAS}CREATE SCHEMA attic;",
        'op.execute("DROP SCHEMA attic")',
        'op.execute("CREATE SCHEMA attic")',
        {("drops-schema", "attic")},
        note="nothing in it to read",
    ),
    Case(
        "default_taken_from_required_column",
        ORDERS,
        'op.alter_column("orders", "status", server_default=None)',
        'op.alter_column("orders", "status", server_default="new")',
        note="an old application that leaves status out cannot insert; ORMs seldom leave it out",
    ),
    Case(
        "lock_timeout_switched_off",
        ORDERS,
        """
        op.execute("SET lock_timeout = 0")
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        """,
        'op.drop_column("orders", "region")',
        note="undoes the ladder of migrate, for later revisions as well",
    ),
    Case(
        "savepoint",
        ORDERS,
        execute(
            """
            SAVEPOINT s;
            ALTER TABLE orders ADD COLUMN region text;
            RELEASE SAVEPOINT s;
            """
        ),
        'op.drop_column("orders", "region")',
        note="transaction-control by the letter, harmless in effect",
    ),
    Case(
        "type_narrowed_on_the_way_down",
        ORDERS,
        'op.alter_column("customers", "name", type_=sa.Text())',
        'op.alter_column("customers", "name", type_=sa.String(100))',
        (),
        {("rewrites-table", "customers")},
        note="loses nothing, but fails once a longer name was stored",
    ),
    Case(
        "date_to_timestamptz_and_back",
        ORDERS,
        'op.alter_column("orders", "ordered_on", type_=sa.DateTime(timezone=True))',
        'op.alter_column("orders", "ordered_on", type_=sa.Date())',
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders"), ("downgrade-loses-data", "orders")},
        note="the time of day is lost on the way down; before the upgrade there was none",
    ),
    Case(
        "composite_key_with_a_small_part",
        ORDERS,
        execute(
            """
            CREATE TABLE refund_lines (
                refund_id bigint, line smallint, PRIMARY KEY (refund_id, line)
            )
            """
        ),
        'op.drop_table("refund_lines")',
        note="the small part only counts within the large one",
    ),
    Case(
        "natural_integer_key",
        ORDERS,
        'op.execute("CREATE TABLE countries (iso_number integer PRIMARY KEY, name text)")',
        'op.drop_table("countries")',
        {("small-key", "countries")},
        note="no sequence: it cannot run out, yet it is a 32-bit primary key",
    ),
    Case(
        "delete_reaches_children",
        ORDERS,
        'op.execute("DELETE FROM orders WHERE id BETWEEN 1 AND 1000")',
        'raise NotImplementedError("The orders are gone.")',
        note="a bounded delete that ON DELETE CASCADE makes unbounded",
    ),
    Case(
        "validation_of_one_table_while_another_is_locked",
        UNVALIDATED,
        """
        op.add_column("customers", sa.Column("tier", sa.Text(), nullable=True))
        op.execute("ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_total")
        """,
        'op.drop_column("customers", "tier")',
        {("validates-constraint", "customers")},
        note="customers waits while orders is read; under which code and relation?",
    ),
]
