"""Locks that block more than the statement's name promises, and code that only looks like it."""

from .case import ORDERS, PARTITIONED, ROUTINES, Case, alone, execute

_IRREVERSIBLE = 'raise NotImplementedError("There is nothing to undo.")'
_REINDEXED = {("blocking-index-rebuild", "orders")}
_EXCLUSIVE = {"orders": "ACCESS EXCLUSIVE"}

_CHECKED = f"""{ORDERS}
ALTER TABLE customers ADD CONSTRAINT ck_customers_name CHECK (name <> '');
"""
_DOMAINS = f"""{ROUTINES}
ALTER TABLE orders ADD COLUMN label short_text;
ALTER DOMAIN short_text ADD CONSTRAINT ck_trimmed CHECK (VALUE = trim(VALUE)) NOT VALID;
"""
_FOREIGN = f"""{ORDERS}
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE remote_orders (id bigint, note text) SERVER elsewhere;
"""
_STAMPED = f"""{ORDERS}
ALTER TABLE orders ADD COLUMN stamped timestamp(0);
"""


def _sql(name: str, setup: str, sql: str, *expect: tuple[str, str], **options: object) -> Case:
    return Case(name, setup, execute(sql), _IRREVERSIBLE, set(expect), **options)  # type: ignore[arg-type]


INDEXES = [
    Case(
        "reindex_schema_alone", ORDERS, alone('op.execute("REINDEX SCHEMA public")'), "pass",
        {("blocking-index-rebuild", t) for t in
         ("orders", "order_items", "customers", "products", "warehouses", "alembic_version")},
    ),
    Case(
        "reindex_partitioned_alone", PARTITIONED, alone('op.execute("REINDEX TABLE events")'),
        "pass",
        {("blocking-index-rebuild", "events")},
    ),
    _sql(
        "index_moved_to_a_tablespace", ORDERS,
        "ALTER INDEX ix_orders_status SET TABLESPACE pg_default", *_REINDEXED, locks=_EXCLUSIVE,
    ),
    _sql(
        "table_moved_to_a_tablespace", ORDERS,
        "ALTER TABLE orders SET TABLESPACE pg_default", ("rewrites-table", "orders"),
    ),
    _sql(
        "partitioned_table_of_another_tablespace", PARTITIONED,
        "ALTER TABLE events SET TABLESPACE pg_default", note="only for partitions to come",
    ),
    _sql(
        "index_renamed_takes_no_lock_of_readers", ORDERS,
        "ALTER INDEX ix_orders_status RENAME TO ix_status", locks={},
    ),
]  # fmt: skip

TYPES = [
    _sql(
        "check_read_again_for_a_type", _CHECKED,
        "ALTER TABLE customers ALTER COLUMN name TYPE varchar(200)",
        ("type-change-scans", "customers"), locks={"customers": "ACCESS EXCLUSIVE"},
    ),
    _sql(
        "key_built_again_for_a_collation", ORDERS,
        'ALTER TABLE customers ALTER COLUMN email TYPE text COLLATE "POSIX"',
        ("type-change-scans", "customers"),
    ),
    _sql(
        "referencing_column_of_another_type", ORDERS,
        "ALTER TABLE orders ALTER COLUMN customer_id TYPE integer",
        ("rewrites-table", "orders"), ("scans-under-lock", "customers"),
        locks={"orders": "ACCESS EXCLUSIVE", "customers": "ACCESS EXCLUSIVE"},
    ),
    _sql(
        "referenced_column_of_another_type", ORDERS,
        "ALTER TABLE products ALTER COLUMN id TYPE integer",
        ("rewrites-table", "products"), ("small-key", "products"),
        note="nothing refers to it",
    ),
    _sql(
        "key_and_its_references_of_another_type", ORDERS,
        "ALTER TABLE customers ALTER COLUMN id TYPE integer",
        ("rewrites-table", "customers"), ("type-change-scans", "orders"),
        ("small-key", "customers"),
        locks={"orders": "ACCESS EXCLUSIVE", "customers": "ACCESS EXCLUSIVE"},
    ),
]  # fmt: skip

DOMAINS = [
    _sql(
        "domain_validated", _DOMAINS, "ALTER DOMAIN short_text VALIDATE CONSTRAINT ck_trimmed",
        ("validates-domain", "short_text"), locks={"orders": "SHARE"},
        max_version=18, note="PostgreSQL 19 takes SHARE UPDATE EXCLUSIVE",
    ),
    _sql(
        "domain_not_null", _DOMAINS.replace("label short_text", "label short_text DEFAULT ''"),
        "ALTER DOMAIN short_text SET NOT NULL",
        ("validates-domain", "short_text"), locks={"orders": "SHARE"},
    ),
    _sql("unused_domain_not_null", ROUTINES, "ALTER DOMAIN short_text SET NOT NULL"),
]  # fmt: skip

FALSE_ALARMS = [
    _sql("guarded_column_that_is_there", ORDERS, """
        DO $$ BEGIN ALTER TABLE orders ADD COLUMN IF NOT EXISTS colour text; END $$
        """),
    _sql("guarded_constraint_that_is_missing", ORDERS, """
        DO $$ BEGIN ALTER TABLE orders DROP CONSTRAINT IF EXISTS ck_unknown; END $$
        """),
    _sql("lock_in_a_block", ORDERS, """
        DO $$ BEGIN EXECUTE 'LOCK orders IN EXCLUSIVE MODE'; END $$
        """, ("locks-table", "orders")),
    _sql("savepoint_released", ORDERS, """
        SAVEPOINT first;
        COMMENT ON TABLE orders IS 'One row an order.';
        RELEASE SAVEPOINT first;
        """),
    _sql("savepoint_rolled_back", ORDERS, """
        SAVEPOINT first;
        COMMENT ON TABLE orders IS 'One row an order.';
        ROLLBACK TO SAVEPOINT first;
        """, ("transaction-control", "")),
    Case(
        "timestamp_of_another_precision", _STAMPED,
        'op.execute("ALTER TABLE orders ALTER COLUMN stamped TYPE timestamp(6)")', _IRREVERSIBLE,
    ),
    Case(
        "foreign_table_dropped_again", _FOREIGN,
        'op.execute("CREATE FOREIGN TABLE notes (body text) SERVER elsewhere")',
        'op.execute("DROP FOREIGN TABLE notes")',
    ),
    _sql(
        "foreign_table_dropped", _FOREIGN, "DROP FOREIGN TABLE remote_orders",
        ("drops-view", "remote_orders"), note="its rows are elsewhere, and stay there",
    ),
    Case(
        "foreign_table_dropped_in_a_downgrade", _FOREIGN,
        'op.execute("COMMENT ON TABLE orders IS NULL")',
        'op.execute("DROP FOREIGN TABLE remote_orders")',
        (), {("downgrade-wrong", "")},
    ),
    Case(
        "virtual_column_dropped_in_a_downgrade",
        f"{ORDERS}ALTER TABLE orders ADD twice int GENERATED ALWAYS AS (quantity * 2) VIRTUAL;",
        'op.execute("COMMENT ON TABLE orders IS NULL")', 'op.drop_column("orders", "twice")',
        (), {("downgrade-wrong", "")}, min_version=18,
    ),
]  # fmt: skip

CASES = [*INDEXES, *TYPES, *DOMAINS, *FALSE_ALARMS]
