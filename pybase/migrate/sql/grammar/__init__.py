"""What needs PostgreSQL's own grammar (pglast): cutting, laying out and reading statements."""

from pybase.migrate.sql.grammar._client import COPY_HINT, client_fault, copy_fault
from pybase.migrate.sql.grammar._format import WIDTH, break_line, lay_out
from pybase.migrate.sql.grammar._newer import (
    MOVES_PARTITIONS,
    REPACK,
    REPACK_CONCURRENTLY,
    newer_form,
)
from pybase.migrate.sql.grammar._parse import (
    WRITES,
    block_parts,
    block_words,
    code_words,
    dropped_names,
    is_kind,
    is_opaque,
    is_write,
    names,
    nodes,
    parsed,
    statements,
    trees,
)
from pybase.migrate.sql.grammar._resumable import is_findable, is_resumable
from pybase.migrate.sql.grammar._split import is_inside_token, split, tidy, words

__all__ = [
    "COPY_HINT",
    "MOVES_PARTITIONS",
    "REPACK",
    "REPACK_CONCURRENTLY",
    "WIDTH",
    "WRITES",
    "block_parts",
    "block_words",
    "break_line",
    "client_fault",
    "code_words",
    "copy_fault",
    "dropped_names",
    "is_findable",
    "is_inside_token",
    "is_kind",
    "is_opaque",
    "is_resumable",
    "is_write",
    "lay_out",
    "names",
    "newer_form",
    "nodes",
    "parsed",
    "split",
    "statements",
    "tidy",
    "trees",
    "words",
]
