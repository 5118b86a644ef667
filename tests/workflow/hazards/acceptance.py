"""Accepted hazards: with a reason, without one, unknown, superfluous."""

from .case import BOOKINGS, ENUM, ORDERS, ROUTINES, SCHEMAS, VIEWS, Case, alone, execute

ACCEPTANCE = [
    Case(
        "accepted_drop",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders")},
        accepted={"drops-column": "no reader since 2026-10, see issue 12"},
        note="found, printed with its reason, and no error",
    ),
    Case(
        "accepted_with_a_reason_that_is_hostile_to_comments",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders")},
        accepted={"drops-column": "see issue 12\nDROP TABLE customers; -- */"},
        note="a newline in a reason must not become SQL",
    ),
    Case(
        "accepted_without_a_reason",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders"), ("accepted-without-reason", "")},
        accepted={"drops-column": "  "},
    ),
    Case(
        "accepted_unknown_code",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders"), ("accepted-unknown-hazard", "")},
        accepted={"drop-column": "no reader since 2026-10"},
    ),
    Case(
        "accepted_for_nothing",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        'op.drop_column("orders", "region")',
        {("accepted-for-nothing", "")},
        accepted={"rewrites-table": "small table"},
    ),
    Case(
        "accepted_for_the_downgrade",
        ORDERS,
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")'),
        'op.drop_index("ix_orders_number", table_name="orders")',
        (),
        {("blocking-index-drop", "orders")},
        accepted={"downgrade: blocking-index-drop": "we only go down on a quiet night"},
    ),
    Case(
        "accepted_in_the_other_direction",
        ORDERS,
        alone('op.execute("CREATE INDEX CONCURRENTLY ix_orders_number ON orders (number)")'),
        'op.drop_index("ix_orders_number", table_name="orders")',
        {("accepted-for-nothing", "")},
        {("blocking-index-drop", "orders")},
        accepted={"blocking-index-drop": "we only go down on a quiet night"},
        note="a key without a direction is about the upgrade",
    ),
    Case(
        "accepted_for_one_column_of_two",
        ORDERS,
        """
        op.drop_column("orders", "colour")
        op.drop_column("orders", "note")
        """,
        'raise NotImplementedError("The colours and notes are gone.")',
        {("drops-column", "orders")},
        accepted={"drops-column on orders.colour": "no reader since 2026-10"},
        note="the other one is still an error",
    ),
    Case(
        "accepted_without_the_column_of_two",
        ORDERS,
        """
        op.drop_column("orders", "colour")
        op.drop_column("orders", "note")
        """,
        'raise NotImplementedError("The colours and notes are gone.")',
        {("drops-column", "orders"), ("accepted-too-broadly", "")},
        accepted={"drops-column on orders": "no reader since 2026-10"},
    ),
    *(
        Case(
            f"accepted_for_{name}",
            ORDERS,
            'op.drop_column("orders", "colour")',
            'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
            {("drops-column", "orders"), ("accepted-without-reason", "")},
            accepted={"drops-column": reason},
        )
        for name, reason in (("a_dot", "."), ("a_dash", " - "), ("a_number", "123"))
    ),
    Case(
        "accepted_on_one_relation",
        ORDERS,
        """
        op.drop_column("orders", "colour")
        op.drop_column("products", "price")
        """,
        """
        op.add_column("products", sa.Column("price", sa.Numeric(10, 2), nullable=True))
        op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))
        """,
        {("drops-column", "orders"), ("drops-column", "products")},
        accepted={"drops-column on orders": "no reader since 2026-10"},
        note="the other one is still an error, which the lint reports",
    ),
    Case(
        "accepted_on_another_relation",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))',
        {("drops-column", "orders"), ("accepted-for-nothing", "")},
        accepted={"drops-column on products": "no reader since 2026-10"},
    ),
    Case(
        "accepted_drop_of_a_table",
        ORDERS,
        'op.drop_table("order_items")',
        'raise NotImplementedError("The items are gone.")',
        {("drops-table", "order_items")},
        accepted={"drops-table": "no reader since 2026-10"},
    ),
    Case(
        "accepted_drop_of_a_schema",
        SCHEMAS,
        execute("DROP SCHEMA billing CASCADE"),
        'raise NotImplementedError("The invoices are gone.")',
        {("drops-schema", "billing"), ("drops-table", "billing.invoices")},
        accepted={
            "drops-schema": "billing has its own database since 2026-10",
            "drops-table on billing.invoices": "copied to the new database",
        },
    ),
    Case(
        "accepted_drop_of_a_view",
        VIEWS,
        execute("DROP VIEW open_orders"),
        execute(
            """
            CREATE VIEW open_orders AS
            SELECT id, customer_id, colour FROM orders WHERE status = 'new'
            """
        ),
        {("drops-view", "open_orders")},
        accepted={"drops-view": "no reader since 2026-10"},
    ),
    Case(
        "accepted_drop_of_a_function",
        ROUTINES,
        execute("DROP FUNCTION order_label(bigint)"),
        execute(
            """
            CREATE FUNCTION order_label(bigint) RETURNS text LANGUAGE sql STABLE
                AS $$ SELECT number::text FROM orders WHERE id = $1 $$
            """
        ),
        {("drops-function", "order_label")},
        accepted={"drops-function": "no caller since 2026-10"},
    ),
    Case(
        "accepted_drop_of_a_sequence",
        ROUTINES,
        execute("DROP SEQUENCE order_numbers"),
        execute("CREATE SEQUENCE order_numbers"),
        {("drops-sequence", "order_numbers")},
        accepted={"drops-sequence": "no caller since 2026-10"},
    ),
    Case(
        "accepted_default_dropped",
        ORDERS,
        execute("ALTER TABLE orders ALTER COLUMN status DROP DEFAULT"),
        execute("ALTER TABLE orders ALTER COLUMN status SET DEFAULT 'new'"),
        {("drops-default", "orders")},
        accepted={"drops-default": "all releases since 2026-10 give it"},
    ),
    Case(
        "accepted_drop_of_a_type",
        ENUM,
        execute("DROP TYPE unused_kind"),
        execute("CREATE TYPE unused_kind AS ENUM ('a', 'b')"),
        {("drops-type", "unused_kind")},
        accepted={"drops-type on unused_kind": "no cast since 2026-10"},
    ),
    Case(
        "accepted_drop_of_an_enum_value",
        ENUM,
        execute(
            """
            ALTER TYPE unused_kind RENAME TO old_kind;
            CREATE TYPE unused_kind AS ENUM ('a');
            DROP TYPE old_kind
            """
        ),
        execute("DROP TYPE unused_kind; CREATE TYPE unused_kind AS ENUM ('a', 'b')"),
        {("drops-enum-value", "unused_kind")},
        accepted={"drops-enum-value": "nobody writes b since 2026-10"},
    ),
    Case(
        "accepted_exclusion",
        BOOKINGS,
        """
        op.create_exclude_constraint(
            "ex_bookings", "bookings", ("room", "&&"), ("during", "&&"), using="gist"
        )
        """,
        'op.drop_constraint("ex_bookings", "bookings")',
        {("adds-exclusion", "bookings")},
        accepted={"adds-exclusion": "runs on Sunday at four, when nobody books"},
    ),
    Case(
        "accepted_truncate",
        ORDERS,
        execute("TRUNCATE order_items"),
        'raise NotImplementedError("The items are gone.")',
        {("truncates", "order_items")},
        accepted={"truncates": "no reader since 2026-10"},
    ),
    Case(
        "accepted_downgrade",
        ORDERS,
        'op.alter_column("orders", "colour", new_column_name="color")',
        """
        op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))
        op.drop_column("orders", "color")
        """,
        {("renames-column", "orders")},
        {("downgrade-loses-data", "orders")},
        accepted={
            "renames-column": "nothing reads it yet",
            "downgrade-loses-data": "it is empty until the next release",
        },
    ),
]

CASES = ACCEPTANCE
