"""The folder `sql/` and the drawing: compared with what the revisions render to, and replaced.

Nothing is deleted or overwritten that was not written here.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.sqlfiles._folder._compare import Stale as Stale
    from pybase.migrate.sqlfiles._folder._compare import compare as compare
    from pybase.migrate.sqlfiles._folder._compare import describe as describe
    from pybase.migrate.sqlfiles._folder._compare import hint as hint
    from pybase.migrate.sqlfiles._folder._compare import read as read
    from pybase.migrate.sqlfiles._folder._place import require_place as require_place
    from pybase.migrate.sqlfiles._folder._replace import Replaced as Replaced
    from pybase.migrate.sqlfiles._folder._replace import replaced as replaced
else:
    __getattr__ = lazy(
        __name__,
        {
            "_compare": "Stale compare describe hint read",
            "_place": "require_place",
            "_replace": "Replaced replaced",
        },
    )
