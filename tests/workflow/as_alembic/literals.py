"""Values in revisions: every type, written in each way that a revision has.

A table a value, which holds the value once for each way.
"""

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

VALUES = {
    "interval_days": ("sa.Interval()", "dt.timedelta(days=14)"),
    "interval_parts": ("sa.Interval()", "dt.timedelta(days=-3, hours=5, microseconds=7)"),
    "interval_pg": ("pg.INTERVAL()", "dt.timedelta(weeks=500, seconds=1)"),
    "json_none": ("sa.JSON()", "None"),
    "json_none_as_null": ("sa.JSON(none_as_null=True)", "None"),
    "json_null": ("sa.JSON()", "sa.JSON.NULL"),
    "json": ("sa.JSON()", "HTML"),
    "jsonb": ("pg.JSONB()", "HTML"),
    "jsonb_none": ("pg.JSONB()", "None"),
    "jsonb_text": ("pg.JSONB()", "'null'"),
    "jsonb_list": ("pg.JSONB()", "[]"),
    "jsonb_nan": ("sa.JSON()", "float('1e300')"),
    "empty_ints": ("pg.ARRAY(sa.Integer())", "[]"),
    "empty_texts": ("sa.ARRAY(sa.Text())", "[]"),
    "ints": ("pg.ARRAY(sa.BigInteger())", "[1, -2, None, 2**40]"),
    "nested_ints": ("pg.ARRAY(sa.Integer(), dimensions=2)", "[[1, 2], [3, None]]"),
    "texts": ("pg.ARRAY(sa.Text())", "['a', None, 'NULL', '', BACKSLASHES]"),
    "nones": ("pg.ARRAY(sa.Date())", "[None, None]"),
    "array_none": ("pg.ARRAY(sa.Text())", "None"),
    "dates": ("pg.ARRAY(sa.Date())", "[dt.date.min, dt.date.max]"),
    "decimals": ("pg.ARRAY(sa.Numeric())", "[Decimal('1.50'), Decimal('NaN')]"),
    "uuids": ("pg.ARRAY(sa.Uuid())", "[uuid.UUID(int=7)]"),
    "byte_strings": ("pg.ARRAY(sa.LargeBinary())", "[b'\\0\\\\', None, b'']"),
    "jsons": ("pg.ARRAY(pg.JSONB())", "[HTML, None]"),
    "booleans": ("pg.ARRAY(sa.Boolean())", "[True, None, False]"),
    "moods": ("pg.ARRAY(mood)", "[Mood.sad, None, Mood.happy]"),
    "no_moods": ("pg.ARRAY(mood)", "[]"),
    "mood": ("mood", "Mood.sad"),
    "mood_name": ("mood", "'happy'"),
    "plain_enum": ("sa.Enum(Mood, native_enum=False, create_constraint=False)", "Mood.sad"),
    "enum_values": ("sa.Enum(Mood, native_enum=False, values_callable="
                    "lambda kind: [m.value for m in kind], length=20)", "Mood.sad"),
    "float_nan": ("sa.Float()", "float('nan')"),
    "float_infinity": ("sa.Double()", "float('-inf')"),
    "float_tenth": ("sa.Float(53)", "0.1 + 0.2"),
    "float_small": ("sa.REAL()", "-1.17e-38"),
    "float_zero": ("sa.Float()", "-0.0"),
    "numeric": ("sa.Numeric(30, 10)", "Decimal('-12345678901234567890.0123456789')"),
    "numeric_float": ("sa.Numeric()", "0.1 + 0.2"),
    "numeric_nan": ("sa.Numeric()", "Decimal('NaN')"),
    "numeric_infinity": ("sa.Numeric()", "Decimal('-Infinity')"),
    "numeric_exponent": ("sa.Numeric()", "Decimal('1E+5')"),
    "smallest": ("sa.SmallInteger()", "-2**15"),
    "small": ("sa.Integer()", "-2**31"),
    "big": ("sa.BigInteger()", "-2**63"),
    "boolean": ("sa.Boolean()", "False"),
    "text": ("sa.Text()", "BACKSLASHES"),
    "empty_text": ("sa.String(5)", "''"),
    "char": ("sa.CHAR(5)", "'a'"),
    "unicode": ("sa.Unicode()", "'e\\u0301 \\u00e9 日本'"),
    "long": ("sa.Text()", "'0123456789' * 20000"),
    "inet": ("pg.INET()", "'10.1.0.1/16'"),
    "inet_object": ("pg.INET()", "__import__('ipaddress').ip_address('::1')"),
    "cidr": ("pg.CIDR()", "'10.0.0.0/8'"),
    "macaddr": ("pg.MACADDR()", "'08:00:2b:01:02:03'"),
    "macaddr8": ("pg.MACADDR8()", "'08:00:2b:01:02:03:04:05'"),
    "bit": ("pg.BIT(3)", "'101'"),
    "varbit": ("pg.BIT(varying=True)", "'10101'"),
    "money": ("pg.MONEY()", "'12.50'"),
    "tsvector": ("pg.TSVECTOR()", "\"'it''s':1A cat:2\""),
    "tsquery": ("pg.TSQUERY()", "'fat & !rat:*'"),
    "oid": ("pg.OID()", "4294967295"),
    "int4range": ("pg.INT4RANGE()", "pg.Range(1, 5)"),
    "int8range": ("pg.INT8RANGE()", "pg.Range(1, 2**40, bounds='(]')"),
    "numrange": ("pg.NUMRANGE()", "pg.Range(Decimal('1.5'), None)"),
    "daterange": ("pg.DATERANGE()", "pg.Range(dt.date(2024, 2, 29), None)"),
    "tsrange": ("pg.TSRANGE()", "pg.Range(dt.datetime(2024, 1, 1), dt.datetime(2025, 1, 1))"),
    "tstzrange": ("pg.TSTZRANGE()", "pg.Range(None, dt.datetime(2024, 1, 1, tzinfo=EAST))"),
    "empty_range": ("pg.INT4RANGE()", "pg.Range(empty=True)"),
    "range_text": ("pg.INT4RANGE()", "'[3,4)'"),
    "multirange": ("pg.INT4MULTIRANGE()", "[pg.Range(1, 3), pg.Range(7, None)]"),
    "date_multirange": ("pg.DATEMULTIRANGE()", "pg.MultiRange([pg.Range(dt.date.min, None)])"),
    "no_multirange": ("pg.INT8MULTIRANGE()", "[]"),
    "bytes": ("sa.LargeBinary()", "bytes(range(256))"),
    "no_bytes": ("sa.LargeBinary()", "b''"),
    "bytearray": ("pg.BYTEA()", "bytearray(b'\\\\x41')"),
    "first_date": ("sa.Date()", "dt.date.min"),
    "date_infinity": ("sa.Date()", "'infinity'"),
    "date_of_a_time": ("sa.Date()", "dt.datetime(2024, 12, 31, 23, 59)"),
    "timestamp": ("sa.DateTime()", "dt.datetime.max"),
    "timestamp_infinity": ("sa.DateTime()", "'-infinity'"),
    "timestamptz": ("sa.DateTime(timezone=True)", "dt.datetime(2024, 6, 1, 12, tzinfo=EAST)"),
    "timestamptz_naive": ("sa.DateTime(timezone=True)", "dt.datetime(2024, 6, 1, 12)"),
    "timestamp_aware": ("sa.DateTime()", "dt.datetime(2024, 6, 1, 12, tzinfo=EAST)"),
    "time": ("sa.Time()", "dt.time(23, 59, 59, 999999)"),
    "timetz": ("sa.Time(timezone=True)", "dt.time(1, 2, 3, tzinfo=EAST)"),
    "uuid": ("sa.Uuid()", "uuid.UUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11')"),
    "uuid_text": ("sa.Uuid(as_uuid=False)", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"),
    "uuid_char": ("sa.Uuid(native_uuid=False)", "uuid.UUID(int=5)"),
    "decorated": ("Cents()", "1.25"),
    "decorated_none": ("Cents()", "None"),
    "bound_by_a_function": ("Lower()", "'ÀB%'"),
    "bound_by_a_processor": ("Point()", "(1, -2.5)"),
    "variant": ("sa.JSON().with_variant(pg.JSONB(), 'postgresql')", "HTML"),
    "pickle": ("sa.PickleType(protocol=4)", "[1, 'x']"),
}  # fmt: skip
"""The type and the value, by a name."""

WAYS = {
    "bulk_insert": "op.bulk_insert(t, [{'way': 1, 'v': v}, {'way': 2, 'v': None}])",
    "bulk_insert_one_by_one": "op.bulk_insert(t, [{'way': 3, 'v': v}], multiinsert=False)",
    "values": "op.execute(t.insert().values(way=4, v=v))",
    "many_values": "op.execute(t.insert().values([{'way': w, 'v': v} for w in (5, 6)]))",
    "inserted_twice": "op.execute(t.insert().values(way=7))",
    "update": "op.execute(t.update().where(t.c.way.in_([7, -1])).values(v=v))",
    "literal": "op.execute(t.insert().values(way=8, v=sa.literal(v, t.c.v.type)))",
    "select": (
        "op.execute(t.insert().from_select(['way', 'v'],"
        " sa.select(sa.literal(9), sa.literal(v, t.c.v.type))))"
    ),
    "text": (
        "op.execute(sa.text('INSERT INTO ' + t.name + ' VALUES (10, :v)')"
        ".bindparams(sa.bindparam('v', v, t.c.v.type)))"
    ),
}
"""How a revision writes a value into a table."""


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


def written(kind: str, value: str, name: str) -> str:
    """Return the code that creates a table and writes one value in all ways."""
    create = (
        f"t = op.create_table('t_{name}', sa.Column('way', sa.Integer()), sa.Column('v', {kind}))"
    )
    return "\n".join([create, f"v = {value}", *WAYS.values()])


ALL_VALUES = "\n".join(written(kind, value, name) for name, (kind, value) in VALUES.items())

CASES = (
    Case("values", one(PREPARE + ALL_VALUES)),
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
