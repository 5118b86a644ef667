"""Plan of changes: from the difference of two schemas to the steps of revisions."""

from pybase.migrate.autogenerate._plan._backfills import skeleton
from pybase.migrate.autogenerate._plan._context import Context
from pybase.migrate.autogenerate._plan._order import divide, related
from pybase.migrate.autogenerate._plan._planner import plan_changes

__all__ = ["Context", "divide", "plan_changes", "related", "skeleton"]
