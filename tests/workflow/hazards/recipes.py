"""Recipes of hazards, in the statements of PostgreSQL: what is dangerous, and the steps instead.

A step is a revision, outside of a transaction where it has CONCURRENTLY, VACUUM or COMMIT.
"""

from dataclasses import dataclass

from .case import ENUM, KEYLESS, ORDERS, PARTITIONED, PARTITIONED_DEFAULT, ROUTINES, VIEWS


@dataclass(frozen=True)
class Recipe:
    """A statement with the hazard `code`, and steps that reach the same catalog.

    `accepted` are hazards that a step ends with. Where `is_other`, the recipe makes something else
    of the same use, or the statement never succeeds.
    """

    code: str
    setup: str
    bad: str
    steps: tuple[str, ...]
    accepted: frozenset[str] = frozenset()
    is_other: bool = False
    min_version: int = 16


_LABELS = f"{ROUTINES}ALTER TABLE orders ADD COLUMN label short_text;"
_NAMES = f"{ORDERS}ALTER TABLE customers ADD CONSTRAINT ck_name CHECK (name <> '');"
_ATTACH = "ALTER TABLE events ATTACH PARTITION events_2027 FOR VALUES {};".format(
    "FROM ('2027-01-01') TO ('2028-01-01')"
)
_BOUNDS = "at >= '2027-01-01' AND at < '2028-01-01'"
_NULLABLE = """
CREATE TABLE events (at date, kind text) PARTITION BY RANGE (at);
CREATE TABLE events_2027 (at date, kind text);
"""


def _batches(table: str, assignment: str, condition: str) -> str:
    return f"""
        DO $$ DECLARE last_id bigint := 0; next_id bigint; BEGIN LOOP
            SELECT max(id) INTO next_id
            FROM (SELECT id FROM {table} WHERE id > last_id ORDER BY id LIMIT 1000) AS b;
            EXIT WHEN next_id IS NULL;
            UPDATE {table} SET {assignment}
            WHERE id > last_id AND id <= next_id AND {condition};
            COMMIT;
            last_id := next_id;
        END LOOP; END $$
        """


RECIPES = {
    "index": Recipe(
        "blocking-index-build", ORDERS, "CREATE INDEX ix ON orders (number)",
        ("CREATE INDEX CONCURRENTLY ix ON orders (number)",),
    ),
    "index_of_partitions": Recipe(
        "blocking-index-build", PARTITIONED, "CREATE INDEX ix ON events (kind)",
        (
            "CREATE INDEX ix ON ONLY events (kind)",
            "CREATE INDEX CONCURRENTLY events_2025_kind_idx ON events_2025 (kind);"
            "CREATE INDEX CONCURRENTLY events_2026_kind_idx ON events_2026 (kind)",
            "ALTER INDEX ix ATTACH PARTITION events_2025_kind_idx;"
            "ALTER INDEX ix ATTACH PARTITION events_2026_kind_idx",
        ),
    ),
    "index_rebuilt": Recipe(
        "blocking-index-rebuild", ORDERS, "REINDEX INDEX ix_orders_status",
        ("REINDEX INDEX CONCURRENTLY ix_orders_status",),
    ),
    "index_moved": Recipe(
        "blocking-index-rebuild", ORDERS,
        "ALTER INDEX ix_orders_status SET TABLESPACE pg_default",
        ("REINDEX (CONCURRENTLY, TABLESPACE pg_default) INDEX ix_orders_status",),
    ),
    "index_dropped": Recipe(
        "blocking-index-drop", ORDERS, "DROP INDEX ix_orders_status",
        ("DROP INDEX CONCURRENTLY ix_orders_status",),
    ),
    "check": Recipe(
        "validates-constraint", ORDERS, "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total >= 0)",
        (
            "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total >= 0) NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT ck",
        ),
    ),
    "foreign_key": Recipe(
        "validates-constraint", ORDERS,
        "ALTER TABLE order_items ADD CONSTRAINT fk FOREIGN KEY (product_id) REFERENCES products",
        (
            "ALTER TABLE order_items ADD CONSTRAINT fk FOREIGN KEY (product_id)"
            " REFERENCES products NOT VALID",
            "ALTER TABLE order_items VALIDATE CONSTRAINT fk",
        ),
    ),
    "validation_next_to_not_valid": Recipe(
        "validates-with-not-valid", ORDERS,
        "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total >= 0) NOT VALID;"
        "ALTER TABLE orders VALIDATE CONSTRAINT ck",
        (
            "ALTER TABLE orders ADD CONSTRAINT ck CHECK (total >= 0) NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT ck",
        ),
    ),
    "check_of_a_domain": Recipe(
        "validates-domain", _LABELS,
        "ALTER DOMAIN short_text ADD CONSTRAINT ck CHECK (VALUE = trim(VALUE))",
        (
            "ALTER DOMAIN short_text ADD CONSTRAINT ck CHECK (VALUE = trim(VALUE)) NOT VALID",
            "ALTER DOMAIN short_text VALIDATE CONSTRAINT ck",
        ),
        accepted=frozenset({"validates-domain"}),
    ),
    "check_of_a_domain_on_its_tables": Recipe(
        "validates-domain", _LABELS,
        "ALTER DOMAIN short_text ADD CONSTRAINT ck CHECK (VALUE = trim(VALUE))",
        (
            "ALTER TABLE orders ADD CONSTRAINT ck CHECK (label = trim(label)) NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT ck",
        ),
        is_other=True,
    ),
    "index_of_a_retyped_column": Recipe(
        "type-change-scans", ORDERS,
        'ALTER TABLE orders ALTER status TYPE varchar(20) COLLATE "POSIX"',
        (
            "DROP INDEX CONCURRENTLY ix_orders_status",
            'ALTER TABLE orders ALTER status TYPE varchar(20) COLLATE "POSIX"',
            "CREATE INDEX CONCURRENTLY ix_orders_status ON orders (status)",
        ),
    ),
    "check_of_a_retyped_column": Recipe(
        "type-change-scans", _NAMES, "ALTER TABLE customers ALTER name TYPE varchar(200)",
        (
            "ALTER TABLE customers DROP CONSTRAINT ck_name;"
            "ALTER TABLE customers ALTER name TYPE varchar(200);"
            "ALTER TABLE customers ADD CONSTRAINT ck_name CHECK (name <> '') NOT VALID",
            "ALTER TABLE customers VALIDATE CONSTRAINT ck_name",
        ),
    ),
    "not_null": Recipe(
        "sets-not-null", ORDERS, "ALTER TABLE orders ALTER note SET NOT NULL",
        (
            "ALTER TABLE orders ADD CONSTRAINT ck CHECK (note IS NOT NULL) NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT ck",
            "ALTER TABLE orders ALTER note SET NOT NULL; ALTER TABLE orders DROP CONSTRAINT ck",
        ),
    ),
    "not_null_since_18": Recipe(
        "sets-not-null", ORDERS, "ALTER TABLE orders ALTER note SET NOT NULL",
        (
            "ALTER TABLE orders ADD CONSTRAINT orders_note_not_null NOT NULL note NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT orders_note_not_null",
        ),
        min_version=18,
    ),
    "unique": Recipe(
        "builds-key", ORDERS, "ALTER TABLE orders ADD CONSTRAINT uq UNIQUE (number)",
        (
            "CREATE UNIQUE INDEX CONCURRENTLY uq ON orders (number)",
            "ALTER TABLE orders ADD CONSTRAINT uq UNIQUE USING INDEX uq",
        ),
    ),
    "primary_key": Recipe(
        "builds-key", KEYLESS, "ALTER TABLE readings ADD CONSTRAINT pk PRIMARY KEY (sensor_id, at)",
        (
            "CREATE UNIQUE INDEX CONCURRENTLY pk ON readings (sensor_id, at)",
            "ALTER TABLE readings ADD CONSTRAINT pk PRIMARY KEY USING INDEX pk",
        ),
    ),
    "unique_over_partitions": Recipe(
        "builds-key", PARTITIONED, "ALTER TABLE events ADD CONSTRAINT uq UNIQUE (at, kind)",
        (
            "CREATE UNIQUE INDEX CONCURRENTLY events_2025_at_kind_key ON events_2025 (at, kind);"
            "CREATE UNIQUE INDEX CONCURRENTLY events_2026_at_kind_key ON events_2026 (at, kind)",
            "ALTER TABLE events_2025 ADD CONSTRAINT events_2025_at_kind_key"
            " UNIQUE USING INDEX events_2025_at_kind_key;"
            "ALTER TABLE events_2026 ADD CONSTRAINT events_2026_at_kind_key"
            " UNIQUE USING INDEX events_2026_at_kind_key;"
            "ALTER TABLE events ADD CONSTRAINT uq UNIQUE (at, kind)",
        ),
    ),
    "volatile_default": Recipe(
        "rewrites-table", ORDERS,
        "ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()",
        (
            "ALTER TABLE orders ADD COLUMN token uuid;"
            "ALTER TABLE orders ALTER token SET DEFAULT gen_random_uuid()",
            _batches("orders", "token = gen_random_uuid()", "token IS NULL"),
        ),
    ),
    "generated_column": Recipe(
        "rewrites-table", ORDERS,
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (quantity * 2) STORED",
        ("ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (quantity * 2) VIRTUAL",),
        is_other=True, min_version=18,
    ),
    "generated_column_by_a_trigger": Recipe(
        "rewrites-table", ORDERS,
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (quantity * 2) STORED",
        (
            "ALTER TABLE orders ADD COLUMN twice int;"
            "CREATE FUNCTION twice() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN NEW.twice = NEW.quantity * 2; RETURN NEW; END $$;"
            "CREATE TRIGGER twice BEFORE INSERT OR UPDATE ON orders"
            " FOR EACH ROW EXECUTE FUNCTION twice()",
            _batches("orders", "twice = quantity * 2", "twice IS NULL"),
        ),
        is_other=True,
    ),
    "vacuum": Recipe(
        "rewrites-by-maintenance", ORDERS, "VACUUM FULL orders", ("VACUUM orders",),
    ),
    "view": Recipe(
        "refreshes-view", VIEWS, "REFRESH MATERIALIZED VIEW customer_totals",
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY customer_totals",),
    ),
    "attach": Recipe(
        "attaches-partition", PARTITIONED, _ATTACH,
        (
            f"ALTER TABLE events_2027 ADD CONSTRAINT ck CHECK ({_BOUNDS}) NOT VALID",
            "ALTER TABLE events_2027 VALIDATE CONSTRAINT ck",
            f"{_ATTACH} ALTER TABLE events_2027 DROP CONSTRAINT ck",
        ),
    ),
    "attach_by_a_nullable_key": Recipe(
        "attaches-partition", _NULLABLE, _ATTACH,
        (
            f"ALTER TABLE events_2027 ADD CONSTRAINT ck"
            f" CHECK (at IS NOT NULL AND {_BOUNDS}) NOT VALID",
            "ALTER TABLE events_2027 VALIDATE CONSTRAINT ck",
            f"{_ATTACH} ALTER TABLE events_2027 DROP CONSTRAINT ck",
        ),
    ),
    "attach_next_to_a_default": Recipe(
        "attaches-partition",
        f"{_NULLABLE}CREATE TABLE events_rest PARTITION OF events DEFAULT;", _ATTACH,
        (
            f"ALTER TABLE events_2027 ADD CONSTRAINT ck"
            f" CHECK (at IS NOT NULL AND {_BOUNDS}) NOT VALID;"
            f"ALTER TABLE events_rest ADD CONSTRAINT ck"
            f" CHECK (NOT (at IS NOT NULL AND {_BOUNDS})) NOT VALID",
            "ALTER TABLE events_2027 VALIDATE CONSTRAINT ck",
            "ALTER TABLE events_rest VALIDATE CONSTRAINT ck",
            f"{_ATTACH} ALTER TABLE events_2027 DROP CONSTRAINT ck;"
            "ALTER TABLE events_rest DROP CONSTRAINT ck",
        ),
    ),
    "detach": Recipe(
        "detaches-partition", PARTITIONED, "ALTER TABLE events DETACH PARTITION events_2025",
        (
            "ALTER TABLE events DETACH PARTITION events_2025 CONCURRENTLY",
            "ALTER TABLE events_2025 DROP CONSTRAINT events_2025_at_check",
        ),
    ),
    "detach_next_to_a_default": Recipe(
        "detaches-partition", PARTITIONED_DEFAULT,
        "ALTER TABLE events DETACH PARTITION events_2025",
        ("ALTER TABLE events DETACH PARTITION events_2025",),
        accepted=frozenset({"detaches-partition"}),
    ),
    "scan_under_lock": Recipe(
        "scans-under-lock", ORDERS,
        "ALTER TABLE warehouses ADD COLUMN region text;"
        "CREATE TABLE copied AS SELECT id, total FROM orders",
        (
            "ALTER TABLE warehouses ADD COLUMN region text",
            "CREATE TABLE copied AS SELECT id, total FROM orders",
        ),
    ),
    "type_of_a_key": Recipe(
        "scans-under-lock", ORDERS, "ALTER TABLE orders ALTER customer_id TYPE integer",
        (
            "ALTER TABLE orders DROP CONSTRAINT fk_orders_customer_id_customers",
            "ALTER TABLE orders ALTER customer_id TYPE integer",
            "ALTER TABLE orders ADD CONSTRAINT fk_orders_customer_id_customers"
            " FOREIGN KEY (customer_id) REFERENCES customers NOT VALID",
            "ALTER TABLE orders VALIDATE CONSTRAINT fk_orders_customer_id_customers",
        ),
        accepted=frozenset({"rewrites-table"}),
    ),
    "many_tables": Recipe(
        "many-blocking-locks", ORDERS,
        "".join(
            f"ALTER TABLE {table} ADD COLUMN x text;"
            for table in ("orders", "products", "customers", "warehouses")
        ),
        tuple(
            f"ALTER TABLE {table} ADD COLUMN x text"
            for table in ("orders", "products", "customers", "warehouses")
        ),
    ),
    "change_of_all_rows": Recipe(
        "unbatched-data-change", ORDERS, "UPDATE orders SET note = '' WHERE note IS NULL",
        (_batches("orders", "note = ''", "note IS NULL"),),
    ),
    "change_under_lock": Recipe(
        "changes-data-under-lock", ORDERS,
        "ALTER TABLE orders ADD COLUMN x text; UPDATE orders SET x = ''",
        ("ALTER TABLE orders ADD COLUMN x text", _batches("orders", "x = ''", "x IS NULL")),
    ),
    "table_renamed": Recipe(
        "renames-table", ORDERS, "ALTER TABLE products RENAME TO goods",
        (
            "ALTER TABLE products RENAME TO goods; CREATE VIEW products AS SELECT * FROM goods",
            "DROP VIEW products",
        ),
        accepted=frozenset({"drops-view"}),
    ),
    "moments_in_utc": Recipe(
        "depends-on-time-zone", ORDERS, "ALTER TABLE orders ALTER placed_at TYPE timestamptz",
        ("SET LOCAL timezone = 'UTC'; ALTER TABLE orders ALTER placed_at TYPE timestamptz",),
    ),
    "moments_of_a_zone": Recipe(
        "depends-on-time-zone", ORDERS, "ALTER TABLE orders ALTER placed_at TYPE timestamptz",
        (
            "ALTER TABLE orders ALTER placed_at TYPE timestamptz"
            " USING placed_at AT TIME ZONE 'Europe/Berlin'",
        ),
        accepted=frozenset({"rewrites-table"}),
    ),
    "new_enum_value": Recipe(
        "uses-new-enum-value", ENUM,
        "ALTER TYPE order_kind ADD VALUE 'phone'; UPDATE orders SET kind = 'phone' WHERE id = 1",
        (
            "ALTER TYPE order_kind ADD VALUE 'phone'",
            "UPDATE orders SET kind = 'phone' WHERE id = 1",
        ),
        is_other=True,
    ),
    "concurrently_in_a_transaction": Recipe(
        "concurrently-in-transaction", ORDERS,
        "SELECT 1; CREATE INDEX CONCURRENTLY ix ON orders (number)",
        ("CREATE INDEX CONCURRENTLY ix ON orders (number)",),
        is_other=True,
    ),
}  # fmt: skip
