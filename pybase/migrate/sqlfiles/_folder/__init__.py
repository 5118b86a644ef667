"""The folder `sql/` and the drawing: compared with what the revisions render to, and replaced.

Nothing is deleted or overwritten that was not written here.
"""

from pybase.migrate.sqlfiles._folder._compare import (
    Stale,
    compare,
    describe,
    hint,
    read,
)
from pybase.migrate.sqlfiles._folder._place import require_place
from pybase.migrate.sqlfiles._folder._replace import Replaced, replaced

__all__ = [
    "Replaced",
    "Stale",
    "compare",
    "describe",
    "hint",
    "read",
    "replaced",
    "require_place",
]
