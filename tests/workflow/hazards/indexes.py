"""Indexes: built, dropped, concurrently or not."""

from .case import ORDERS, PARTITIONED, PARTITIONED_INDEXED, SCHEMAS, VIEWS, Case, alone, execute

BUILDS = [
    Case(
        "index_plain",
        ORDERS,
        'op.create_index("ix_orders_number", "orders", ["number"])',
        'op.drop_index("ix_orders_number", table_name="orders")',
        {("blocking-index-build", "orders")},
        {("blocking-index-drop", "orders")},
    ),
    Case(
        "index_plain_unique",
        ORDERS,
        'op.create_index(op.f("ix_products_sku"), "products", ["sku"], unique=True)',
        alone('op.drop_index("ix_products_sku", postgresql_concurrently=True)'),
        {("blocking-index-build", "products")},
        note="a unique index blocks as any index does; builds-key is for constraints",
    ),
    Case(
        "index_gin_with_options",
        ORDERS,
        """
        op.create_index(
            "ix_orders_payload",
            "orders",
            ["payload"],
            postgresql_using="gin",
            postgresql_ops={"payload": "jsonb_path_ops"},
        )
        """,
        alone('op.drop_index("ix_orders_payload", postgresql_concurrently=True)'),
        {("blocking-index-build", "orders")},
    ),
    Case(
        "index_partial_expression_in_sql",
        ORDERS,
        execute("CREATE INDEX ix_orders_lower ON orders (lower(number)) WHERE status = 'new'"),
        alone('op.execute("DROP INDEX CONCURRENTLY ix_orders_lower")'),
        {("blocking-index-build", "orders")},
    ),
    Case(
        "index_in_do_block",
        ORDERS,
        execute(
            """
            DO $$
            BEGIN
                IF NOT EXISTS (SELECT FROM pg_class WHERE relname = 'ix_orders_total') THEN
                    EXECUTE format('CREATE INDEX %I ON %I (total)', 'ix_orders_total', 'orders');
                END IF;
            END $$
            """
        ),
        alone('op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_total")'),
        {("blocking-index-build", "orders")},
    ),
    Case(
        "index_if_not_exists",
        ORDERS,
        'op.create_index("ix_orders_total", "orders", ["total"], if_not_exists=True)',
        alone('op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_total")'),
        {("blocking-index-build", "orders")},
    ),
    Case(
        "index_from_add_column",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True, index=True))',
        'op.drop_column("orders", "region")',
        {("blocking-index-build", "orders")},
        note="Alembic renders the index as a second statement; it still reads the whole table",
    ),
    Case(
        "index_on_new_column",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.create_index("ix_orders_region", "orders", ["region"])
        """,
        """
        op.drop_index("ix_orders_region", table_name="orders")
        op.drop_column("orders", "region")
        """,
        {("blocking-index-build", "orders")},
        note="no blocking-index-drop: the downgrade drops the column under the same lock anyway",
    ),
    Case(
        "index_through_batch",
        ORDERS,
        """
        with op.batch_alter_table("orders", schema=None) as batch_op:
            batch_op.create_index("ix_orders_number", ["number"], unique=False)
        """,
        alone('op.drop_index("ix_orders_number", postgresql_concurrently=True)'),
        {("blocking-index-build", "orders")},
    ),
    Case(
        "index_schema_qualified",
        SCHEMAS,
        'op.create_index("ix_invoices_amount", "invoices", ["amount"], schema="billing")',
        alone('op.execute("DROP INDEX CONCURRENTLY billing.ix_invoices_amount")'),
        {("blocking-index-build", "billing.invoices")},
    ),
    Case(
        "index_mixed_case",
        SCHEMAS,
        'op.create_index("IX_OrderLine_group", "OrderLine", ["group"])',
        alone('op.drop_index("IX_OrderLine_group", postgresql_concurrently=True)'),
        {("blocking-index-build", "OrderLine")},
    ),
    Case(
        "index_on_partitioned",
        PARTITIONED,
        'op.create_index("ix_events_kind", "events", ["kind"])',
        'op.drop_index("ix_events_kind", table_name="events")',
        {("blocking-index-build", "events")},
        {("blocking-index-drop", "events")},
    ),
    Case(
        "index_on_partition",
        PARTITIONED,
        execute("CREATE INDEX ix_events_2026_kind ON events_2026 (kind)"),
        alone('op.drop_index("ix_events_2026_kind", postgresql_concurrently=True)'),
        {("blocking-index-build", "events_2026")},
    ),
    Case(
        "index_on_materialized_view",
        VIEWS,
        'op.create_index("ix_customer_totals_orders", "customer_totals", ["orders"])',
        alone('op.drop_index("ix_customer_totals_orders", postgresql_concurrently=True)'),
        {("blocking-index-build", "customer_totals")},
    ),
    Case(
        "reindex_table",
        ORDERS,
        'op.execute("REINDEX TABLE orders")',
        "pass",
        {("blocking-index-rebuild", "orders")},
        locks={"orders": "ACCESS EXCLUSIVE"},
        note="SHARE on the table, but a query of any kind locks every index of it",
    ),
    Case(
        "reindex_index",
        ORDERS,
        'op.execute("REINDEX INDEX ix_orders_status")',
        "pass",
        {("blocking-index-rebuild", "orders")},
        locks={"orders": "ACCESS EXCLUSIVE"},
    ),
    Case(
        "index_rebuilt_by_collation_change",
        ORDERS,
        execute('ALTER TABLE orders ALTER COLUMN status TYPE varchar(20) COLLATE "POSIX"'),
        execute('ALTER TABLE orders ALTER COLUMN status TYPE varchar(20) COLLATE "default"'),
        {("type-change-scans", "orders")},
        {("type-change-scans", "orders")},
        locks={"orders": "ACCESS EXCLUSIVE"},
        note="the heap is not rewritten, but ix_orders_status is built again",
    ),
    Case(
        "index_two_tables_one_execute",
        ORDERS,
        execute(
            """
            CREATE INDEX ix_orders_number ON orders (number);
            CREATE INDEX ix_order_items_product_id ON order_items (product_id);
            """
        ),
        alone(
            """
            op.execute("DROP INDEX CONCURRENTLY ix_order_items_product_id")
            op.execute("DROP INDEX CONCURRENTLY ix_orders_number")
            """
        ),
        {("blocking-index-build", "orders"), ("blocking-index-build", "order_items")},
    ),
    # safe
    Case(
        "index_concurrently",
        ORDERS,
        alone(
            'op.create_index("ix_orders_number", "orders", ["number"], '
            "postgresql_concurrently=True)"
        ),
        alone(
            'op.drop_index("ix_orders_number", table_name="orders", postgresql_concurrently=True)'
        ),
    ),
    Case(
        "index_concurrently_unique_if_not_exists",
        ORDERS,
        alone(
            """
            op.create_index(
                "uq_products_sku", "products", ["sku"], unique=True,
                postgresql_concurrently=True, if_not_exists=True,
            )
            """
        ),
        alone('op.drop_index("uq_products_sku", postgresql_concurrently=True, if_exists=True)'),
    ),
    Case(
        "index_concurrently_in_sql",
        SCHEMAS,
        alone(execute("CREATE INDEX CONCURRENTLY ix_invoices_memo ON billing.invoices (memo)")),
        alone('op.execute("DROP INDEX CONCURRENTLY billing.ix_invoices_memo")'),
    ),
    Case(
        "index_concurrently_after_clearing_an_invalid_one",
        ORDERS,
        alone(
            """
            op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_number")
            op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")
            """
        ),
        alone('op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_orders_number")'),
    ),
    Case(
        "index_on_new_table",
        ORDERS,
        """
        op.create_table(
            "refunds",
            sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
            sa.Column("reason", sa.Text(), nullable=False),
            sa.PrimaryKeyConstraint("id", name="pk_refunds"),
        )
        op.create_index("ix_refunds_reason", "refunds", ["reason"])
        """,
        """
        op.drop_index("ix_refunds_reason", table_name="refunds")
        op.drop_table("refunds")
        """,
    ),
    Case(
        "index_on_new_materialized_view",
        ORDERS,
        execute(
            """
            CREATE MATERIALIZED VIEW busy_customers AS
                SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id WITH NO DATA;
            CREATE UNIQUE INDEX uq_busy_customers ON busy_customers (customer_id);
            """
        ),
        'op.execute("DROP MATERIALIZED VIEW busy_customers")',
        {("view-without-data", "busy_customers")},
    ),
    Case(
        "index_on_only_parent",
        PARTITIONED,
        'op.execute("CREATE INDEX ix_events_kind ON ONLY events (kind)")',
        'op.execute("DROP INDEX ix_events_kind")',
        (),
        {("blocking-index-drop", "events")},
        note="empty until partitions are attached; a partitioned index cannot be dropped otherwise,"
        " yet the drop takes ACCESS EXCLUSIVE on every partition",
    ),
    Case(
        "index_attached_to_parent",
        PARTITIONED_INDEXED,
        execute(
            """
            ALTER INDEX ix_events_kind ATTACH PARTITION ix_events_2025_kind;
            ALTER INDEX ix_events_kind ATTACH PARTITION ix_events_2026_kind;
            """
        ),
        'raise NotImplementedError("PostgreSQL cannot detach an index from its parent.")',
    ),
    Case(
        "index_on_partition_concurrently",
        PARTITIONED,
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_events_2026_kind ON events_2026 (kind)")'),
        alone('op.execute("DROP INDEX CONCURRENTLY ix_events_2026_kind")'),
    ),
    Case(
        "reindex_concurrently",
        ORDERS,
        alone('op.execute("REINDEX TABLE CONCURRENTLY orders")'),
        "pass",
    ),
    Case(
        "index_renamed",
        ORDERS,
        'op.execute("ALTER INDEX ix_orders_status RENAME TO idx_orders_status")',
        'op.execute("ALTER INDEX idx_orders_status RENAME TO ix_orders_status")',
    ),
]

DROPS = [
    Case(
        "drop_index_plain",
        ORDERS,
        'op.drop_index("ix_orders_status", table_name="orders")',
        alone(
            'op.create_index("ix_orders_status", "orders", ["status"], '
            "postgresql_concurrently=True)"
        ),
        {("blocking-index-drop", "orders")},
    ),
    Case(
        "drop_index_autogenerated_both_ways",
        ORDERS,
        'op.drop_index(op.f("ix_orders_status"), table_name="orders")',
        'op.create_index(op.f("ix_orders_status"), "orders", ["status"], unique=False)',
        {("blocking-index-drop", "orders")},
        {("blocking-index-build", "orders")},
    ),
    Case(
        "drop_index_in_do_block",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                DROP INDEX IF EXISTS ix_orders_status;
            END $$
            """
        ),
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_status ON orders (status)")'),
        {("blocking-index-drop", "orders")},
    ),
    Case(
        "drop_index_schema_qualified",
        SCHEMAS,
        'op.drop_index("ix_invoices_number", table_name="invoices", schema="billing")',
        alone(
            'op.create_index("ix_invoices_number", "invoices", ["number"], schema="billing", '
            "postgresql_concurrently=True)"
        ),
        {("blocking-index-drop", "billing.invoices")},
    ),
    # safe
    Case(
        "drop_index_concurrently",
        ORDERS,
        alone(
            'op.drop_index("ix_orders_status", table_name="orders", postgresql_concurrently=True)'
        ),
        alone(
            'op.create_index("ix_orders_status", "orders", ["status"], '
            "postgresql_concurrently=True)"
        ),
    ),
    Case(
        "drop_index_concurrently_in_sql",
        ORDERS,
        alone('op.execute("DROP INDEX CONCURRENTLY IF EXISTS public.ix_orders_status")'),
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_status ON orders (status)")'),
    ),
    Case(
        "drop_index_that_was_never_there",
        ORDERS,
        'op.execute("DROP INDEX IF EXISTS ix_orders_old")',
        "pass",
        note="nothing is locked and nothing changes, so an empty downgrade is right as well",
    ),
    Case(
        "drop_index_with_its_table",
        ORDERS,
        """
        op.drop_index("ix_order_items_order_id", table_name="order_items")
        op.drop_table("order_items")
        """,
        'raise NotImplementedError("The items are gone; restore them from the archive.")',
        {("drops-table", "order_items")},
        note="as autogenerate writes it: the index goes with the table, one finding",
    ),
]

CASES = [*BUILDS, *DROPS]
