"""Many databases, or schemas of one, that have the same history: each migrated as one is.

    fleet = read_fleet("fleet.toml", canary=None)
    statuses = read_statuses(fleet, source, jobs, "head", Direction.UPGRADE)
    outcomes = run(fleet, work, limits, receive)

One process: `sql/` is loaded once, and a thread works on each database that has something to do.
Nothing but the work of `deploy` changes a database.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.fleet._members import OF_SERVER as OF_SERVER
    from pybase.migrate.fleet._members import Fleet as Fleet
    from pybase.migrate.fleet._members import Member as Member
    from pybase.migrate.fleet._members import read_fleet as read_fleet
    from pybase.migrate.fleet._members import read_schemas as read_schemas
    from pybase.migrate.fleet._reporter import Event as Event
    from pybase.migrate.fleet._reporter import MemberReporter as MemberReporter
    from pybase.migrate.fleet._run import Limits as Limits
    from pybase.migrate.fleet._run import Outcome as Outcome
    from pybase.migrate.fleet._run import State as State
    from pybase.migrate.fleet._run import run as run
    from pybase.migrate.fleet._status import Status as Status
    from pybase.migrate.fleet._status import needs_alembic as needs_alembic
    from pybase.migrate.fleet._status import read_statuses as read_statuses
    from pybase.migrate.fleet._status import shared_source as shared_source
else:
    __getattr__ = lazy(
        __name__,
        {
            "_members": "OF_SERVER Fleet Member read_fleet read_schemas",
            "_reporter": "Event MemberReporter",
            "_run": "Limits Outcome State run",
            "_status": "Status needs_alembic read_statuses shared_source",
        },
    )
