"""SQL text: identifiers, lock modes, the backfill loop; see `grammar` for statements.

Nothing of Alembic or of a server, and quick to import.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.sql._backfill import BACKFILL_PREFIX as BACKFILL_PREFIX
    from pybase.migrate.sql._backfill import Backfill as Backfill
    from pybase.migrate.sql._backfill import is_unfilled as is_unfilled
    from pybase.migrate.sql._backfill import parse_backfill as parse_backfill
    from pybase.migrate.sql._backfill import render_backfill as render_backfill
    from pybase.migrate.sql._comments import one_line as one_line
    from pybase.migrate.sql._hidden import HIDDEN_HINT as HIDDEN_HINT
    from pybase.migrate.sql._hidden import hidden_character as hidden_character
    from pybase.migrate.sql._masking import masked as masked
    from pybase.migrate.sql.lock_modes import LOCKS as LOCKS
    from pybase.migrate.sql.lock_modes import RANKS as RANKS
    from pybase.migrate.sql.names import QualifiedName as QualifiedName
    from pybase.migrate.sql.names import literal as literal
    from pybase.migrate.sql.names import quote as quote
else:
    __getattr__ = lazy(
        __name__,
        {
            "_backfill": "BACKFILL_PREFIX Backfill is_unfilled parse_backfill render_backfill",
            "_comments": "one_line",
            "_hidden": "HIDDEN_HINT hidden_character",
            "_masking": "masked",
            "lock_modes": "LOCKS RANKS",
            "names": "QualifiedName literal quote",
        },
    )
