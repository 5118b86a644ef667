"""Statements in DO blocks, in functions and behind a search path: as they are without them."""

from .case import ORDERS, PARTITIONED, ROUTINES, SCHEMAS, Case, execute

_ADD = "ALTER TABLE warehouses ADD COLUMN note text;"
_HELD = ("scans-under-lock", "warehouses")
_TOTAL = f"""{ORDERS}
CREATE FUNCTION total() RETURNS numeric LANGUAGE sql STABLE
    AS $f$ SELECT sum(total) FROM orders $f$;
"""
_CLEAR = f"""{ORDERS}
CREATE FUNCTION clear() RETURNS void LANGUAGE plpgsql AS $f$ BEGIN TRUNCATE order_items; END $f$;
"""
_NAMED = f"""{ORDERS}
CREATE FUNCTION give_name(bigint) RETURNS void LANGUAGE plpgsql
    AS $f$ BEGIN UPDATE customers SET name = 'x' WHERE id = $1; END $f$;
"""
_CAST = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION mood_number(mood) RETURNS integer LANGUAGE sql IMMUTABLE AS $f$ SELECT 1 $f$;
CREATE CAST (mood AS integer) WITH FUNCTION mood_number(mood);
"""
_PUBLISHED = f"""{ROUTINES}
CREATE TABLE log (line plain_text);
CREATE PUBLICATION everything FOR ALL TABLES;
"""


def _case(name: str, setup: str, upgrade: str, *expect: tuple[str, str]) -> Case:
    """A case whose downgrade is of no interest."""
    refusal = 'raise NotImplementedError("What was there is not known.")'
    return Case(name, setup, execute(upgrade), refusal, set(expect))


def _block(statement: str) -> str:
    return f"DO $$ BEGIN {statement}; END $$"


READS = [
    _case(
        "held_for_a_key_in_a_block", ORDERS,
        f"{_ADD} DO $$ BEGIN IF EXISTS (SELECT FROM orders WHERE id = 1) THEN NULL; END IF; END $$",
    ),
    _case("held_for_a_key_in_a_function", ROUTINES, f"{_ADD} SELECT order_label(1)"),
    _case("held_for_all_rows_in_a_function", _TOTAL, f"{_ADD} SELECT total()", _HELD),
    _case("held_for_the_first_row", ORDERS, f"{_ADD} SELECT note FROM orders LIMIT 1"),
    _case("held_for_any_row", ORDERS, f"{_ADD} SELECT EXISTS (SELECT FROM orders)"),
    _case("held_for_locked_rows", ORDERS, f"{_ADD} SELECT id FROM orders FOR UPDATE", _HELD),
    _case(
        "held_for_a_truncation", ORDERS, f"{_ADD} TRUNCATE order_items",
        ("truncates", "order_items"),
    ),
    _case(
        "held_for_changes_in_a_block", ORDERS,
        f"{_ADD} {_block('UPDATE orders SET quantity = 1')}",
        ("unbatched-data-change", "orders"), ("changes-data-under-lock", "warehouses"),
    ),
    _case(
        "held_for_an_attached_new_partition", PARTITIONED,
        """
        ALTER TABLE events_2027 ADD COLUMN note text;
        CREATE TABLE events_2028 (LIKE events INCLUDING ALL);
        ALTER TABLE events ATTACH PARTITION events_2028
            FOR VALUES FROM ('2028-01-01') TO ('2029-01-01')
        """,
    ),
]  # fmt: skip

WRITES = [
    _case(
        "one_row_by_execute", ORDERS,
        _block("EXECUTE 'UPDATE customers SET name = ''x'' WHERE id IN (1, 2)'"),
    ),
    _case("one_row_in_a_function", _NAMED, "SELECT give_name(1)"),
    _case(
        "all_rows_by_execute_of_a_composed_text", ORDERS,
        _block("EXECUTE format('UPDATE %I SET name = NULL', 'customers')"),
        ("unbatched-data-change", "customers"),
    ),
    _case("truncated_in_a_function", _CLEAR, "SELECT clear()", ("truncates", "order_items")),
    _case(
        "triggers_disabled_in_a_block", ROUTINES, _block("ALTER TABLE orders DISABLE TRIGGER USER"),
        ("disables-triggers", "orders"),
    ),
]  # fmt: skip

OBJECTS = [
    _case(
        "table_moved_in_a_block", ORDERS, _block("ALTER TABLE orders SET TABLESPACE pg_default"),
        ("rewrites-table", "orders"),
    ),
    _case(
        "sequence_restarted_by_execute", ROUTINES,
        _block("EXECUTE 'ALTER SEQUENCE order_numbers RESTART'"),
        ("narrows-sequence", "order_numbers"),
    ),
    _case(
        "identity_dropped_in_a_block", ORDERS,
        _block("ALTER TABLE orders ALTER COLUMN id DROP IDENTITY"), ("drops-default", "orders"),
    ),
    _case(
        "moved_on_the_search_path", SCHEMAS,
        "SET LOCAL search_path = billing, public; ALTER TABLE invoices SET TABLESPACE pg_default",
        ("rewrites-table", "billing.invoices"),
    ),
    _case(
        "function_that_has_nothing_to_do", ORDERS,
        """
        CREATE FUNCTION add_note() RETURNS void LANGUAGE plpgsql
            AS $$ BEGIN ALTER TABLE orders ADD COLUMN IF NOT EXISTS note text; END $$;
        SELECT add_note();
        DROP FUNCTION add_note()
        """,
    ),
    _case(
        "type_of_a_cast_renamed", _CAST, "ALTER TYPE mood RENAME TO humour",
        ("renames-type", "mood"),
    ),
    _case(
        "type_of_indexed_partitions_narrowed",
        f"{PARTITIONED}CREATE INDEX ix_events_kind ON events (kind);",
        "ALTER TABLE events ALTER COLUMN kind TYPE varchar(9)", ("rewrites-table", "events"),
    ),
    _case(
        "domain_required_beside_a_published_table_without_identity", _PUBLISHED,
        "ALTER DOMAIN plain_text SET NOT NULL", ("validates-domain", "plain_text"),
    ),
    _case(
        "position_set_to_a_value", ROUTINES, "SELECT setval('order_numbers', 1000)",
        ("narrows-sequence", "order_numbers"),
    ),
    _case("cache_of_a_sequence", ROUTINES, "ALTER SEQUENCE order_numbers CACHE 50 START 7"),
    _case(
        "session_set_by_a_function", ORDERS, "SELECT set_config('timezone', 'UTC', false)",
        ("sets-session", ""),
    ),
    _case(
        "beginning_of_a_dump", ORDERS, "SELECT pg_catalog.set_config('search_path', '', false)",
        ("rehearsal-failed", ""),
    ),
]  # fmt: skip

CASES = [*READS, *WRITES, *OBJECTS]
