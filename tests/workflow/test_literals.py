"""Values of each type, written in each way that a revision has: rendered, and by Alembic online.

A table a value, which holds the value once for each way.
"""

import psycopg
from projects import Project

from pybase.migrate.revisions import render
from pybase.postgres import scratch_database

from .as_alembic import STOCK_ENV, one
from .as_alembic.literals import PREPARE

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


def written(kind: str, value: str, name: str) -> str:
    """Return the code that creates a table and writes one value in all ways."""
    create = (
        f"t = op.create_table('t_{name}', sa.Column('way', sa.Integer()), sa.Column('v', {kind}))"
    )
    return "\n".join([create, f"v = {value}", *WAYS.values()])


ALL_VALUES = "\n".join(written(kind, value, name) for name, (kind, value) in VALUES.items())


def rows(url: str) -> dict[str, list[str]]:
    """The rows of each table, as text."""
    queries = {name: f"SELECT t::text FROM t_{name} AS t ORDER BY way" for name in VALUES}
    with psycopg.connect(url) as connection:
        return {
            name: [row for (row,) in connection.execute(query.encode())]
            for name, query in queries.items()
        }


def test_each_value_arrives_as_alembic_sends_it(project: Project, server18_url: str) -> None:
    project.lay_out(*one(PREPARE + ALL_VALUES)).write("migrations/env.py", STOCK_ENV)
    (revision,) = render(project.history()).revisions
    online = project.alembic("upgrade", "head")
    assert (revision.scripts.upgrade.reason, online.code) == ("", 0), online.text
    with scratch_database(server18_url, prefix="literals") as url:
        with psycopg.connect(url) as connection:
            connection.execute(";\n".join(revision.scripts.upgrade.texts).encode())
        expected, actual = rows(project.environment["DATABASE_URL"]), rows(url)
    assert {len(texts) for texts in expected.values()} == {10}
    assert actual == expected
