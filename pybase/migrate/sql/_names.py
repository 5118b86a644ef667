"""Names, as PostgreSQL quotes them and as Python and Alembic take them.

Knows the rules of identifiers and nothing of schemas or revisions.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

_PART = re.compile(r'"((?:[^"]|"")*)"|([^."\s()]+)')
LONGEST = 63
"""Bytes of an identifier; PostgreSQL cuts what is longer without a word."""

LABEL = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
"""What `plain` returns, as SQL for a table `c` in a schema `n`."""


@dataclass(frozen=True, order=True)
class QualifiedName:
    """The name of a relation, a type or a function in a schema, unquoted."""

    schema: str
    name: str

    @property
    def label(self) -> str:
        """The name as people write it: unquoted, the schema only when it is not public."""
        return self.name if self.schema in ("public", "") else f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The name for SQL text."""
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


def quote(identifier: str) -> str:
    """Quote an identifier where it has to be: one that is a word of SQL, too."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", identifier) and identifier not in _RESERVED:
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


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


_WORDS = """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast
    check collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user default
    deferrable desc distinct do else end except false fetch for foreign freeze from full grant
    group having ilike in initially inner intersect into is isnull join lateral leading left
    like limit localtime localtimestamp natural not notnull null offset on only or order outer
    overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with between bigint bit boolean char character coalesce
    dec decimal exists extract float greatest grouping inout int integer interval least national
    nchar none normalize nullif numeric out overlay position precision real row setof smallint
    substring time timestamp treat trim values varchar xmlattributes xmlconcat xmlelement
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_RESERVED = frozenset(_WORDS.split())
