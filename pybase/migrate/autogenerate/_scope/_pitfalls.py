"""Models and settings of env.py for which no comparison can hold: refused, or named."""

import logging
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pybase.core.errors import UsageError
from pybase.migrate.sql.names import QualifiedName

_FROZEN = re.compile(r"\W*(now|today|tomorrow|yesterday)\W*", re.IGNORECASE)
"""Date input that PostgreSQL turns into a value at once, whatever punctuation is around it."""

_IGNORED = (
    "process_revision_directives",
    "compare_type",
    "compare_server_default",
    "render_item",
)
"""Hooks of Alembic's autogenerate, which would see and write operations of Alembic's own."""


def require_comparable(metadata: Sequence[sa.MetaData]) -> None:
    """Raise UsageError for a table that is declared twice, and for a default that is frozen."""
    tables = [table for models in metadata for table in models.tables.values()]
    counts = Counter((table.schema or "public", table.name) for table in tables)
    twice = [QualifiedName(*name).label for name, count in counts.items() if count > 1]
    if twice:
        raise UsageError(
            f"Two metadata of target_metadata declare the table {twice[0]}.",
            "Declare each table once, or pass only the metadata that creates it.",
            code="table-declared-twice",
        )
    for column in (column for table in tables for column in table.columns):
        _require_live_default(column)


def _require_live_default(column: "sa.Column[Any]") -> None:
    given = getattr(column.server_default, "arg", None)
    is_time = isinstance(column.type, sa.DateTime | sa.Date | sa.Time)
    if is_time and isinstance(given, str) and _FROZEN.fullmatch(given):
        raise UsageError(
            f"The default of {column.table.name}.{column.name} is the text {given!r}, which "
            "PostgreSQL replaces by the time at which the column is created.",
            "Pass an expression: server_default=sa.func.now().",
            code="frozen-default",
        )


def warn_of_ignored(options: Mapping[str, Any]) -> None:
    """Name what env.py configures for Alembic's autogenerate and a comparison does not ask."""
    ignored = [name for name in _IGNORED if callable(options.get(name))]
    if "alembic_utils" in sys.modules:
        ignored.append("the entities of alembic_utils")
    if ignored:
        logging.getLogger(__name__).warning(
            "env.py configures %s, which is ignored: two databases are compared, and revisions are "
            "written, without Alembic's autogenerate.",
            ", ".join(ignored),
        )
