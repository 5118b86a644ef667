"""Names, as PostgreSQL quotes them and as Python and Alembic take them.

Knows the rules of identifiers and nothing of schemas or revisions.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

_PART = re.compile(r'"((?:[^"]|"")*)"|([^."\s()]+)')
LONGEST = 63
"""Bytes of an identifier; PostgreSQL cuts what is longer without a word."""

LABEL = "CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END"
"""What `plain` returns, as SQL for a table `c` in a schema `n`."""


@dataclass(frozen=True)
class QualifiedName:
    """The name of a relation, type or function with its schema, both unquoted."""

    schema: str
    name: str

    @property
    def label(self) -> str:
        """The name unquoted, with the schema unless it is public."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The qualified name as SQL."""
        return f"{quote(self.schema)}.{quote(self.name)}"


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
    """Quote an identifier where PostgreSQL's quote_ident() does."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", identifier) and identifier not in _keywords():
        return identifier
    return '"' + identifier.replace('"', '""') + '"'


@cache
def _keywords() -> frozenset[str]:
    from pglast import keywords  # 0.2 s that a run without names must not pay

    return frozenset(
        keywords.RESERVED_KEYWORDS | keywords.COL_NAME_KEYWORDS | keywords.TYPE_FUNC_NAME_KEYWORDS
    )


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
