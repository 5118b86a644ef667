"""Types of columns: changes that rewrite the table or do not, and types to avoid."""

from .case import ENUM, ORDERS, PARTITIONED, ROUTINES, SCHEMAS, Case, execute

CHANGES = [
    Case(
        "type_integer_to_bigint",
        ORDERS,
        """
        op.alter_column(
            "orders", "quantity",
            existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False,
        )
        """,
        """
        op.alter_column(
            "orders", "quantity",
            existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False,
        )
        """,
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_varchar_narrowed",
        ORDERS,
        'op.alter_column("customers", "name", type_=sa.String(50))',
        'op.alter_column("customers", "name", type_=sa.String(100))',
        {("rewrites-table", "customers")},
    ),
    Case(
        "type_text_to_varchar",
        ORDERS,
        'op.alter_column("orders", "note", existing_type=sa.Text(), type_=sa.String(500))',
        'op.alter_column("orders", "note", existing_type=sa.String(500), type_=sa.Text())',
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_numeric_scale",
        ORDERS,
        'op.alter_column("orders", "total", type_=sa.Numeric(14, 4))',
        'op.alter_column("orders", "total", type_=sa.Numeric(12, 2))',
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
        note="the places lost on the way down are those that the upgrade made room for",
    ),
    Case(
        "type_with_using",
        ORDERS,
        """
        op.alter_column(
            "orders", "external_id", type_=sa.BigInteger(),
            postgresql_using="nullif(external_id, '')::bigint",
        )
        """,
        'op.alter_column("orders", "external_id", type_=sa.Text())',
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_text_to_jsonb",
        ORDERS,
        execute("ALTER TABLE orders ALTER COLUMN note TYPE jsonb USING to_jsonb(note)"),
        execute("ALTER TABLE orders ALTER COLUMN note TYPE text USING note #>> '{}'"),
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_mixed_case_to_numeric",
        SCHEMAS,
        'op.alter_column("OrderLine", "unitPrice", type_=sa.Numeric())',
        'op.alter_column("OrderLine", "unitPrice", type_=sa.Integer())',
        {("rewrites-table", "OrderLine")},
        {("rewrites-table", "OrderLine")},
    ),
    Case(
        "type_in_do_block",
        SCHEMAS,
        execute(
            """
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 100000 THEN
                    ALTER TABLE billing.invoices ALTER amount TYPE bigint;
                END IF;
            END $$
            """
        ),
        'op.alter_column("invoices", "amount", type_=sa.Integer(), schema="billing")',
        {("rewrites-table", "billing.invoices"), ("depends-on-database", "")},
        {("rewrites-table", "billing.invoices")},
    ),
    Case(
        "type_on_partitioned",
        PARTITIONED,
        'op.alter_column("events", "kind", type_=sa.String(40))',
        'op.alter_column("events", "kind", type_=sa.Text())',
        {("rewrites-table", "events")},
    ),
    Case(
        "type_enum_to_text",
        ENUM,
        """
        op.alter_column("orders", "kind", server_default=None)
        op.alter_column("orders", "kind", type_=sa.Text(), postgresql_using="kind::text")
        op.alter_column("orders", "kind", server_default="online")
        """,
        """
        op.alter_column("orders", "kind", server_default=None)
        op.execute("ALTER TABLE orders ALTER kind TYPE order_kind USING kind::order_kind")
        op.alter_column("orders", "kind", server_default="online")
        """,
        {("rewrites-table", "orders")},
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_timestamp_precision",
        ORDERS,
        'op.execute("ALTER TABLE orders ALTER COLUMN shipped_at TYPE timestamptz(0)")',
        'op.execute("ALTER TABLE orders ALTER COLUMN shipped_at TYPE timestamptz")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "type_text_to_checked_domain",
        ROUTINES,
        'op.execute("ALTER TABLE orders ALTER COLUMN note TYPE short_text")',
        'op.execute("ALTER TABLE orders ALTER COLUMN note TYPE text")',
        {("rewrites-table", "orders")},
    ),
    Case(
        "timestamptz_at_another_zone",
        ORDERS,
        """
        op.alter_column(
            "orders", "placed_at", type_=sa.DateTime(timezone=True),
            postgresql_using="placed_at AT TIME ZONE 'Europe/Berlin'",
        )
        """,
        'raise NotImplementedError("Local times cannot be told from the instants any more.")',
        {("rewrites-table", "orders")},
    ),
    # safe
    Case(
        "varchar_widened",
        ORDERS,
        """
        op.alter_column(
            "orders", "status", existing_type=sa.String(20), type_=sa.String(40),
            existing_nullable=False,
        )
        """,
        'raise NotImplementedError("A status may be longer than 20 characters by now.")',
    ),
    Case(
        "varchar_to_text",
        ORDERS,
        'op.alter_column("orders", "status", existing_type=sa.String(20), type_=sa.Text())',
        'raise NotImplementedError("A status may be longer than 20 characters by now.")',
        note="ix_orders_status is kept as it is",
    ),
    Case(
        "varchar_unbounded_in_sql",
        ORDERS,
        execute(
            """
            ALTER TABLE customers
                ALTER COLUMN name TYPE varchar,
                ALTER COLUMN phone TYPE varchar(64)
            """
        ),
        'raise NotImplementedError("Longer values may have been stored by now.")',
    ),
    Case(
        "numeric_precision_up",
        ORDERS,
        'op.alter_column("orders", "total", type_=sa.Numeric(16, 2))',
        'raise NotImplementedError("A total may be larger by now.")',
    ),
    Case(
        "numeric_unconstrained",
        ORDERS,
        'op.alter_column("products", "price", type_=sa.Numeric())',
        'raise NotImplementedError("A price may have more places by now.")',
    ),
    Case(
        "timestamp_to_timestamptz_under_utc",
        ORDERS,
        """
        op.alter_column(
            "orders", "placed_at",
            existing_type=sa.DateTime(), type_=sa.DateTime(timezone=True), existing_nullable=True,
        )
        """,
        'raise NotImplementedError("We do not go back to times without a zone.")',
        {("depends-on-time-zone", "orders")},
    ),
    Case(
        "timestamp_to_timestamptz_with_zone_set",
        ORDERS,
        execute(
            """
            SET LOCAL timezone = 'UTC';
            ALTER TABLE orders ALTER COLUMN placed_at TYPE timestamptz;
            """
        ),
        'raise NotImplementedError("We do not go back to times without a zone.")',
    ),
    Case(
        "cidr_to_inet",
        ORDERS,
        'op.alter_column("orders", "network", type_=postgresql.INET())',
        'raise NotImplementedError("An address with host bits is no network.")',
    ),
    Case(
        "text_to_unchecked_domain",
        ROUTINES,
        'op.execute("ALTER TABLE orders ALTER COLUMN note TYPE plain_text")',
        'op.execute("ALTER TABLE orders ALTER COLUMN note TYPE text")',
    ),
    Case(
        "timestamp_precision_lifted",
        f"{ORDERS}ALTER TABLE orders ADD COLUMN paid_at timestamptz(0);",
        'op.execute("ALTER TABLE orders ALTER COLUMN paid_at TYPE timestamptz")',
        'raise NotImplementedError("Fractions of seconds may have been stored by now.")',
    ),
    Case(
        "types_changed_on_new_table",
        ORDERS,
        """
        op.execute("CREATE TABLE refunds (id bigint PRIMARY KEY, amount integer)")
        op.execute("INSERT INTO refunds SELECT n, n FROM generate_series(1, 100) AS n")
        op.alter_column("refunds", "amount", type_=sa.Numeric(12, 2))
        """,
        'op.drop_table("refunds")',
    ),
]

DESIGN = [
    Case(
        "timestamp_column",
        ORDERS,
        'op.add_column("orders", sa.Column("paid_at", sa.DateTime(), nullable=True))',
        'op.drop_column("orders", "paid_at")',
        {("timestamp-without-zone", "orders")},
    ),
    Case(
        "timestamp_in_new_table",
        ORDERS,
        """
        op.create_table(
            "visits",
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("at", sa.TIMESTAMP(), server_default=sa.text("now()"), nullable=False),
        )
        """,
        'op.drop_table("visits")',
        {("timestamp-without-zone", "visits")},
    ),
    Case(
        "timestamp_array",
        ORDERS,
        'op.execute("ALTER TABLE orders ADD COLUMN reminders timestamp(0)[]")',
        'op.drop_column("orders", "reminders")',
        {("timestamp-without-zone", "orders")},
    ),
    Case(
        "timestamp_with_zone",
        ORDERS,
        'op.add_column("orders", sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True))',
        'op.drop_column("orders", "paid_at")',
    ),
    Case(
        "other_column_of_table_with_timestamp",
        ORDERS,
        'op.alter_column("orders", "placed_at", server_default=sa.text("now()"))',
        'op.alter_column("orders", "placed_at", server_default=None)',
        note="placed_at had no zone before; that is not this revision's doing",
    ),
    Case(
        "json_column",
        ORDERS,
        'op.add_column("orders", sa.Column("extra", sa.JSON(), nullable=True))',
        'op.drop_column("orders", "extra")',
        {("json-column", "orders")},
    ),
    Case(
        "json_in_new_table",
        SCHEMAS,
        'op.execute("CREATE TABLE billing.raw (id uuid PRIMARY KEY, doc json NOT NULL)")',
        'op.drop_table("raw", schema="billing")',
        {("json-column", "billing.raw")},
    ),
    Case(
        "jsonb_column",
        ORDERS,
        'op.add_column("orders", sa.Column("extra", postgresql.JSONB(), nullable=True))',
        'op.drop_column("orders", "extra")',
    ),
    Case(
        "char_column",
        ORDERS,
        'op.add_column("customers", sa.Column("country", sa.CHAR(2), nullable=True))',
        'op.drop_column("customers", "country")',
        {("char-column", "customers")},
    ),
    Case(
        "char_in_new_table_mixed_case",
        ORDERS,
        """op.execute('CREATE TABLE "Country" (code character(2) PRIMARY KEY)')""",
        'op.drop_table("Country")',
        {("char-column", "Country")},
    ),
    Case(
        "varchar_column",
        ORDERS,
        """
        op.add_column("customers", sa.Column("country", sa.String(2), nullable=True))
        op.add_column("customers", sa.Column("flag", postgresql.VARCHAR(), nullable=True))
        """,
        """
        op.drop_column("customers", "flag")
        op.drop_column("customers", "country")
        """,
    ),
]

CASES = [*CHANGES, *DESIGN]
