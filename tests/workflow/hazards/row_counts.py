"""Numbers of rows: given keys that are few on any table, and complete tables in any disguise."""

from .case import KEYLESS, ORDERS, PARTITIONED, ROUTINES, SCHEMAS, VIEWS, Case, alone, execute

_GONE = 'raise NotImplementedError("The values that were there are overwritten.")'


def _few(name: str, setup: str, sql: str) -> Case:
    return Case(f"few_rows_{name}", setup, execute(sql), _GONE)


def _all(name: str, setup: str, sql: str, *tables: str) -> Case:
    found = {("unbatched-data-change", table) for table in tables}
    return Case(f"all_rows_{name}", setup, execute(sql), _GONE, found)


_SAME_NAME = f"""{ORDERS}
CREATE SCHEMA archive;
CREATE TABLE archive.customers (id bigint, name text);
"""
_CHAINED = f"""{ROUTINES}
CREATE FUNCTION close_all() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN UPDATE products SET price = 0; RETURN NULL; END $$;
CREATE TRIGGER closing AFTER UPDATE ON warehouses
    FOR EACH STATEMENT EXECUTE FUNCTION close_all();
"""
_WRITABLE = f"""{VIEWS}
CREATE VIEW order_owners AS
    SELECT o.id, o.note, c.email FROM orders AS o JOIN customers AS c ON c.id = o.customer_id;
CREATE FUNCTION write_note() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN UPDATE orders SET note = NEW.note WHERE id = OLD.id; RETURN NEW; END $$;
CREATE TRIGGER writing INSTEAD OF UPDATE ON order_owners
    FOR EACH ROW EXECUTE FUNCTION write_note();
"""

FEW = [
    _few("merged_from_values", ORDERS, """
        MERGE INTO products AS p USING (VALUES (1, 2.5), (2, 3.5)) AS v (id, price) ON v.id = p.id
        WHEN MATCHED THEN UPDATE SET price = v.price
        """),
    _few("updated_from_values", ORDERS, """
        UPDATE products AS p SET price = v.price FROM (VALUES (1, 2.5), (2, 3.5)) AS v (id, price)
        WHERE v.id = p.id
        """),
    _few("of_a_pair", KEYLESS, """
        UPDATE readings SET value = 0
        WHERE (sensor_id, at) IN ((1, '2026-01-01'), (2, '2026-01-02'))
        """),
    _few("by_one_key_or_another", ORDERS, "UPDATE customers SET name = '' WHERE id = 1 OR id = 2"),
    _few("by_a_key_on_the_right", ORDERS, "UPDATE customers SET name = '' WHERE 1 = id"),
    _few("by_a_unique_index", KEYLESS, "UPDATE readings SET value = 0 WHERE tag = 'a'"),
    _few("by_an_array", ORDERS, "DELETE FROM products WHERE id = ANY (ARRAY[1, 2])"),
    _few("between_two_keys", ORDERS, "UPDATE customers SET name = '' WHERE id >= 1 AND id < 500"),
    _few("by_the_key_of_a_partition", PARTITIONED, """
        UPDATE events SET kind = '' WHERE id = 1 AND at = '2025-05-05'
        """),
    _few("by_a_single_value", ORDERS, """
        UPDATE orders SET note = '' WHERE id = (SELECT max(id) FROM orders)
        """),
    _few("with_a_join", ORDERS, """
        UPDATE orders AS o SET note = c.name FROM customers AS c
        WHERE c.id = o.customer_id AND o.id IN (1, 2)
        """),
    _few("through_a_view", VIEWS, "UPDATE open_orders SET colour = '' WHERE id = 1"),
    _few("in_a_common_table_expression", ORDERS, """
        WITH one AS (UPDATE customers SET name = '' WHERE id = 1 RETURNING id)
        UPDATE orders SET note = '' WHERE id = 2
        """),
    _few("in_a_select", ORDERS, """
        WITH one AS (DELETE FROM products WHERE id = 1 RETURNING id) SELECT count(*) FROM one
        """),
    _few("prepared", ORDERS, """
        PREPARE one (bigint) AS UPDATE customers SET name = '' WHERE id = $1;
        EXECUTE one (42);
        """),
    _few("in_another_schema", SCHEMAS, "UPDATE billing.invoices SET memo = '' WHERE id = 1"),
    _few("with_a_cascade", ORDERS, "DELETE FROM orders WHERE id = 1"),
]  # fmt: skip

ALL = [
    _all("through_a_view", VIEWS, "UPDATE open_orders SET colour = ''", "orders"),
    _all("through_a_view_with_a_trigger", _WRITABLE, "UPDATE order_owners SET note = ''", "orders"),
    _all("by_search_path", SCHEMAS, """
        SET LOCAL search_path = billing, public;
        UPDATE invoices SET memo = ''
        """, "billing.invoices"),
    _all("prepared", ORDERS, """
        PREPARE every AS UPDATE customers SET name = '';
        EXECUTE every;
        """, "customers"),
    _all("explained", ORDERS, "EXPLAIN ANALYZE UPDATE customers SET name = ''", "customers"),
    _all("by_a_trigger", _CHAINED, "UPDATE warehouses SET code = '' WHERE id = 1", "products"),
    _all("inserted_from_itself", ORDERS, """
        INSERT INTO products (sku, name) SELECT sku, name FROM products
        """, "products"),
    _all("in_another_schema_of_the_same_name", _SAME_NAME, """
        UPDATE archive.customers SET name = '' WHERE id = 1
        """, "archive.customers"),
    _all("by_half_of_a_key", KEYLESS, "UPDATE readings SET value = 0 WHERE sensor_id = 1",
         "readings"),
    _all("between_distant_keys", ORDERS, """
        UPDATE customers SET name = '' WHERE id BETWEEN 1 AND 1000000
        """, "customers"),
    _all("by_a_key_or_a_value", ORDERS, """
        UPDATE customers SET name = '' WHERE id = 1 OR phone = ''
        """, "customers"),
    _all("of_an_array_of_all_keys", ORDERS, """
        DELETE FROM products WHERE id = ANY (ARRAY(SELECT id FROM products WHERE price = 0))
        """, "products"),
    _all("in_a_common_table_expression", ORDERS, """
        WITH every AS (UPDATE customers SET name = '' RETURNING id)
        UPDATE orders SET note = '' WHERE id = 2
        """, "customers"),
    _all("in_a_select", ORDERS, """
        WITH every AS (DELETE FROM order_items RETURNING id) SELECT count(*) FROM every
        """, "order_items"),
    _all("merged_by_no_key", ORDERS, """
        MERGE INTO customers AS c USING (VALUES ('x')) AS v (phone) ON v.phone = c.phone
        WHEN MATCHED THEN UPDATE SET name = ''
        """, "customers"),
    Case("all_rows_explained_alone", ORDERS,
         alone('op.execute("EXPLAIN ANALYZE DELETE FROM order_items")'), _GONE,
         {("unbatched-data-change", "order_items")}),
]  # fmt: skip

CASES = [*FEW, *ALL]
