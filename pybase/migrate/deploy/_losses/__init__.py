"""Data loss: what a plan would destroy of a live database, and the consent to that.

The records hold the tables and columns whose data may be lost; the database itself how much is in
them. They are looked up in the session that runs the statements: before the run, and again in the
transaction of each step, under its locks. What cannot be determined counts as a loss.
"""

from pybase.migrate.deploy._losses._confirmation import (
    Confirmation,
    data_loss,
    require_allowed,
    require_name,
    require_named,
)
from pybase.migrate.deploy._losses._guard import (
    NO_CONSENT,
    Consent,
    DataLoss,
    Guard,
    find_losses,
    holds_tables,
)
from pybase.migrate.deploy._losses._observed import observed
from pybase.migrate.deploy._losses._violations import require_no_violations, rows

__all__ = [
    "NO_CONSENT",
    "Confirmation",
    "Consent",
    "DataLoss",
    "Guard",
    "data_loss",
    "find_losses",
    "holds_tables",
    "observed",
    "require_allowed",
    "require_name",
    "require_named",
    "require_no_violations",
    "rows",
]
