"""SQL text: identifiers, lock modes, the backfill loop; see `grammar` for statements.

Nothing of Alembic or of a server, and quick to import.
"""

from pybase.migrate.sql._comments import one_line
from pybase.migrate.sql._lock_modes import LOCKS, RANKS
from pybase.migrate.sql._names import QualifiedName, literal, quote

__all__ = [
    "LOCKS",
    "RANKS",
    "QualifiedName",
    "literal",
    "one_line",
    "quote",
]
