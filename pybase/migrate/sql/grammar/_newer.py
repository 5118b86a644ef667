"""Statements of PostgreSQL 19, which pglast's grammar of 18 cannot read: known by their tokens."""

import re

from pybase.migrate.sql.grammar._parse import parsed, statements
from pybase.migrate.sql.grammar._split import words

REPACK, REPACK_CONCURRENTLY = "REPACK", "REPACK (CONCURRENTLY)"
MOVES_PARTITIONS = ("MERGE PARTITIONS", "SPLIT PARTITION")
"""Forms of ALTER TABLE that move the rows of partitions into new ones."""

_BEGINNING = re.compile(r"\s*(?:--|/\*|REPACK|ALTER\s+TABLE)", re.IGNORECASE)
_REPACK = re.compile(r"REPACK\b(?P<options> \( [^)]* \))?")
_CONCURRENTLY = re.compile(r"\bCONCURRENTLY(?! (?:'?FALSE|'?OFF|0))\b")


def newer_form(sql: str) -> str:
    """Return which statement of PostgreSQL 19 it is, or is in it; an empty text for all others."""
    return next(filter(None, map(_form, statements(sql))), "")


def _form(sql: str) -> str:
    if not _BEGINNING.match(sql) or parsed(sql) is not None:
        return ""
    line = " ".join(words(sql)).upper()
    if repack := _REPACK.match(line):
        is_concurrent = _CONCURRENTLY.search(repack["options"] or "")
        return REPACK_CONCURRENTLY if is_concurrent else REPACK
    is_alter = line.startswith("ALTER TABLE ")
    return next((form for form in MOVES_PARTITIONS if is_alter and f" {form} " in line), "")
