"""Columns: added, required, given defaults, dropped, renamed."""

from .case import KEYLESS, ORDERS, PARTITIONED, ROUTINES, SCHEMAS, VIEWS, Case, execute

ADDITIONS = [
    Case(
        "default_random_uuid",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column(
                "public_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False
            ),
        )
        """,
        'op.drop_column("orders", "public_id")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "default_clock_timestamp",
        ORDERS,
        execute("ALTER TABLE customers ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp()"),
        'op.drop_column("customers", "seen_at")',
        {("rewrites-table", "customers")},
    ),
    Case(
        "default_from_sequence",
        ROUTINES,
        execute(
            """
            ALTER TABLE orders ADD COLUMN serial_number bigint DEFAULT nextval('order_numbers')
            """
        ),
        'op.drop_column("orders", "serial_number")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "default_from_function_declared_volatile",
        ROUTINES,
        """
        op.add_column(
            "orders", sa.Column("region", sa.Text(), server_default=sa.text("next_region()"))
        )
        """,
        'op.drop_column("orders", "region")',
        {("rewrites-table", "orders")},
        note="a function is volatile unless it says otherwise",
    ),
    Case(
        "column_of_checked_domain",
        ROUTINES,
        'op.execute("ALTER TABLE orders ADD COLUMN label short_text")',
        'op.drop_column("orders", "label")',
        {("rewrites-table", "orders")},
        note="null could break the domain's check, so PostgreSQL up to 18 writes every row",
    ),
    Case(
        "stored_generated_column",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column("gross", sa.Numeric(), sa.Computed("total * 1.2", persisted=True)),
        )
        """,
        'op.drop_column("orders", "gross")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "stored_generated_tsvector",
        ORDERS,
        execute(
            """
            ALTER TABLE products ADD COLUMN search tsvector
                GENERATED ALWAYS AS (to_tsvector('english', name)) STORED
            """
        ),
        'op.drop_column("products", "search")',
        {("rewrites-table", "products")},
    ),
    Case(
        "generated_expression_changed",
        f"{ORDERS}ALTER TABLE orders ADD gross numeric GENERATED ALWAYS AS (total * 1.2) STORED;",
        'op.execute("ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (total * 1.25)")',
        'op.execute("ALTER TABLE orders ALTER COLUMN gross SET EXPRESSION AS (total * 1.2)")',
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
        min_version=17,
    ),
    Case(
        "identity_column",
        ORDERS,
        'op.add_column("orders", sa.Column("position", sa.BigInteger(), sa.Identity()))',
        'op.drop_column("orders", "position")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "serial_column",
        SCHEMAS,
        'op.execute("ALTER TABLE billing.invoices ADD COLUMN line_no bigserial")',
        'op.execute("ALTER TABLE billing.invoices DROP COLUMN line_no")',
        {("rewrites-table", "billing.invoices")},
    ),
    Case(
        "serial_primary_key_on_table_without_one",
        KEYLESS,
        'op.execute("ALTER TABLE readings ADD COLUMN id bigserial PRIMARY KEY")',
        'op.drop_column("readings", "id")',
        {("rewrites-table", "readings"), ("builds-key", "readings")},
    ),
    Case(
        "default_constant",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column("is_gift", sa.Boolean(), server_default=sa.false(), nullable=False),
        )
        """,
        'op.drop_column("orders", "is_gift")',
    ),
    Case(
        "default_constant_jsonb",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column(
                "tags",
                postgresql.JSONB(astext_type=sa.Text()),
                server_default=sa.text("'{}'::jsonb"),
                nullable=False,
            ),
        )
        """,
        'op.drop_column("orders", "tags")',
    ),
    Case(
        "default_now",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column(
                "updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(),
                nullable=False,
            ),
        )
        """,
        'op.drop_column("orders", "updated_at")',
        note="now() is stable: computed once and kept in the catalog",
    ),
    Case(
        "default_from_immutable_function",
        ROUTINES,
        """
        op.add_column(
            "orders",
            sa.Column(
                "region", sa.Text(), server_default=sa.text("fixed_region()"), nullable=False
            ),
        )
        """,
        'op.drop_column("orders", "region")',
    ),
    Case(
        "default_from_function_that_is_inlined",
        ROUTINES,
        """
        op.add_column(
            "orders", sa.Column("region", sa.Text(), server_default=sa.text("any_region()"))
        )
        """,
        'op.drop_column("orders", "region")',
        note="declared volatile, but PostgreSQL sees through one SELECT of a constant",
    ),
    Case(
        "default_volatile_set_afterwards",
        ORDERS,
        """
        op.add_column("orders", sa.Column("public_id", sa.Uuid(), nullable=True))
        op.alter_column("orders", "public_id", server_default=sa.text("gen_random_uuid()"))
        """,
        'op.drop_column("orders", "public_id")',
        note="old rows stay null: the first step of the recipe",
    ),
    Case(
        "default_changed",
        ORDERS,
        'op.alter_column("orders", "status", server_default="draft")',
        'op.alter_column("orders", "status", server_default="new")',
    ),
    Case(
        "virtual_generated_column",
        ORDERS,
        """
        op.add_column(
            "orders",
            sa.Column("gross", sa.Numeric(), sa.Computed("total * 1.2", persisted=False)),
        )
        """,
        'op.drop_column("orders", "gross")',
        min_version=18,
    ),
    Case(
        "nullable_column",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        'op.drop_column("orders", "region")',
    ),
    Case(
        "nullable_column_on_partitioned",
        PARTITIONED,
        'op.add_column("events", sa.Column("source", sa.Text()))',
        'op.drop_column("events", "source")',
    ),
    Case(
        "nullable_columns_in_one_statement",
        SCHEMAS,
        execute(
            """
            ALTER TABLE billing.invoices
                ADD COLUMN IF NOT EXISTS paid_at timestamptz,
                ADD COLUMN IF NOT EXISTS "paidBy" text
            """
        ),
        execute('ALTER TABLE billing.invoices DROP COLUMN "paidBy", DROP COLUMN paid_at'),
    ),
]

REQUIRED = [
    Case(
        "required_column",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=False))',
        'op.drop_column("orders", "region")',
        {("adds-required-column", "orders")},
    ),
    Case(
        "required_column_in_sql",
        SCHEMAS,
        'op.execute("ALTER TABLE billing.invoices ADD COLUMN currency text NOT NULL")',
        'op.execute("ALTER TABLE billing.invoices DROP COLUMN currency")',
        {("adds-required-column", "billing.invoices")},
    ),
    Case(
        "required_column_default_taken_away",
        ORDERS,
        """
        op.add_column(
            "orders", sa.Column("region", sa.Text(), server_default="eu", nullable=False)
        )
        op.alter_column("orders", "region", server_default=None)
        """,
        'op.drop_column("orders", "region")',
        {("adds-required-column", "orders")},
        note="old rows are filled, but an old application's inserts fail",
    ),
    Case(
        "required_column_on_partitioned",
        PARTITIONED,
        'op.add_column("events", sa.Column("source", sa.Text(), nullable=False))',
        'op.drop_column("events", "source")',
        {("adds-required-column", "events")},
    ),
    Case(
        "required_column_with_foreign_key",
        ORDERS,
        """
        op.add_column("orders", sa.Column("warehouse_id", sa.BigInteger(), nullable=False))
        op.create_foreign_key("fk_orders_wh", "orders", "warehouses", ["warehouse_id"], ["id"])
        """,
        """
        op.drop_constraint("fk_orders_wh", "orders", type_="foreignkey")
        op.drop_column("orders", "warehouse_id")
        """,
        {("adds-required-column", "orders"), ("validates-constraint", "orders")},
    ),
    Case(
        "required_column_put_back",
        f"{ORDERS}ALTER TABLE products ADD COLUMN maker text NOT NULL;",
        'op.drop_column("products", "maker")',
        'op.add_column("products", sa.Column("maker", sa.Text(), nullable=False))',
        {("drops-column", "products")},
        {("adds-required-column", "products")},
        note="as autogenerate writes it: the downgrade fails as soon as there is a row",
    ),
    Case(
        "required_column_with_default",
        ORDERS,
        """
        op.add_column(
            "orders", sa.Column("region", sa.Text(), server_default="", nullable=False)
        )
        """,
        'op.drop_column("orders", "region")',
    ),
    Case(
        "required_columns_of_new_table",
        ORDERS,
        """
        op.create_table("drafts", sa.Column("id", sa.Uuid(), primary_key=True))
        op.add_column("drafts", sa.Column("body", sa.Text(), nullable=False))
        """,
        'op.drop_table("drafts")',
    ),
]

DROPS = [
    Case(
        "drop_column",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders")},
    ),
    Case(
        "drop_column_cascade_takes_a_view",
        VIEWS,
        'op.execute("ALTER TABLE orders DROP COLUMN colour CASCADE")',
        """
        op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))
        op.execute(
            "CREATE VIEW open_orders AS SELECT id, customer_id, colour FROM orders"
            " WHERE status = 'new'"
        )
        """,
        {("drops-column", "orders"), ("drops-view", "open_orders")},
    ),
    Case(
        "drop_column_mixed_case_in_batch",
        SCHEMAS,
        """
        with op.batch_alter_table("OrderLine") as batch_op:
            batch_op.drop_column("group")
        """,
        """
        with op.batch_alter_table("OrderLine") as batch_op:
            batch_op.add_column(sa.Column("group", sa.Text(), nullable=True))
        """,
        {("drops-column", "OrderLine")},
    ),
    Case(
        "column_dropped_and_added_with_another_type",
        ORDERS,
        """
        op.drop_column("orders", "external_id")
        op.add_column("orders", sa.Column("external_id", sa.Uuid(), nullable=True))
        """,
        """
        op.drop_column("orders", "external_id")
        op.add_column("orders", sa.Column("external_id", sa.Text(), nullable=True))
        """,
        {("drops-column", "orders")},
        note="the way around a type change: no rewrite, but the values are gone",
    ),
    Case(
        "rename_as_autogenerate_sees_it",
        ORDERS,
        """
        op.add_column("orders", sa.Column("color", sa.Text(), nullable=True))
        op.drop_column("orders", "colour")
        """,
        """
        op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))
        op.drop_column("orders", "color")
        """,
        {("drops-column", "orders")},
    ),
]

RENAMES = [
    Case(
        "rename_column",
        ORDERS,
        'op.alter_column("orders", "colour", new_column_name="color")',
        'op.alter_column("orders", "color", new_column_name="colour")',
        {("renames-column", "orders")},
    ),
    Case(
        "rename_column_in_sql_mixed_case",
        SCHEMAS,
        """op.execute('ALTER TABLE "OrderLine" RENAME "unitPrice" TO unit_price')""",
        """op.execute('ALTER TABLE "OrderLine" RENAME unit_price TO "unitPrice"')""",
        {("renames-column", "OrderLine")},
    ),
    Case(
        "rename_column_on_partitioned",
        PARTITIONED,
        'op.alter_column("events", "body", new_column_name="payload")',
        'op.alter_column("events", "payload", new_column_name="body")',
        {("renames-column", "events")},
    ),
    Case(
        "column_renamed_on_new_table",
        ORDERS,
        """
        op.execute("CREATE TABLE drafts (id bigint PRIMARY KEY, txt text)")
        op.alter_column("drafts", "txt", new_column_name="body")
        op.rename_table("drafts", "order_drafts")
        """,
        'op.drop_table("order_drafts")',
    ),
]

CASES = [*ADDITIONS, *REQUIRED, *DROPS, *RENAMES]
