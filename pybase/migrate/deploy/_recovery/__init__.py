"""What an interrupted run has left: found out, and continued.

`resume` needs a SQL parser, and is imported for a revision that is not one transaction.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy
from pybase.migrate.deploy._recovery._outcome import UnclearError as UnclearError
from pybase.migrate.deploy._recovery._outcome import was_applied as was_applied

if TYPE_CHECKING:
    from pybase.migrate.deploy._recovery._resume import is_committed as is_committed
    from pybase.migrate.deploy._recovery._resume import is_done_already as is_done_already
    from pybase.migrate.deploy._recovery._resume import is_rolled_back as is_rolled_back
    from pybase.migrate.deploy._recovery._resume import remaining as remaining
else:
    __getattr__ = lazy(
        __name__, {"_resume": "is_committed is_done_already is_rolled_back remaining"}
    )
