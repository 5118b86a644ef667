"""Tables that are read while the lock of an earlier statement is held on another."""

from .case import ORDERS, PARTITIONED, ROUTINES, UNVALIDATED, VIEWS, Case, execute

_ADD = "ALTER TABLE warehouses ADD COLUMN region text;"
_DROP = 'op.drop_column("warehouses", "region")'
_HELD = ("scans-under-lock", "warehouses")


def _case(name: str, setup: str, later: str, *expect: tuple[str, str], undo: str = "") -> Case:
    """Return a case that locks `warehouses` and then runs `later`."""
    undo = f"{execute(undo)}\n{_DROP}" if undo else _DROP
    return Case(name, setup, execute(f"{_ADD}\n{later}"), undo, set(expect))


READS = [
    _case(
        "held_for_a_validation", UNVALIDATED,
        "ALTER TABLE orders VALIDATE CONSTRAINT ck_orders_total", _HELD,
    ),
    _case(
        "held_for_a_validated_foreign_key", UNVALIDATED,
        "ALTER TABLE order_items VALIDATE CONSTRAINT fk_order_items_product_id_products", _HELD,
    ),
    _case("held_for_a_select", ORDERS, "SELECT count(*) FROM orders", _HELD),
    _case("held_for_a_view", VIEWS, "SELECT count(*) FROM open_orders", _HELD),
    _case("held_for_a_function", ROUTINES, "SELECT order_label(id) FROM orders", _HELD),
    _case(
        "held_for_a_select_of_its_own_rows", ORDERS, "SELECT count(*) FROM warehouses", _HELD,
    ),
    _case(
        "held_for_a_copy", ORDERS, "CREATE TABLE old_orders AS SELECT id, total FROM orders", _HELD,
        undo="DROP TABLE old_orders",
    ),
    _case(
        "held_for_a_materialized_view", ORDERS,
        "CREATE MATERIALIZED VIEW totals AS SELECT sum(total) AS total FROM orders", _HELD,
        undo="DROP MATERIALIZED VIEW totals",
    ),
    Case(
        "held_for_an_index_build", ORDERS,
        execute(f"{_ADD}\nCREATE INDEX ix_orders_number ON orders (number)"),
        'op.drop_index("ix_orders_number")\n' + _DROP,
        {_HELD, ("blocking-index-build", "orders")}, {("blocking-index-drop", "orders")},
    ),
    _case(
        "held_for_a_block", ORDERS,
        "DO $$ BEGIN PERFORM sum(total) FROM orders; END $$",
        _HELD,
    ),
    _case("held_for_statistics", ORDERS, "ANALYZE orders", _HELD),
    _case("held_for_all_statistics", ORDERS, "ANALYZE", _HELD),
    _case(
        "held_for_partitions", f"{PARTITIONED}CREATE TABLE warehouses (id bigint PRIMARY KEY);",
        "SELECT count(*) FROM events", _HELD,
    ),
]  # fmt: skip

_REFERENCE = "ADD CONSTRAINT fk_visits_guest_id_guests FOREIGN KEY (guest_id) REFERENCES guests"
_VISITS = f"""
CREATE TABLE visits (id bigint PRIMARY KEY, guest_id bigint);
CREATE TABLE guests (id bigint PRIMARY KEY);
ALTER TABLE visits {_REFERENCE};
"""


def _validated(name: str, setup: str) -> Case:
    """Return a case that locks and reads two tables for a foreign key, and then one of them."""
    key = f"""
        ALTER TABLE visits DROP CONSTRAINT fk_visits_guest_id_guests;
        ALTER TABLE visits {_REFERENCE};
        ALTER TABLE visits ADD CONSTRAINT ck_visits_id CHECK (id > 0);
    """
    undo = 'op.drop_constraint("ck_visits_id", "visits")'
    return Case(name, setup, execute(key), undo, {("validates-constraint", "visits")})


NO_READS = [
    _validated("validated_foreign_key_to_a_later_table", _VISITS),
    _validated("validated_foreign_key_of_no_rows", f"{_VISITS}INSERT INTO visits VALUES (1);"),
    _case("held_for_one_row", ORDERS, "SELECT number FROM orders WHERE id = 1"),
    _case("held_for_the_last_key", ORDERS, "SELECT setval('orders_id_seq', max(id)) FROM orders"),
    _case("held_for_a_value", ORDERS, "SELECT set_config('search_path', 'public', true)"),
    _case("held_for_catalogs", ORDERS, "SELECT count(*) FROM pg_class"),
    _case(
        "held_for_a_new_table", ORDERS,
        "CREATE TABLE regions (name text);\nCREATE INDEX ix_regions ON regions (name)",
        undo="DROP TABLE regions",
    ),
    Case(
        "read_before_it_is_locked",
        ORDERS,
        execute(f"SELECT count(*) FROM orders;\n{_ADD}"),
        _DROP,
    ),
    Case(
        "held_for_a_downgrade",
        ORDERS,
        'op.add_column("warehouses", sa.Column("region", sa.Text(), nullable=True))',
        f'{_DROP}\nop.execute("SELECT count(*) FROM orders")',
        (),
        {_HELD},
    ),
]  # fmt: skip

CASES = [*READS, *NO_READS]
