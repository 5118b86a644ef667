"""Types: enums, domains and their values."""

from .case import ENUM, ORDERS, ROUTINES, Case, alone, execute

ENUMS = [
    Case(
        "enum_value_used_at_once",
        ENUM,
        """
        op.execute("ALTER TYPE order_kind ADD VALUE 'phone'")
        op.execute("UPDATE orders SET kind = 'phone' WHERE id = 1")
        """,
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
        {("uses-new-enum-value", "order_kind")},
    ),
    Case(
        "enum_value_as_default_at_once",
        ENUM,
        execute(
            """
            ALTER TYPE order_kind ADD VALUE IF NOT EXISTS 'phone' AFTER 'shop';
            ALTER TABLE orders ALTER COLUMN kind SET DEFAULT 'phone';
            """
        ),
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
        {("uses-new-enum-value", "order_kind")},
    ),
    Case(
        "enum_value_used_in_partial_index_at_once",
        ENUM,
        """
        op.execute("ALTER TYPE unused_kind ADD VALUE 'c'")
        op.execute("CREATE TABLE kinds (kind unused_kind PRIMARY KEY DEFAULT 'c')")
        """,
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
        {("uses-new-enum-value", "unused_kind")},
    ),
    Case(
        "enum_value_removed",
        ENUM,
        execute(
            """
            ALTER TYPE order_kind RENAME TO order_kind_old;
            CREATE TYPE order_kind AS ENUM ('online', 'shop');
            ALTER TABLE orders ALTER COLUMN kind DROP DEFAULT;
            ALTER TABLE orders ALTER COLUMN kind TYPE order_kind USING kind::text::order_kind;
            ALTER TABLE orders ALTER COLUMN kind SET DEFAULT 'online';
            DROP TYPE order_kind_old;
            """
        ),
        """op.execute("ALTER TYPE order_kind ADD VALUE 'fax'")""",
        {("rewrites-table", "orders"), ("drops-enum-value", "order_kind")},
        note="the type is there again under its name: neither renamed nor dropped",
    ),
    Case(
        "enum_made_anew_with_one_more_value",
        ENUM,
        """
        op.execute("ALTER TYPE order_kind RENAME TO order_kind_old")
        op.execute("CREATE TYPE order_kind AS ENUM ('online', 'shop', 'fax', 'phone')")
        op.execute("ALTER TABLE orders ALTER kind DROP DEFAULT")
        op.execute("ALTER TABLE orders ALTER kind TYPE order_kind USING kind::text::order_kind")
        op.execute("ALTER TABLE orders ALTER kind SET DEFAULT 'online'")
        op.execute("DROP TYPE order_kind_old")
        """,
        'raise NotImplementedError("An order may be of the new kind by now.")',
        {("rewrites-table", "orders")},
    ),
    # safe
    Case(
        "enum_value_added",
        ENUM,
        """op.execute("ALTER TYPE order_kind ADD VALUE IF NOT EXISTS 'phone'")""",
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
    ),
    Case(
        "enum_value_added_in_autocommit_block",
        ENUM,
        alone(
            """op.execute("ALTER TYPE order_kind ADD VALUE IF NOT EXISTS 'phone' AFTER 'shop'")"""
        ),
        'raise NotImplementedError("PostgreSQL cannot take a value out of an enum.")',
    ),
    Case(
        "new_enum_used_at_once",
        ORDERS,
        """
        op.execute("CREATE TYPE channel AS ENUM ('web')")
        op.execute("ALTER TYPE channel ADD VALUE 'app'")
        op.execute("CREATE TABLE visits (id bigint, channel channel DEFAULT 'app')")
        op.execute("INSERT INTO visits VALUES (1)")
        """,
        """
        op.drop_table("visits")
        op.execute("DROP TYPE channel")
        """,
        min_version=17,
        note="refused up to 16, although the type itself is new",
    ),
    Case(
        "new_enum_column",
        ORDERS,
        """
        op.execute("CREATE TYPE channel AS ENUM ('web', 'shop')")
        op.add_column(
            "orders",
            sa.Column("channel", postgresql.ENUM(name="channel", create_type=False), nullable=True),
        )
        """,
        """
        op.drop_column("orders", "channel")
        op.execute("DROP TYPE channel")
        """,
    ),
]

DROPS = [
    Case(
        "drop_type",
        ENUM,
        'op.execute("DROP TYPE unused_kind")',
        """op.execute("CREATE TYPE unused_kind AS ENUM ('a', 'b')")""",
        {("drops-type", "unused_kind")},
    ),
    Case(
        "drop_type_cascade_takes_a_column",
        ENUM,
        'op.execute("DROP TYPE order_kind CASCADE")',
        'raise NotImplementedError("The kinds of the orders are gone.")',
        {("drops-type", "order_kind"), ("drops-column", "orders")},
    ),
    Case(
        "drop_domain",
        ROUTINES,
        'op.execute("DROP DOMAIN plain_text")',
        'op.execute("CREATE DOMAIN plain_text AS text")',
        {("drops-type", "plain_text")},
    ),
]

RENAMES = [
    Case(
        "rename_type",
        ENUM,
        'op.execute("ALTER TYPE order_kind RENAME TO order_kinds")',
        'op.execute("ALTER TYPE order_kinds RENAME TO order_kind")',
        {("renames-type", "order_kind")},
    ),
    Case(
        "rename_enum_value",
        ENUM,
        """op.execute("ALTER TYPE order_kind RENAME VALUE 'fax' TO 'phone'")""",
        """op.execute("ALTER TYPE order_kind RENAME VALUE 'phone' TO 'fax'")""",
        {("renames-enum-value", "order_kind")},
    ),
    Case(
        "enum_behind_a_domain_of_the_new_name",
        ENUM,
        execute(
            """
            CREATE DOMAIN order_channel AS order_kind;
            ALTER TABLE orders ALTER COLUMN kind TYPE order_channel;
            """
        ),
        execute(
            """
            ALTER TABLE orders ALTER COLUMN kind TYPE order_kind;
            DROP DOMAIN order_channel;
            """
        ),
        note="old casts go on, and a domain without a check is no rewrite",
    ),
]

CASES = [*ENUMS, *DROPS, *RENAMES]
