"""Values in statements of revisions; a table of types is in `test_literals.py`."""

from . import Case, one

PREPARE = """\
import datetime as dt
import enum
import json
import uuid
from decimal import Decimal

from sqlalchemy.dialects import postgresql as pg


class Mood(enum.Enum):
    happy = "a%"
    sad = "it's \\\\ :x"


class Cents(sa.TypeDecorator):
    impl = sa.Integer
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else round(value * 100)


class Lower(sa.types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "text"

    def bind_expression(self, bindvalue):
        return sa.func.lower(bindvalue, type_=self)


class Point(sa.types.UserDefinedType):
    cache_ok = True

    def get_col_spec(self, **_):
        return "point"

    def bind_processor(self, dialect):
        return lambda value: value and f"({value[0]},{value[1]})"


BACKSLASHES = "it's \\\\ \\\\\\\\ \\\\n 50% %s %(x)s %% :x ::y \\" \\t\\n ü 🐘 {a,b} $$ E'x'"
HTML = {"a": [1, -2.5, None, True, {"b": []}], "t": BACKSLASHES}
UTC = dt.timezone.utc
EAST = dt.timezone(dt.timedelta(hours=5, minutes=30))
mood = sa.Enum(Mood, name="mood")
"""

STATEMENTS = """\
t = sa.Table('t', sa.MetaData(), sa.Column('id', sa.Integer(), primary_key=True),
    sa.Column('v', sa.Text()), sa.Column('j', pg.JSONB()), sa.Column('l', pg.ARRAY(sa.Text())),
    sa.Column('n', sa.Numeric()), sa.Column('d', sa.Integer(), default=7, onupdate=lambda: 8),
    sa.Column('s', sa.Text(), server_default=BACKSLASHES),
    sa.Column('m', mood, server_default='happy'))
op.create_table('t', *(column._copy() for column in t.c))
op.bulk_insert(t, [{'v': 'first'}, {'v': 'second', 'n': 5}])
op.bulk_insert(t, [{'v': sa.func.upper('expression')}], multiinsert=False)
op.execute(t.insert().values(v='default of Python'))
op.execute(t.insert().values([{'v': 'one'}, {'v': 'two'}]))
op.execute(t.insert().values(v=sa.literal_column("'50% of :x'"), n=sa.text('7 % 4')))
op.execute(t.insert().values(id=20, v='expressions',
    j=sa.func.jsonb_build_object('k', 'v%', 'n', 1),
    l=sa.func.array_append(pg.array(['a', 'b']), 'c'),
    n=sa.literal(Decimal(5)) / sa.literal(Decimal(2))))
op.execute(t.insert().values(id=21, v='polymorphic', j=sa.func.to_jsonb('x'),
    n=sa.literal(0.1) + sa.literal(0.2)))
op.execute(t.insert().values(id=22, v=sa.null(), j=sa.null(), n=sa.literal(7) - sa.literal(-2)))
op.execute(t.insert().values(id=23, j=None, l=[]))
op.execute(t.update().where(t.c.v.in_(['one', 'two', "it's"])).values(
    v=t.c.v + '\\\\' + BACKSLASHES))
op.execute(t.update().where(t.c.v.in_([])).values(v='none'))
op.execute(t.update().where(t.c.v.like('sec%')).values({'l': t.c.l + ['x'], t.c.j: {'a': None}}))
op.execute(t.update().where(t.c.id == 20).values(
    j=t.c.j.op('||')(sa.literal({'b': [1]}, pg.JSONB()))))
op.execute(sa.text("INSERT INTO t (id, v, n) VALUES (:id, :v || '%' || '\\\\:x', :n)").bindparams(
    id=-1, v=BACKSLASHES, n=Decimal('1.50')))
op.execute(sa.text("UPDATE t SET s = :s WHERE id = ANY(:ids)").bindparams(s='any', ids=[20, 21]))
op.execute(sa.text("UPDATE t SET s = 'in' WHERE v IN :vs").bindparams(
    sa.bindparam('vs', ['first', "it's"], expanding=True)))
op.execute(pg.insert(t).values(id=20, v='conflict').on_conflict_do_update(
    index_elements=['id'], set_={'v': 'updated 100%'}))
op.execute(t.delete().where(t.c.id.between(21, 22), t.c.n > Decimal('0.2')))
op.create_check_constraint('ck', 't', t.c.v != "it's 50% \\\\")
op.create_index('ix', 't', [sa.func.lower(t.c.v)], postgresql_where=t.c.v == 'x\\\\%')
op.alter_column('t', 'v', server_default="50% 'new' \\\\", comment=BACKSLASHES)
op.create_table_comment('t', BACKSLASHES)
"""
"""What a revision may do to a table besides writing values into its columns."""

DICTIONARIES = """\
op.execute("CREATE DOMAIN hstore AS text")
t = op.create_table('t', sa.Column('v', pg.HSTORE()))
op.bulk_insert(t, [{'v': {'a': None, 'b"': "it's \\\\ %"}}, {'v': {}}, {'v': None}])
"""


CASES = (
    Case("statements", one(PREPARE + STATEMENTS)),
    Case("dictionaries", one(PREPARE + DICTIONARIES)),
    Case(
        "backslashes_of_the_role",
        one(PREPARE + STATEMENTS),
        roles=("case_escapes",),
        user="case_escapes",
        before="ALTER ROLE case_escapes SET standard_conforming_strings = off",
    ),
)
