"""SQL text: identifiers, lock modes, the backfill loop; see `grammar` for statements.

Nothing of Alembic or of a server, and quick to import.
"""

from pybase.migrate.sql._backfill import PREFIX as BACKFILL_PREFIX
from pybase.migrate.sql._backfill import Backfill, parse_backfill, render_backfill
from pybase.migrate.sql._comments import one_line
from pybase.migrate.sql._masking import masked
from pybase.migrate.sql.lock_modes import LOCKS, RANKS
from pybase.migrate.sql.names import QualifiedName, literal, quote

__all__ = [
    "BACKFILL_PREFIX",
    "LOCKS",
    "RANKS",
    "Backfill",
    "QualifiedName",
    "literal",
    "masked",
    "one_line",
    "parse_backfill",
    "quote",
    "render_backfill",
]
