"""Transactions, autocommit blocks, and revisions that cannot be rendered or run."""

from .case import ENUM, INDEXED, ORDERS, PARTITIONED, SCHEMAS, VIEWS, Case, alone, execute

AUTOCOMMIT = [
    Case(
        "autocommit_after_a_column",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        with op.get_context().autocommit_block():
            op.create_index(
                "ix_orders_region", "orders", ["region"], postgresql_concurrently=True
            )
        """,
        'raise NotImplementedError("Drop the index, then the column, by hand.")',
        {("autocommit-not-alone", "")},
        note="a failing index leaves the column committed and the version where it was",
    ),
    Case(
        "autocommit_before_a_constraint",
        ORDERS,
        """
        with op.get_context().autocommit_block():
            op.create_index(
                "uq_orders_number", "orders", ["number"], unique=True,
                postgresql_concurrently=True,
            )
        op.execute(
            "ALTER TABLE orders ADD CONSTRAINT uq_orders_number UNIQUE USING INDEX uq_orders_number"
        )
        """,
        'op.drop_constraint("uq_orders_number", "orders", type_="unique")',
        {("autocommit-not-alone", "")},
    ),
    Case(
        "autocommit_enum_value_then_used",
        ENUM,
        """
        with op.get_context().autocommit_block():
            op.execute("ALTER TYPE order_kind ADD VALUE IF NOT EXISTS 'phone'")
        op.execute("UPDATE orders SET kind = 'phone' WHERE id = 1")
        """,
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
        {("autocommit-not-alone", "")},
        note="works, since the value was committed before",
    ),
    Case(
        "autocommit_twice",
        ORDERS,
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY ix_orders_region ON orders (region)")
        """,
        'raise NotImplementedError("Drop the indexes, then the column, by hand.")',
        {("autocommit-not-alone", "")},
    ),
    Case(
        "autocommit_in_a_downgrade_not_alone",
        INDEXED,
        """
        with op.get_context().autocommit_block():
            op.execute("DROP INDEX CONCURRENTLY uq_orders_number")
        """,
        """
        op.execute("SELECT count(*) FROM orders")
        with op.get_context().autocommit_block():
            op.execute("CREATE UNIQUE INDEX CONCURRENTLY uq_orders_number ON orders (number)")
        """,
        {("drops-key", "orders")},
        {("autocommit-not-alone", "")},
    ),
    Case(
        "autocommit_alone_with_lock_timeout",
        ORDERS,
        """
        with op.get_context().autocommit_block():
            op.create_index(
                "ix_orders_number", "orders", ["number"],
                postgresql_concurrently=True, if_not_exists=True,
            )
            op.create_index(
                "ix_products_sku", "products", ["sku"],
                postgresql_concurrently=True, if_not_exists=True,
            )
        """,
        """
        with op.get_context().autocommit_block():
            op.drop_index("ix_products_sku", postgresql_concurrently=True, if_exists=True)
            op.drop_index("ix_orders_number", postgresql_concurrently=True, if_exists=True)
        """,
        note="two statements, but each may be run again",
    ),
]

CONCURRENTLY = [
    Case(
        "create_index_concurrently_in_transaction",
        ORDERS,
        'op.create_index("ix_o", "orders", ["number"], postgresql_concurrently=True)',
        alone('op.drop_index("ix_o", postgresql_concurrently=True)'),
        {("concurrently-in-transaction", "orders")},
    ),
    Case(
        "create_index_concurrently_in_sql_in_transaction",
        SCHEMAS,
        'op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_m ON billing.invoices (memo)")',
        alone('op.execute("DROP INDEX CONCURRENTLY billing.ix_m")'),
        {("concurrently-in-transaction", "billing.invoices")},
    ),
    Case(
        "drop_index_concurrently_in_transaction",
        ORDERS,
        'op.drop_index("ix_orders_status", table_name="orders", postgresql_concurrently=True)',
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_status ON orders (status)")'),
        {("concurrently-in-transaction", "orders")},
    ),
    Case(
        "drop_index_concurrently_in_downgrade_transaction",
        ORDERS,
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")'),
        'op.drop_index("ix_orders_number", table_name="orders", postgresql_concurrently=True)',
        (),
        {("concurrently-in-transaction", "orders")},
        note="the block was remembered on the way up only",
    ),
    Case(
        "reindex_concurrently_in_transaction",
        ORDERS,
        'op.execute("REINDEX INDEX CONCURRENTLY ix_orders_status")',
        "pass",
        {("concurrently-in-transaction", "orders")},
    ),
    Case(
        "detach_concurrently_in_transaction",
        PARTITIONED,
        'op.execute("ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY")',
        'raise NotImplementedError("Attach it again by hand, after a check on its range.")',
        {("concurrently-in-transaction", "events")},
    ),
]

BOOKKEEPING = [
    Case(
        "search_path_emptied",
        ORDERS,
        "op.execute(\"SELECT set_config('search_path', '', false)\")",
        "pass",
        {("rehearsal-failed", "")},
        note="as every dump begins; the version table is then not found",
    ),
    Case(
        "search_path_emptied_in_a_downgrade",
        ORDERS,
        'op.add_column("warehouses", sa.Column("region", sa.Text(), nullable=True))',
        """
        op.drop_column("warehouses", "region")
        op.execute("SELECT set_config('search_path', '', false)")
        """,
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "version_table_that_is_missing",
        ORDERS,
        'op.execute("ALTER TABLE alembic_version RENAME TO versions")',
        'op.execute("ALTER TABLE versions RENAME TO alembic_version")',
        {("rehearsal-failed", ""), ("renames-table", "alembic_version")},
    ),
]

TRANSACTION_CONTROL = [
    Case(
        "raw_commit_before_enum_value",
        ENUM,
        """
        op.execute("COMMIT")
        op.execute("ALTER TYPE order_kind ADD VALUE 'phone'")
        """,
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
        {("transaction-control", "")},
        note="the old way around ADD VALUE in a transaction; the version bump is on its own then",
    ),
    Case(
        "raw_begin_and_commit",
        ORDERS,
        execute(
            """
            BEGIN;
            ALTER TABLE orders ADD COLUMN region text;
            COMMIT;
            """
        ),
        'op.drop_column("orders", "region")',
        {("transaction-control", "")},
    ),
    Case(
        "raw_rollback",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.execute("ROLLBACK")
        """,
        "pass",
        {("transaction-control", "")},
    ),
    Case(
        "raw_end_around_concurrent_index",
        ORDERS,
        """
        op.execute("END")
        op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")
        op.execute("START TRANSACTION")
        """,
        alone('op.execute("DROP INDEX CONCURRENTLY ix_orders_number")'),
        {("transaction-control", "")},
        note="runs in psql; through psycopg the driver opens a transaction again and it fails",
    ),
    Case(
        "words_that_look_like_transaction_control",
        ORDERS,
        """
        op.execute("COMMENT ON TABLE orders IS 'COMMIT; BEGIN; one row an order'")
        op.execute("CREATE TABLE begin_commit (rollback bigint)")
        """,
        """
        op.execute("COMMENT ON TABLE orders IS NULL")
        op.execute("DROP TABLE begin_commit")
        """,
    ),
    Case(
        "begin_of_a_plpgsql_block",
        ORDERS,
        execute(
            """
            CREATE FUNCTION always_true() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $body$
            BEGIN
                BEGIN
                    RETURN true;
                EXCEPTION WHEN others THEN
                    RETURN false;
                END;
            END;
            $body$
            """
        ),
        'op.execute("DROP FUNCTION always_true()")',
    ),
]

RENDERING = [
    Case(
        "rows_read_through_the_bind",
        ORDERS,
        """
        connection = op.get_bind()
        op.create_table("codes", sa.Column("code", sa.Text(), primary_key=True))
        for (code,) in connection.execute(sa.text("SELECT code FROM warehouses")).fetchall():
            connection.execute(sa.text("INSERT INTO codes VALUES (:c)"), {"c": code})
        """,
        'op.drop_table("codes")',
        {("cannot-render", "")},
    ),
    Case(
        "inspector_asked",
        ORDERS,
        """
        inspector = sa.inspect(op.get_bind())
        if "region" not in [c["name"] for c in inspector.get_columns("orders")]:
            op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        """,
        'op.drop_column("orders", "region")',
        {("cannot-render", "")},
    ),
    Case(
        "orm_session",
        ORDERS,
        """
        from sqlalchemy.orm import Session

        op.create_table("counts", sa.Column("n", sa.BigInteger(), primary_key=True))
        with Session(bind=op.get_bind()) as session:
            n = session.execute(sa.text("SELECT count(*) FROM warehouses")).scalar()
            session.execute(sa.text(f"INSERT INTO counts VALUES ({n})"))
            session.flush()
        """,
        'op.drop_table("counts")',
        {("cannot-render", "")},
    ),
    Case(
        "downgrade_reads_rows",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        """
        if op.get_bind().execute(sa.text("SELECT 1 FROM orders LIMIT 1")).scalar():
            print("orders loses its regions")
        op.drop_column("orders", "region")
        """,
        (),
        {("cannot-render", "")},
    ),
    Case(
        "statement_without_rows_through_the_bind",
        ORDERS,
        """
        warehouses = sa.table(
            "warehouses", sa.column("id", sa.BigInteger), sa.column("code", sa.Text)
        )
        op.execute(warehouses.insert().values(id=903, code="it's 100%"))
        """,
        'op.execute("DELETE FROM warehouses WHERE id = 903")',
    ),
    Case(
        "reads_only_when_online",
        ORDERS,
        """
        if not op.get_context().as_sql:
            op.get_bind().execute(sa.text("SELECT count(*) FROM orders")).scalar()
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        """,
        'op.drop_column("orders", "region")',
        {("cannot-render", "")},
    ),
]

REHEARSAL_FAILURES = [
    Case(
        "missing_column",
        ORDERS,
        'op.create_check_constraint("c", "orders", "weight > 0", postgresql_not_valid=True)',
        'op.drop_constraint("c", "orders", type_="check")',
        {("rehearsal-failed", "orders")},
    ),
    Case(
        "missing_table",
        ORDERS,
        'op.add_column("order", sa.Column("region", sa.Text(), nullable=True))',
        'op.drop_column("order", "region")',
        {("rehearsal-failed", "")},
        note='the table is called "orders": there is no relation to name',
    ),
    Case(
        "syntax_error",
        ORDERS,
        'op.execute("ALTER TABLE orders ADD COLUMN region text NUL")',
        'op.drop_column("orders", "region")',
        {("rehearsal-failed", "orders")},
    ),
    Case(
        "syntax_error_in_second_statement",
        ORDERS,
        execute("ALTER TABLE orders ADD COLUMN region text; ALTER TABEL orders ADD area text"),
        'op.drop_column("orders", "region")',
        {("rehearsal-failed", "orders")},
    ),
    Case(
        "type_change_without_using",
        ORDERS,
        'op.alter_column("orders", "external_id", type_=sa.BigInteger())',
        'op.alter_column("orders", "external_id", type_=sa.Text())',
        {("rehearsal-failed", "orders")},
        note="column cannot be cast automatically; fails on an empty table too",
    ),
    Case(
        "type_of_a_column_that_a_view_reads",
        VIEWS,
        'op.alter_column("orders", "colour", type_=sa.String(40))',
        'op.alter_column("orders", "colour", type_=sa.Text())',
        {("rehearsal-failed", "orders")},
    ),
    Case(
        "concurrent_index_on_partitioned",
        PARTITIONED,
        alone('op.create_index("ix_e", "events", ["kind"], postgresql_concurrently=True)'),
        alone('op.drop_index("ix_e", postgresql_concurrently=True)'),
        {("rehearsal-failed", "events")},
    ),
    Case(
        "object_made_twice",
        ORDERS,
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        'op.drop_column("orders", "colour")',
        {("rehearsal-failed", "orders")},
    ),
    Case(
        "drop_what_others_need",
        ORDERS,
        'op.drop_table("customers")',
        'raise NotImplementedError("The customers are gone.")',
        {("rehearsal-failed", "customers")},
        note="nothing is dropped, so drops-table is not reported",
    ),
]

CASES = [
    *BOOKKEEPING,
    *AUTOCOMMIT,
    *CONCURRENTLY,
    *TRANSACTION_CONTROL,
    *RENDERING,
    *REHEARSAL_FAILURES,
]
