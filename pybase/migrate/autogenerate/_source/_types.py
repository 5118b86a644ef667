"""PostgreSQL's types, as SQLAlchemy writes them.

A table of the types that have an exact form; for any other the caller falls back to SQL.
"""

import re

from pybase.migrate.sql.names import raw, schema_of

_PLAIN = {
    "text": "sa.Text()",
    "character varying": "sa.String()",
    "integer": "sa.Integer()",
    "bigint": "sa.BigInteger()",
    "smallint": "sa.SmallInteger()",
    "boolean": "sa.Boolean()",
    "timestamp with time zone": "sa.DateTime(timezone=True)",
    "timestamp without time zone": "sa.DateTime()",
    "time without time zone": "sa.Time()",
    "time with time zone": "sa.Time(timezone=True)",
    "date": "sa.Date()",
    "numeric": "sa.Numeric()",
    "double precision": "sa.Double()",
    "real": "sa.REAL()",
    "uuid": "sa.Uuid()",
    "bytea": "sa.LargeBinary()",
    "json": "sa.JSON()",
    "jsonb": "postgresql.JSONB()",
    "interval": "sa.Interval()",
    "public.citext": "postgresql.CITEXT()",
    "public.hstore": "postgresql.HSTORE()",
}
_POSTGRESQL = """
    inet cidr macaddr macaddr8 money oid regclass tsvector tsquery int4range int8range numrange
    daterange tsrange tstzrange int4multirange int8multirange nummultirange datemultirange
    tsmultirange tstzmultirange
"""
_PLAIN |= {name: f"postgresql.{name.upper()}()" for name in _POSTGRESQL.split()}
_SIZED = (
    (r"character varying\((\d+)\)", "sa.String(length={0})"),
    (r"character\((\d+)\)", "sa.CHAR(length={0})"),
    (r"numeric\((\d+),(-?\d+)\)", "sa.Numeric(precision={0}, scale={1})"),
    (r"timestamp\((\d)\) with time zone", "postgresql.TIMESTAMP(timezone=True, precision={0})"),
    (r"timestamp\((\d)\) without time zone", "postgresql.TIMESTAMP(precision={0})"),
    (r"bit\((\d+)\)", "postgresql.BIT(length={0})"),
    (r"bit varying\((\d+)\)", "postgresql.BIT(length={0}, varying=True)"),
)
_COLLATED = ("sa.Text(", "sa.String(", "sa.CHAR(")


def python_type(type_: str, collation: str, enums: frozenset[str]) -> str | None:
    """Return the SQLAlchemy source for a type as `format_type` writes it, or None.

    `enums` are the qualified names of enum types.
    """
    if type_.endswith("[]"):
        element = python_type(type_[:-2], "", enums)
        return None if element is None or collation else f"postgresql.ARRAY({element})"
    source = _PLAIN.get(type_) or _sized(type_)
    if source is None and type_ in enums:
        schema = schema_of(type_)
        where = f", schema={schema!r}" if schema else ""
        source = f"postgresql.ENUM(name={raw(type_)!r}{where}, create_type=False)"
    if source is None or not collation:
        return source
    if not source.startswith(_COLLATED) or "." in collation:
        return None
    comma = "" if source.endswith("()") else ", "
    return f"{source[:-1]}{comma}collation={raw(collation)!r})"


def _sized(type_: str) -> str | None:
    for pattern, source in _SIZED:
        match = re.fullmatch(pattern, type_)
        if match:
            return source.format(*match.groups())
    return None
