"""Operations of Alembic, without anything that is special about the project."""

from projects import Revision

from . import MIGRATE, Case, line, one

ITEMS = "op.create_table('items', sa.Column('id', sa.Integer(), primary_key=True))"
TEXT = "op.add_column('items', sa.Column('text', sa.Text()))"
FILL = "op.execute(\"INSERT INTO items (text) VALUES ('one'), ('two'), (NULL)\")"

TABLES = """
op.create_table(
    'parents',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True, start=100), primary_key=True),
    sa.Column('code', sa.String(8), nullable=False, unique=True, comment="It's a code: 50%"),
    sa.Column('at', sa.DateTime(timezone=True), server_default='2024-01-01 00:00Z'),
    sa.Column('twice', sa.Integer(), sa.Computed('length(code) * 2', persisted=True)),
    sa.CheckConstraint("code <> ''", name='code_given'),
    comment='Parents.',
)
op.create_table(
    'children',
    sa.Column('id', sa.Integer(), sa.Sequence('child_numbers'), primary_key=True),
    sa.Column('parent', sa.BigInteger(), sa.ForeignKey('parents.id', ondelete='CASCADE')),
    sa.Column('kind', sa.Enum('a', 'b', name='kind'), server_default='a', index=True),
    sa.Column('tags', sa.ARRAY(sa.Text()), server_default='{}'),
)
op.execute("INSERT INTO parents (code) SELECT 'c' || n FROM generate_series(1, 3) AS n")
"""

COLUMNS = """
op.alter_column('items', 'text', new_column_name='note', type_=sa.String(20), nullable=False,
    server_default='none', comment='A note.', postgresql_using="coalesce(text, 'nothing')")
op.add_column('items',
    sa.Column('n', sa.Numeric(5, 2), nullable=False, server_default=sa.text('1')))
op.alter_column('items', 'n', server_default=None, nullable=True)
op.drop_column('items', 'n')
op.rename_table('items', 'things')
op.create_table_comment('things', 'Things.')
op.drop_table_comment('things')
"""

CONSTRAINTS = """
op.create_unique_constraint('uq', 'items', ['text'], deferrable=True, initially='DEFERRED')
op.create_check_constraint('ck', 'items', sa.column('text') != 'x')
op.create_table('pairs', sa.Column('a', sa.Integer()), sa.Column('b', sa.Integer()))
op.create_primary_key('pk_pairs', 'pairs', ['a'])
op.create_foreign_key('fk', 'pairs', 'items', ['b'], ['id'], onupdate='CASCADE', deferrable=True)
op.create_exclude_constraint('ex', 'pairs', (sa.column('a'), '='), using='btree')
op.drop_constraint('uq', 'items', type_='unique')
"""

INDEXES = """
op.create_index('ix_lower', 'items', [sa.text('lower(text) DESC')], unique=True,
    postgresql_where=sa.text("text LIKE 'a%'"), postgresql_with={'fillfactor': 50})
op.create_index('ix_include', 'items', ['text'], postgresql_include=['id'])
op.create_index('ix_gone', 'items', ['text'])
op.drop_index('ix_gone', 'items')
"""

SCHEMAS = """
op.execute('CREATE SCHEMA "Other One"')
op.create_table('t', sa.Column('id', sa.Integer(), primary_key=True), schema='Other One')
op.create_index('ix', 't', ['id'], schema='Other One')
op.bulk_insert(sa.table('t', sa.column('id'), schema='Other One'), [{'id': 1}, {'id': 2}])
op.execute('ALTER TABLE "Other One".t SET SCHEMA public')
"""

ENUMS = """
from sqlalchemy.dialects import postgresql
op.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
op.add_column('items', sa.Column('mood', postgresql.ENUM(name='mood', create_type=False)))
op.execute("UPDATE items SET mood = 'ok'")
"""

ADDED_VALUE = """
with op.get_context().autocommit_block():
    op.execute("ALTER TYPE mood ADD VALUE 'happy' BEFORE 'ok'")
"""

CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index('ix', 'items', ['text'], postgresql_concurrently=True)
"""

FUNCTIONS = r"""
op.execute('''
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.text := upper(NEW.text) || '%; \: "' || E'\\\\';
    RETURN NEW;
END $$;
CREATE TRIGGER shout BEFORE INSERT ON items FOR EACH ROW EXECUTE FUNCTION shout();
CREATE VIEW loud AS SELECT id, text FROM items WHERE text LIKE '%%';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM items;
''')
"""

BATCH = """
with op.batch_alter_table('items') as batch:
    batch.add_column(sa.Column('n', sa.Integer(), server_default='3'))
    batch.alter_column('text', nullable=False, existing_type=sa.Text(), server_default='')
    batch.create_index('ix_n', ['n'])
"""

PRIVILEGES = """
op.execute('GRANT SELECT ON items TO PUBLIC')
op.execute('ALTER TABLE items ENABLE ROW LEVEL SECURITY')
op.execute('CREATE POLICY own ON items USING (text = current_user)')
op.execute('ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC')
op.execute('CREATE TABLE later (id int)')
"""

PARTITIONS = """
op.execute('CREATE TABLE events (at date NOT NULL, n int) PARTITION BY RANGE (at)')
op.execute("CREATE TABLE events_1 PARTITION OF events"
    " FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')")
op.execute("INSERT INTO events VALUES ('2024-06-01', 1)")
op.execute('ALTER TABLE events DETACH PARTITION events_1')
"""

SESSION = f"""
op.execute("SET search_path TO other, public")
op.execute("SET timezone TO 'Asia/Kolkata'")
{ITEMS}
op.execute("CREATE TABLE times AS SELECT '2024-01-01 00:00'::timestamptz AS at")
"""

BRANCHES = (
    Revision("aaaaaaaaaaaa", None, ITEMS),
    Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", TEXT),
    Revision("cccccccccccc", "aaaaaaaaaaaa", "op.create_table('c', sa.Column('n', sa.Text()))"),
    Revision("dddddddddddd", ("bbbbbbbbbbbb", "cccccccccccc"), FILL),
)

UNDONE = Revision("bbbbbbbbbbbb", "aaaaaaaaaaaa", TEXT, "op.drop_column('items', 'text')")

CASES = (
    Case("create_table", one(TABLES)),
    Case("own_env", line(ITEMS, TEXT, FILL), env=None),
    Case("columns", line(ITEMS, TEXT, FILL, COLUMNS)),
    Case("constraints", line(ITEMS, TEXT, CONSTRAINTS)),
    Case("indexes", line(ITEMS, TEXT, INDEXES)),
    Case("schemas", one(SCHEMAS)),
    Case("enums", line(ITEMS, ENUMS, ADDED_VALUE)),
    Case("concurrently", line(ITEMS, TEXT, FILL, CONCURRENTLY)),
    Case("functions", line(ITEMS, TEXT, FUNCTIONS, FILL)),
    Case("batch", line(ITEMS, TEXT, BATCH)),
    Case("privileges", line(ITEMS, TEXT, PRIVILEGES), roles=("case_owner",), user="case_owner"),
    Case("partitions", one(PARTITIONS)),
    Case("merge", BRANCHES),
    Case("steps", line(ITEMS, TEXT, FILL), runs=((f"{MIGRATE} +2", "upgrade +2"),
                                                 (MIGRATE, "upgrade head"))),
    Case("downgrade", (Revision("aaaaaaaaaaaa", None, ITEMS), UNDONE), runs=(
        (MIGRATE, "upgrade head"), ("downgrade -1", "downgrade -1"))),
    Case("session", (Revision("aaaaaaaaaaaa", None, SESSION),), before="CREATE SCHEMA other"),
    Case("latin_1", line(ITEMS, TEXT, "op.execute(\"INSERT INTO items (text) VALUES ('é')\")"),
         encoding="LATIN1"),
    Case("rows_before", line(ITEMS, TEXT, FILL), before="CREATE TABLE other AS SELECT 1 AS n"),
    Case("extension", line("op.execute('CREATE EXTENSION vector')",
                           "op.execute('CREATE TABLE v (e vector(3))')")),
)  # fmt: skip
