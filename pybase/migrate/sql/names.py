"""Names, as PostgreSQL quotes them and as Python and Alembic take them.

Knows the rules of identifiers and nothing of schemas or revisions.
"""

import re
from functools import lru_cache
from hashlib import sha256

from msgspec import Struct

_PART = re.compile(r'"((?:[^"]|"")*)"|([^."\s()]+)')
LONGEST = 63
"""Bytes of an identifier; PostgreSQL cuts what is longer without a word."""


class QualifiedName(Struct, frozen=True, order=True):
    """The name of a relation, type or function with its schema, both unquoted."""

    schema: str
    name: str

    @property
    def qualified_name(self) -> "QualifiedName":
        """The bare name, of a subclass too."""
        return QualifiedName(self.schema, self.name)

    @property
    def label(self) -> str:
        """The name unquoted, with the schema unless it is public."""
        return self.name if self.schema in ("public", "") else f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The qualified name as SQL."""
        return f"{quote(self.schema)}.{quote(self.name)}" if self.schema else quote(self.name)


def parts(name: str) -> tuple[str, ...]:
    """Return the unquoted parts of a quoted, qualified name."""
    return tuple(
        quoted.replace('""', '"') if quoted or not plain else plain
        for quoted, plain in _PART.findall(name)
    )


def raw(name: str) -> str:
    """Return the last part of a quoted name, unquoted."""
    return parts(name)[-1]


def schema_of(name: str) -> str | None:
    """Return the schema of a qualified name as Alembic takes it: None for public."""
    first = parts(name)[0]
    return None if first == "public" else first


def shown(name: str) -> str:
    """Return a qualified name as people write it: without the schema public."""
    return name.removeprefix("public.")


def plain(name: str) -> str:
    """Return a qualified name unquoted, without the schema public: what a person types."""
    return ".".join(parts(shown(name)))


@lru_cache(maxsize=4096)
def quote(identifier: str) -> str:
    """Quote an identifier where PostgreSQL's quote_ident() does."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", identifier) and identifier not in _KEYWORDS:
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


_KEYWORD_LIST = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit
    boolean both case cast char character check coalesce collate collation column concurrently
    constraint create cross current_catalog current_date current_role current_schema current_time
    current_timestamp current_user dec decimal default deferrable desc distinct do else end except
    exists extract false fetch float for foreign freeze from full grant greatest group grouping
    having ilike in initially inner inout int integer intersect interval into is isnull join json
    json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar
    json_serialize json_table json_value lateral leading least left like limit localtime
    localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary
    real references returning right row select session_user setof similar smallint some substring
    symmetric system_user table tablesample then time timestamp to trailing treat trim true union
    unique user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
"""
_KEYWORDS = frozenset(_KEYWORD_LIST.split())
"""The keywords of PostgreSQL's grammar that are no plain names; a test compares them with pglast,
whose import takes too long for a run without a statement to parse."""


def literal(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def derived(*words: str) -> str:
    """Join words into an identifier that PostgreSQL does not cut."""
    name = "_".join(words)
    if len(name.encode()) <= LONGEST:
        return name
    tail = sha256(name.encode()).hexdigest()[:8]
    head = name.encode()[: LONGEST - 9].decode(errors="ignore")
    return f"{head}_{tail}"
