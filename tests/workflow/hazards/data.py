"""Data: changed under locks, in one statement, in batches; truncated."""

from .case import ORDERS, PARTITIONED, ROUTINES, SCHEMAS, Case, alone, execute

UNDER_LOCK = [
    Case(
        "column_added_and_filled",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.execute("UPDATE orders SET region = 'eu'")
        """,
        'op.drop_column("orders", "region")',
        {("changes-data-under-lock", "orders"), ("unbatched-data-change", "orders")},
    ),
    Case(
        "column_added_filled_and_required",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.execute("UPDATE orders SET region = colour")
        op.execute("UPDATE orders SET region = 'eu' WHERE region IS NULL")
        op.alter_column("orders", "region", nullable=False)
        """,
        'op.drop_column("orders", "region")',
        {
            ("changes-data-under-lock", "orders"),
            ("unbatched-data-change", "orders"),
            ("sets-not-null", "orders"),
            ("adds-required-column", "orders"),
        },
        note="the usual three steps in one revision; an old application cannot insert afterwards",
    ),
    Case(
        "column_added_and_filled_by_expression",
        ORDERS,
        """
        op.add_column("customers", sa.Column("domain", sa.Text(), nullable=True))
        customers = sa.table("customers", sa.column("email", sa.Text), sa.column("domain", sa.Text))
        op.execute(
            customers.update().values(domain=sa.func.split_part(customers.c.email, "@", 2))
        )
        """,
        'op.drop_column("customers", "domain")',
        {("changes-data-under-lock", "customers"), ("unbatched-data-change", "customers")},
    ),
    Case(
        "rows_changed_after_a_check_was_dropped",
        ORDERS,
        """
        op.drop_constraint("ck_orders_quantity_positive", "orders", type_="check")
        op.execute("UPDATE orders SET quantity = 0 WHERE status = 'cancelled'")
        """,
        'raise NotImplementedError("What the cancelled orders held is not known any more.")',
        {("changes-data-under-lock", "orders"), ("unbatched-data-change", "orders")},
    ),
    Case(
        "another_table_filled_while_locked",
        ORDERS,
        """
        op.add_column("customers", sa.Column("tier", sa.Text(), nullable=True))
        op.execute("UPDATE orders SET note = trim(note)")
        """,
        'raise NotImplementedError("What was trimmed cannot be known.")',
        {("changes-data-under-lock", "customers"), ("unbatched-data-change", "orders")},
    ),
    Case(
        "trigger_made_and_rows_filled",
        ROUTINES,
        execute(
            """
            CREATE TRIGGER stamp_new BEFORE INSERT ON orders
                FOR EACH ROW EXECUTE FUNCTION stamp_order();
            UPDATE orders SET note = '-';
            """
        ),
        'raise NotImplementedError("The notes that were there are overwritten.")',
        {("changes-data-under-lock", "orders"), ("unbatched-data-change", "orders")},
        note="CREATE TRIGGER holds SHARE ROW EXCLUSIVE: writers wait for the update",
    ),
    Case(
        "rows_moved_to_new_table_while_locked",
        ORDERS,
        """
        op.create_table(
            "order_notes",
            sa.Column("order_id", sa.BigInteger(), sa.ForeignKey("orders.id"), primary_key=True),
            sa.Column("body", sa.Text(), nullable=False),
        )
        op.execute("INSERT INTO order_notes SELECT id, note FROM orders WHERE note IS NOT NULL")
        """,
        'op.drop_table("order_notes")',
        {("changes-data-under-lock", "orders"), ("unbatched-data-change", "orders")},
        note="the key of the new table holds SHARE ROW EXCLUSIVE on orders",
    ),
    Case(
        "data_in_do_block_while_locked",
        ORDERS,
        execute(
            """
            DO $$
            DECLARE r record;
            BEGIN
                ALTER TABLE orders ADD COLUMN IF NOT EXISTS region text;
                FOR r IN SELECT id FROM orders LOOP
                    UPDATE orders SET region = 'eu' WHERE id = r.id;
                END LOOP;
            END $$
            """
        ),
        'op.drop_column("orders", "region")',
        {("changes-data-under-lock", "orders"), ("unbatched-data-change", "orders")},
    ),
    # safe
    Case(
        "rows_seeded_in_new_table",
        ORDERS,
        """
        regions = op.create_table(
            "regions",
            sa.Column("code", sa.Text(), primary_key=True),
            sa.Column("label", sa.Text(), nullable=False),
        )
        op.bulk_insert(regions, [{"code": "eu", "label": "50% EU"}, {"code": "us", "label": "US"}])
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.create_foreign_key(
            "fk_orders_region", "orders", "regions", ["region"], ["code"],
            postgresql_not_valid=True,
        )
        """,
        """
        op.drop_constraint("fk_orders_region", "orders", type_="foreignkey")
        op.drop_column("orders", "region")
        op.drop_table("regions")
        """,
        note="a handful of literal rows is not a data change worth a word",
    ),
    Case(
        "new_table_filled_from_constants",
        ORDERS,
        execute(
            """
            CREATE TABLE weekdays (n smallint, label text NOT NULL);
            INSERT INTO weekdays SELECT n, 'day ' || n FROM generate_series(1, 7) AS n;
            UPDATE weekdays SET label = upper(label);
            DELETE FROM weekdays WHERE n > 5;
            """
        ),
        'op.drop_table("weekdays")',
    ),
]

UNBATCHED = [
    Case(
        "update_all",
        ORDERS,
        """op.execute("UPDATE orders SET colour = 'none'")""",
        'raise NotImplementedError("The colours that were there are overwritten.")',
        {("unbatched-data-change", "orders")},
    ),
    Case(
        "update_with_condition",
        ORDERS,
        execute("UPDATE orders SET status = 'closed' WHERE status = 'shipped'"),
        'raise NotImplementedError("Which orders were shipped is not known any more.")',
        {("unbatched-data-change", "orders")},
        note="a condition on a common value is no batch",
    ),
    Case(
        "update_from_join_in_sql",
        ORDERS,
        execute(
            """
            UPDATE order_items AS i SET warehouse_id = w.id
            FROM orders AS o, warehouses AS w
            WHERE o.id = i.order_id AND w.code = o.colour
            """
        ),
        'raise NotImplementedError("The warehouses that were there are overwritten.")',
        {("unbatched-data-change", "order_items")},
    ),
    Case(
        "update_by_expression",
        ORDERS,
        """
        orders = sa.table("orders", sa.column("note", sa.Text))
        op.execute(sa.update(orders).where(orders.c.note.is_(None)).values(note=""))
        """,
        'raise NotImplementedError("Empty notes cannot be told from missing ones.")',
        {("unbatched-data-change", "orders")},
    ),
    Case(
        "update_through_function",
        ROUTINES,
        'op.execute("SELECT fill_notes()")',
        'raise NotImplementedError("Empty notes cannot be told from missing ones.")',
        {("unbatched-data-change", "orders")},
        note="nothing in the text says that this writes",
    ),
    Case(
        "update_mixed_case",
        SCHEMAS,
        """op.execute('UPDATE "OrderLine" SET "group" = lower("group")')""",
        'raise NotImplementedError("The capitals are gone.")',
        {("unbatched-data-change", "OrderLine")},
    ),
    Case(
        "update_in_autocommit_block",
        SCHEMAS,
        alone("""op.execute("UPDATE billing.invoices SET memo = '' WHERE memo IS NULL")"""),
        'raise NotImplementedError("Empty memos cannot be told from missing ones.")',
        {("unbatched-data-change", "billing.invoices")},
    ),
    Case(
        "update_partitioned",
        PARTITIONED,
        """op.execute("UPDATE events SET kind = 'other' WHERE kind = ''")""",
        'raise NotImplementedError("Which kinds were empty is not known any more.")',
        {("unbatched-data-change", "events")},
    ),
    Case(
        "delete_all",
        ORDERS,
        'op.execute("DELETE FROM order_items")',
        'raise NotImplementedError("The items are gone.")',
        {("unbatched-data-change", "order_items")},
    ),
    Case(
        "delete_duplicates",
        ORDERS,
        execute(
            """
            DELETE FROM products AS a USING products AS b WHERE a.sku = b.sku AND a.id > b.id
            """
        ),
        'raise NotImplementedError("The duplicates are gone.")',
        {("unbatched-data-change", "products")},
    ),
    Case(
        "delete_through_cte_to_archive",
        ORDERS,
        execute(
            """
            CREATE TABLE old_items (LIKE order_items);
            WITH moved AS (DELETE FROM order_items WHERE order_id < 1000000 RETURNING *)
            INSERT INTO old_items SELECT * FROM moved;
            """
        ),
        'raise NotImplementedError("Move the items back by hand.")',
        {("unbatched-data-change", "order_items")},
    ),
    Case(
        "copy_whole_table",
        ORDERS,
        execute(
            """
            CREATE TABLE contacts (customer_id bigint PRIMARY KEY, phone text);
            INSERT INTO contacts SELECT id, phone FROM customers;
            """
        ),
        'op.drop_table("contacts")',
        {("unbatched-data-change", "customers")},
        note="holds back no writer, but is one transaction as long as the table",
    ),
    Case(
        "insert_select_between_existing_tables",
        ORDERS,
        """
        op.execute(
            "INSERT INTO products (sku, name) SELECT DISTINCT number, number FROM orders"
        )
        """,
        'raise NotImplementedError("These products cannot be told from the others.")',
        {("unbatched-data-change", "orders")},
        note="one finding: the table that is read whole",
    ),
    Case(
        "merge",
        ORDERS,
        execute(
            """
            MERGE INTO products AS p
            USING (SELECT DISTINCT product_id FROM order_items) AS i ON i.product_id = p.id
            WHEN MATCHED THEN UPDATE SET price = 0
            """
        ),
        'raise NotImplementedError("The prices that were there are overwritten.")',
        {("unbatched-data-change", "products")},
    ),
    # safe
    Case(
        "update_by_key",
        ORDERS,
        """op.execute("UPDATE customers SET name = 'Test' WHERE id = 42")""",
        'raise NotImplementedError("The name that was there is overwritten.")',
        note="one row by primary key",
    ),
    Case(
        "delete_by_unique_key",
        ORDERS,
        """op.execute("DELETE FROM customers WHERE email IN ('a@example.org', 'b@example.org')")""",
        'raise NotImplementedError("The two test customers are gone.")',
    ),
    Case(
        "update_key_range",
        ORDERS,
        """op.execute("UPDATE customers SET name = '' WHERE id BETWEEN 1 AND 1000")""",
        'raise NotImplementedError("The names that were there are overwritten.")',
    ),
    Case(
        "literal_rows_into_existing_table",
        ORDERS,
        """
        warehouses = sa.table(
            "warehouses", sa.column("id", sa.BigInteger), sa.column("code", sa.Text)
        )
        op.bulk_insert(warehouses, [{"id": 901, "code": "north"}, {"id": 902, "code": "50% S"}])
        """,
        'op.execute("DELETE FROM warehouses WHERE id IN (901, 902)")',
    ),
    Case(
        "upsert_of_literal_rows",
        ORDERS,
        execute(
            """
            INSERT INTO customers (email, name) VALUES ('root@example.org', 'Root')
            ON CONFLICT (email) DO UPDATE SET name = excluded.name
            """
        ),
        """op.execute("DELETE FROM customers WHERE email = 'root@example.org'")""",
    ),
    Case(
        "fill_without_its_rule",
        ORDERS,
        alone(execute("UPDATE orders SET note = NULL WHERE note IS NULL AND (NULL) IS NOT NULL")),
        "pass  # the rows may keep their values",
        {("unfilled-rule", "orders"), ("unbatched-data-change", "orders")},
    ),
    Case(
        "update_in_committed_batches",
        ORDERS,
        alone(
            execute(
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
        note="the recipe: it commits every 1000 keys and may be run again",
    ),
    Case(
        "rows_only_counted",
        ORDERS,
        execute(
            """
            DO $$ BEGIN
                IF EXISTS (SELECT FROM orders WHERE quantity < 0) THEN
                    RAISE EXCEPTION 'orders with a negative quantity: mend them first';
                END IF;
            END $$
            """
        ),
        "pass",
    ),
]

TRUNCATES = [
    Case(
        "truncate",
        ORDERS,
        'op.execute("TRUNCATE order_items")',
        'raise NotImplementedError("The items are gone.")',
        {("truncates", "order_items")},
    ),
    Case(
        "truncate_cascade",
        ORDERS,
        'op.execute("TRUNCATE TABLE orders RESTART IDENTITY CASCADE")',
        'raise NotImplementedError("The orders are gone.")',
        {("truncates", "orders"), ("truncates", "order_items")},
        note="order_items is not named, only reached",
    ),
    Case(
        "truncate_in_do_block",
        PARTITIONED,
        """op.execute("DO $$ BEGIN EXECUTE 'TRUNCATE events_2025'; END $$")""",
        'raise NotImplementedError("The events of 2025 are gone.")',
        {("truncates", "events_2025")},
    ),
    Case(
        "truncate_new_table",
        ORDERS,
        execute(
            "CREATE TABLE scratch (n bigint); INSERT INTO scratch VALUES (1); TRUNCATE scratch"
        ),
        'op.drop_table("scratch")',
    ),
    Case(
        "delete_in_committed_batches",
        ORDERS,
        alone(
            execute(
                """
                DO $$
                BEGIN
                    LOOP
                        DELETE FROM order_items
                        WHERE id IN (SELECT id FROM order_items ORDER BY id LIMIT 1000);
                        EXIT WHEN NOT FOUND;
                        COMMIT;
                    END LOOP;
                END $$
                """
            )
        ),
        'raise NotImplementedError("The items are gone.")',
    ),
]

CASES = [*UNDER_LOCK, *UNBATCHED, *TRUNCATES]
