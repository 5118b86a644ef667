"""Revisions that look at their database, or at how they are run."""

from . import Case, line

ITEMS = """\
op.execute("CREATE TABLE items (id integer PRIMARY KEY, text text)")
op.execute("INSERT INTO items VALUES (1, 'it''s'), (2, NULL)")
"""
FILL = """op.execute("UPDATE items SET text = 'filled' WHERE text IS NULL")"""
SESSION = """\
class Base(sa.orm.DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = 'items'
    id: sa.orm.Mapped[int] = sa.orm.mapped_column(primary_key=True{autoincrement})
    text: sa.orm.Mapped[str | None]

session = sa.orm.Session(bind=op.get_bind())
"""

BODIES = {
    "is_offline_mode_returns": f"""\
        from alembic import context
        if context.is_offline_mode():
            return
        {FILL}
        """,
    "offline_branch_deletes_rows": f"""\
        from alembic import context
        if context.is_offline_mode():
            op.execute("DELETE FROM items")
        else:
            {FILL}
        """,
    "as_sql_of_the_context": f"""\
        if not op.get_context().as_sql:
            {FILL}
        """,
    "offline_in_the_options": f"""\
        if not op.get_context().opts.get("as_sql"):
            {FILL}
        """,
    "reading_in_a_try": """\
        try:
            rows = op.get_bind().execute(sa.text("SELECT id FROM items")).fetchall()
        except Exception:
            rows = []
        for (key,) in rows:
            op.execute(sa.text("UPDATE items SET text = 'x' WHERE id = :key").bindparams(key=key))
        """,
    "if_the_bind_executes": f"""\
        if op.get_bind().execute(sa.text("SELECT 1")):
            {FILL}
        """,
    "inspected_columns": """\
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("items")]
        for name in ("text", "note"):
            if name not in columns:
                op.add_column("items", sa.Column(name, sa.Text()))
        """,
    "has_table": """\
        if not sa.inspect(op.get_bind()).has_table("others"):
            op.create_table("others", sa.Column("id", sa.BigInteger(), primary_key=True))
        if sa.inspect(op.get_bind()).has_table("missing"):
            op.drop_table("items")
        """,
    "information_schema": """\
        found = op.get_bind().execute(
            sa.text(
                "SELECT count(*) FROM information_schema.columns WHERE table_name = :t"
                " AND table_catalog = current_database()"
            ),
            {"t": "items"},
        ).scalar()
        op.execute(f"COMMENT ON TABLE items IS '{found} columns'")
        """,
    "to_regclass": """\
        if op.get_bind().exec_driver_sql("SELECT to_regclass('items')").scalar() is not None:
            op.execute("COMMENT ON TABLE items IS '100%'")
        """,
    "parameters": """\
        op.get_bind().execute(
            sa.text("INSERT INTO items VALUES (:id, :text)"),
            [{"id": 10, "text": "it's 50% :x"}, {"id": 11, "text": None}],
        )
        """,
    "driver": """\
        cursor = op.get_bind().connection.cursor()
        cursor.execute("INSERT INTO items VALUES (%s, %s)", (12, "a%b"))
        """,
    "bulk_insert_by_guard": """\
        if sa.inspect(op.get_bind()).has_table("items"):
            items = sa.table("items", sa.column("id", sa.Integer), sa.column("text", sa.Text))
            op.bulk_insert(items, [{"id": 20, "text": "a"}, {"id": 21, "text": "b"}])
        """,
    "orm_session_inserts": SESSION.format(autoincrement="")
    + """
session.add_all([Item(id=30, text="a"), Item(id=31, text=None)])
session.commit()
""",
    "orm_session_with_keys_of_the_server": SESSION.format(autoincrement="")
    + """
op.execute("CREATE SEQUENCE keys START 100")
op.execute("ALTER TABLE items ALTER id SET DEFAULT nextval('keys')")
item = Item(text="a")
session.add(item)
session.flush()
op.execute(f"COMMENT ON TABLE items IS '{item.id}'")
""",
    "savepoint": """\
        bind = op.get_bind()
        with bind.begin_nested():
            bind.execute(sa.text("INSERT INTO items VALUES (40)"))
        try:
            with bind.begin_nested():
                bind.execute(sa.text("INSERT INTO items VALUES (40)"))
        except sa.exc.IntegrityError:
            op.execute("COMMENT ON TABLE items IS 'twice'")
        """,
    "mixed_autocommit_block": """\
        if not sa.inspect(op.get_bind()).get_indexes("items"):
            op.execute("INSERT INTO items VALUES (50)")
            with op.get_context().autocommit_block():
                op.create_index("ix", "items", ["text"], postgresql_concurrently=True)
            op.execute("INSERT INTO items VALUES (51)")
        """,
    "batch_alter_table": """\
        with op.batch_alter_table("items") as batch:
            batch.add_column(sa.Column("note", sa.Text()))
            batch.alter_column("text", new_column_name="words")
        """,
    "batch_recreates": """\
        with op.batch_alter_table("items", recreate="always") as batch:
            batch.add_column(sa.Column("note", sa.Text()))
        """,
    "rows_read": """\
        for key, text in op.get_bind().execute(sa.text("SELECT id, text FROM items")).all():
            op.execute(f"INSERT INTO items VALUES ({key + 60}, '{len(text or '')}')")
        """,
    "rows_counted": """\
        changed = op.get_bind().execute(sa.text("UPDATE items SET text = 'y' WHERE id > 1"))
        op.execute(f"COMMENT ON TABLE items IS '{changed.rowcount} rows'")
        """,
    "name_of_the_database": """\
        name = op.get_bind().execute(sa.text("SELECT current_database()")).scalar()
        op.execute(f'ALTER DATABASE "{name}" SET work_mem = 8192')
        """,
    "version_of_the_server": """\
        if op.get_bind().dialect.server_version_info >= (14,):
            op.execute("COMMENT ON TABLE items IS 'new'")
        """,
}

CASES = tuple(Case(name, line(ITEMS, body)) for name, body in BODIES.items())
