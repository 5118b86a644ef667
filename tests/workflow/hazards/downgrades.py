"""Downgrades: missing, empty, wrong, destructive."""

from .case import ORDERS, Case, execute

UNNOTICED = {
    "conversion": "CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "language": "CREATE LANGUAGE plsample HANDLER plpgsql_call_handler",
    "access_method": "CREATE ACCESS METHOD tree TYPE INDEX HANDLER bthandler",
    "operator_family": "CREATE OPERATOR FAMILY f USING btree",
    "parser": "CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken,"
    " END = prsd_end, LEXTYPES = prsd_lextype)",
    "template": "CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)",
}
"""Statements after which only a comparison of every catalog finds a difference."""

DOWNGRADES = [
    Case(
        "downgrade_function_missing",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        None,
        (),
        {("downgrade-missing", "")},
    ),
    Case(
        "downgrade_raises_without_a_word",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        "raise NotImplementedError",
        (),
        {("downgrade-missing", "")},
    ),
    Case(
        "downgrade_raises_empty",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        "raise NotImplementedError()",
        (),
        {("downgrade-missing", "")},
    ),
    Case(
        "downgrade_pass",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        "pass",
        (),
        {("downgrade-empty", "")},
    ),
    Case(
        "downgrade_docstring_only",
        ORDERS,
        """
        op.create_table("drafts", sa.Column("id", sa.Uuid(), primary_key=True))
        """,
        '"""Nothing to do."""',
        (),
        {("downgrade-empty", "")},
    ),
    Case(
        "downgrade_pass_after_view",
        ORDERS,
        'op.execute("CREATE VIEW all_orders AS SELECT id FROM orders")',
        "pass",
        (),
        {("downgrade-empty", "")},
    ),
    *(
        Case(
            f"downgrade_pass_after_{name}",
            ORDERS,
            f'op.execute("{statement}")',
            "pass",
            (),
            {("downgrade-empty", "")},
        )
        for name, statement in UNNOTICED.items()
    ),
    Case(
        "downgrade_leaves_the_family_of_an_operator_class",
        ORDERS,
        'op.execute("CREATE OPERATOR CLASS c FOR TYPE integer USING hash AS OPERATOR 1 =")',
        'op.execute("DROP OPERATOR CLASS c USING hash")',
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_drops_the_family_of_an_operator_class",
        ORDERS,
        'op.execute("CREATE OPERATOR CLASS c FOR TYPE integer USING hash AS OPERATOR 1 =")',
        'op.execute("DROP OPERATOR FAMILY c USING hash")',
    ),
    Case(
        "downgrade_fails",
        ORDERS,
        'op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))',
        'op.drop_column("orders", "regoin")',
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_in_the_wrong_order",
        ORDERS,
        """
        op.create_table("drafts", sa.Column("id", sa.Uuid(), primary_key=True))
        op.create_table(
            "draft_lines",
            sa.Column("id", sa.Uuid(), primary_key=True),
            sa.Column("draft_id", sa.Uuid(), sa.ForeignKey("drafts.id"), nullable=False),
        )
        """,
        """
        op.drop_table("drafts")
        op.drop_table("draft_lines")
        """,
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_leaves_an_enum",
        ORDERS,
        """
        op.create_table(
            "visits",
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("channel", sa.Enum("web", "app", name="channel"), nullable=False),
            sa.PrimaryKeyConstraint("id"),
        )
        """,
        'op.drop_table("visits")',
        (),
        {("downgrade-wrong", "")},
        note="as autogenerate writes it; the next upgrade fails on the type",
    ),
    Case(
        "downgrade_forgets_a_column",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.add_column("orders", sa.Column("area", sa.Text(), nullable=True))
        """,
        'op.drop_column("orders", "area")',
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_forgets_the_index_of_a_dropped_column",
        ORDERS,
        'op.drop_column("orders", "status")',
        """
        op.add_column(
            "orders",
            sa.Column("status", sa.String(20), server_default="new", nullable=False),
        )
        """,
        {("drops-column", "orders")},
        {("downgrade-wrong", "")},
        note="ix_orders_status went with the column and does not come back",
    ),
    Case(
        "downgrade_restores_another_type",
        ORDERS,
        'op.drop_column("orders", "colour")',
        'op.add_column("orders", sa.Column("colour", sa.String(255), nullable=True))',
        {("drops-column", "orders")},
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_restores_another_rule",
        ORDERS,
        """
        op.drop_constraint("fk_order_items_order_id_orders", "order_items", type_="foreignkey")
        """,
        """
        op.create_foreign_key(
            "fk_order_items_order_id_orders", "order_items", "orders", ["order_id"], ["id"],
            postgresql_not_valid=True,
        )
        """,
        (),
        {("downgrade-wrong", "")},
        note="ON DELETE CASCADE is lost on the way",
    ),
    Case(
        "downgrade_leaves_a_function",
        ORDERS,
        execute(
            """
            CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql
                AS $$ BEGIN RETURN NEW; END $$;
            CREATE TRIGGER touch BEFORE UPDATE ON orders
                FOR EACH ROW EXECUTE FUNCTION touch();
            """
        ),
        'op.execute("DROP TRIGGER touch ON orders")',
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_keeps_a_default",
        ORDERS,
        'op.alter_column("products", "price", server_default="0")',
        'op.alter_column("products", "price", server_default="1")',
        (),
        {("downgrade-wrong", "")},
    ),
    Case(
        "downgrade_drops_what_was_moved",
        ORDERS,
        """
        op.execute("CREATE TABLE order_notes (order_id bigint PRIMARY KEY, body text)")
        op.execute("INSERT INTO order_notes SELECT id, note FROM orders")
        op.drop_column("orders", "note")
        """,
        """
        op.add_column("orders", sa.Column("note", sa.Text(), nullable=True))
        op.drop_table("order_notes")
        """,
        {("unbatched-data-change", "orders"), ("drops-column", "orders")},
        {("downgrade-loses-data", "order_notes")},
        note="the notes outlived the upgrade in order_notes; the downgrade does not copy them back",
    ),
    Case(
        "downgrade_drops_the_renamed_column",
        ORDERS,
        'op.alter_column("orders", "colour", new_column_name="color")',
        """
        op.add_column("orders", sa.Column("colour", sa.Text(), nullable=True))
        op.drop_column("orders", "color")
        """,
        {("renames-column", "orders")},
        {("downgrade-loses-data", "orders")},
        note="the same catalog as before, without the values",
    ),
    Case(
        "downgrade_drops_the_renamed_table",
        ORDERS,
        'op.rename_table("warehouses", "depots")',
        """
        op.drop_table("depots")
        op.execute(
            "CREATE TABLE warehouses (id bigint GENERATED BY DEFAULT AS IDENTITY"
            " CONSTRAINT pk_warehouses PRIMARY KEY, code text NOT NULL, address inet)"
        )
        """,
        {("renames-table", "warehouses")},
        {("downgrade-loses-data", "depots")},
    ),
    Case(
        "downgrade_empties_an_old_table",
        ORDERS,
        'op.alter_column("products", "price", server_default="0")',
        """
        op.execute("TRUNCATE products")
        op.alter_column("products", "price", server_default=None)
        """,
        (),
        {("truncates", "products"), ("downgrade-loses-data", "products")},
    ),
    # safe
    Case(
        "downgrade_raises_with_a_reason",
        ORDERS,
        'op.alter_column("products", "price", server_default="0")',
        'raise NotImplementedError("Old rows were priced by hand; nothing to go back to.")',
    ),
    Case(
        "downgrade_drops_what_the_upgrade_added",
        ORDERS,
        """
        op.add_column("orders", sa.Column("region", sa.Text(), nullable=True))
        op.execute("CREATE TYPE channel AS ENUM ('web')")
        op.execute("CREATE TABLE visits (id bigint, channel channel)")
        op.execute("CREATE VIEW web_visits AS SELECT id FROM visits WHERE channel = 'web'")
        op.execute("CREATE SCHEMA audit")
        """,
        """
        op.execute("DROP SCHEMA audit")
        op.execute("DROP VIEW web_visits")
        op.drop_table("visits")
        op.execute("DROP TYPE channel")
        op.drop_column("orders", "region")
        """,
        note="the normal form: nothing that existed before is touched",
    ),
    Case(
        "downgrade_restores_column_with_its_index",
        ORDERS,
        """
        op.drop_index("ix_orders_status", table_name="orders")
        op.drop_column("orders", "status")
        """,
        """
        op.add_column(
            "orders", sa.Column("status", sa.String(20), server_default="new", nullable=False)
        )
        op.create_index("ix_orders_status", "orders", ["status"])
        """,
        {("drops-column", "orders")},
        {("blocking-index-build", "orders")},
    ),
    Case(
        "downgrade_leaves_no_enum",
        ORDERS,
        """
        op.create_table(
            "visits",
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("channel", sa.Enum("web", "app", name="channel"), nullable=False),
            sa.PrimaryKeyConstraint("id"),
        )
        """,
        """
        op.drop_table("visits")
        op.execute("DROP TYPE channel")
        """,
    ),
    Case(
        "downgrade_copies_back_what_was_moved",
        ORDERS,
        'op.execute("ALTER TABLE products RENAME COLUMN name TO title")',
        'op.execute("ALTER TABLE products RENAME COLUMN title TO name")',
        {("renames-column", "products")},
    ),
    Case("downgrade_of_nothing", ORDERS, "pass", "pass", note="an empty revision or a merge"),
]

CASES = DOWNGRADES
