"""Revisions that look at their database, or at how they are run.

Each has the reason for which it is run as Python; an empty one for those that have SQL.
"""

from typing import NamedTuple

from projects import Revision

from . import Case, line


class Body(NamedTuple):
    """The upgrade of a revision."""

    name: str
    code: str
    reason: str = ""


ITEMS = """\
op.execute("CREATE TABLE items (id integer PRIMARY KEY, text text)")
op.execute("INSERT INTO items VALUES (1, 'it''s'), (2, NULL)")
"""
SESSION = """\
import sqlalchemy.orm

class Base(sa.orm.DeclarativeBase):
    pass

class Item(Base):
    __tablename__ = 'items'
    id: sa.orm.Mapped[int] = sa.orm.mapped_column(primary_key=True)
    text: sa.orm.Mapped[str | None]

session = sa.orm.Session(bind=op.get_bind())
"""
RETURNED = "it reads what a statement returns that may change rows"

GUARDS = (
    Body(
        "is_offline_mode_returns",
        """\
        from alembic import context
        if context.is_offline_mode():
            return
        op.execute("INSERT INTO items VALUES (10)")
        """,
    ),
    Body(
        "offline_branch_deletes_rows",
        """\
        from alembic import context
        if context.is_offline_mode():
            op.execute("DELETE FROM items")
        """,
    ),
    Body(
        "as_sql_of_the_context",
        """\
        if not op.get_context().as_sql:
            op.execute("INSERT INTO items VALUES (11)")
        """,
    ),
    Body(
        "as_sql_of_its_options",
        """\
        if not op.get_context().opts.get("as_sql"):
            op.execute("INSERT INTO items VALUES (12)")
        """,
    ),
    Body(
        "if_the_bind_executes",
        """\
        if op.get_bind().execute(sa.text("SELECT 1")):
            op.execute("INSERT INTO items VALUES (13)")
        """,
    ),
    Body(
        "reading_in_a_try",
        """\
        try:
            rows = op.get_bind().execute(sa.text("SELECT id FROM items")).fetchall()
        except Exception:
            rows = []
        for (key,) in rows:
            op.execute(sa.text("UPDATE items SET text = 'x' WHERE id = :key").bindparams(key=key))
        """,
        "it reads rows of items",
    ),
)

SCHEMA = (
    Body(
        "inspected_columns",
        """\
        columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("items")]
        for name in ("text", "note"):
            if name not in columns:
                op.add_column("items", sa.Column(name, sa.Text()))
        """,
    ),
    Body(
        "has_table",
        """\
        if not sa.inspect(op.get_bind()).has_table("others"):
            op.create_table("others", sa.Column("id", sa.BigInteger(), primary_key=True))
        if sa.inspect(op.get_bind()).has_table("missing"):
            op.drop_table("items")
        """,
    ),
    Body(
        "information_schema",
        """\
        found = op.get_bind().execute(
            sa.text(
                "SELECT count(*) FROM information_schema.columns WHERE table_name = :t"
                " AND table_catalog = current_database()"
            ),
            {"t": "items"},
        ).scalar()
        op.execute(f"COMMENT ON TABLE items IS '{found} columns'")
        """,
    ),
    Body(
        "to_regclass",
        """\
        if op.get_bind().exec_driver_sql("SELECT to_regclass('items')").scalar() is not None:
            op.execute("COMMENT ON TABLE others IS '100%'")
        """,
    ),
    Body(
        "enum_created_where_it_is_missing",
        """\
        mood = sa.dialects.postgresql.ENUM("sad", "glad", name="mood")
        mood.create(op.get_bind(), checkfirst=True)
        mood.create(op.get_bind(), checkfirst=True)
        """,
    ),
    Body(
        "bulk_insert_by_guard",
        """\
        if sa.inspect(op.get_bind()).has_table("items"):
            items = sa.table("items", sa.column("id", sa.Integer), sa.column("text", sa.Text))
            op.bulk_insert(items, [{"id": 20, "text": "a"}, {"id": 21, "text": "b"}])
        """,
    ),
    Body(
        "batch_alter_table",
        """\
        with op.batch_alter_table("items") as batch:
            batch.add_column(sa.Column("remark", sa.Text()))
            batch.alter_column("note", new_column_name="words")
        """,
    ),
    Body(
        "batch_recreates",
        """\
        with op.batch_alter_table("items", recreate="always") as batch:
            batch.add_column(sa.Column("last", sa.Text()))
        """,
    ),
)

SENT = (
    Body(
        "parameters",
        """\
        op.get_bind().execute(
            sa.text("INSERT INTO items VALUES (:id, :text)"),
            [{"id": 30, "text": "it's 50% :x"}, {"id": 31, "text": None}],
        )
        """,
    ),
    Body(
        "driver",
        """\
        cursor = op.get_bind().connection.cursor()
        cursor.execute("INSERT INTO items VALUES (%s, %s)", (32, "a%b"))
        """,
    ),
    Body(
        "orm_session_inserts",
        f"""{SESSION}
session.add_all([Item(id=33, text="a"), Item(id=34, text=None)])
session.commit()
""",
    ),
    Body(
        "savepoint",
        """\
        with op.get_bind().begin_nested():
            op.get_bind().execute(sa.text("INSERT INTO items VALUES (35)"))
        """,
    ),
    Body(
        "mixed_autocommit_block",
        """\
        if not sa.inspect(op.get_bind()).get_indexes("items"):
            op.execute("INSERT INTO items VALUES (36)")
            with op.get_context().autocommit_block():
                op.create_index("ix", "items", ["text"], postgresql_concurrently=True)
            op.execute("INSERT INTO items VALUES (37)")
        """,
    ),
)

PYTHON = (
    Body(
        "rows_read",
        """\
        for key, text in op.get_bind().execute(sa.text("SELECT id, text FROM items")).all():
            op.execute(f"INSERT INTO items VALUES ({key + 40}, '{len(text or '')}')")
        """,
        "it reads rows of items",
    ),
    Body(
        "rows_counted",
        """\
        changed = op.get_bind().execute(sa.text("UPDATE items SET text = 'y' WHERE id > 1"))
        op.execute(f"COMMENT ON TABLE items IS '{changed.rowcount} rows'")
        """,
        "it reads how many rows a statement has changed",
    ),
    Body(
        "error_caught",
        """\
        op.execute("INSERT INTO items VALUES (50)")
        try:
            with op.get_bind().begin_nested():
                op.get_bind().execute(sa.text("INSERT INTO items VALUES (50)"))
        except sa.exc.IntegrityError:
            op.execute("INSERT INTO items VALUES (51)")
        """,
        'it goes on after an error: duplicate key value violates unique constraint "items_pkey"',
    ),
    Body(
        "name_of_the_database",
        """\
        name = op.get_bind().execute(sa.text("SELECT current_database()")).scalar()
        op.execute(f'ALTER DATABASE "{name}" SET work_mem = 8192')
        """,
        "it reads the result of current_database()",
    ),
    Body(
        "version_of_the_server",
        """\
        if op.get_bind().dialect.server_version_info >= (14,):
            op.execute("INSERT INTO items VALUES (52)")
        """,
        "it asks for the version of the server",
    ),
    Body(
        "roles_of_the_server",
        """\
        query = "SELECT count(*) FROM pg_roles WHERE rolname = 'nobody_at_all'"
        if not op.get_bind().exec_driver_sql(query).scalar():
            op.execute("INSERT INTO items VALUES (53)")
        """,
        "it reads rows of pg_roles",
    ),
    Body(
        "orm_session_with_keys_of_the_server",
        f"""{SESSION}
op.execute("CREATE SEQUENCE keys START 100")
op.execute("ALTER TABLE items ALTER id SET DEFAULT nextval('keys')")
item = Item(text="a")
session.add(item)
session.flush()
op.execute(f"COMMENT ON TABLE items IS '{{item.id}}'")
""",
        RETURNED,
    ),
)

GROUPS = {"guards": GUARDS, "schema": SCHEMA, "sent": SENT, "python": PYTHON}


def history(bodies: tuple[Body, ...]) -> tuple[Revision, ...]:
    """Return a revision with rows, and one after the other for the bodies."""
    return line(ITEMS, *(body.code for body in bodies))


CASES = tuple(Case(f"rendering_{name}", history(bodies)) for name, bodies in GROUPS.items())
