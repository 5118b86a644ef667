"""A real database changed: plan, checks, the runner, the consent to data loss, backfills.

    with locked(settings, database, reporter) as session:
        plan = session.plan("head", Direction.UPGRADE)
        results = check(session, plan)
        apply(session, plan, reporter)

Quick to import: a fresh history is applied without Alembic and without a SQL parser.
"""

from pybase.migrate.deploy._apply import (
    CHECKS,
    DRIFT,
    Locked,
    apply,
    changed_entries,
    check,
    confirm,
    locked,
    read_status,
)
from pybase.migrate.deploy._backfill_runner import (
    declared_backfills,
    find_backfill,
    run_backfill,
)
from pybase.migrate.deploy._check import CheckResult, Severity, require_clear
from pybase.migrate.deploy._estimate import ASSUMPTION, RATES_MB_S, Estimate, PlannedStep, estimate
from pybase.migrate.deploy._losses import Confirmation, Consent
from pybase.migrate.deploy._plan import (
    Plan,
    Source,
    Step,
    preview,
    record_source,
    status_source,
)

__all__ = [
    "ASSUMPTION",
    "CHECKS",
    "DRIFT",
    "RATES_MB_S",
    "CheckResult",
    "Confirmation",
    "Consent",
    "Estimate",
    "Locked",
    "Plan",
    "PlannedStep",
    "Severity",
    "Source",
    "Step",
    "apply",
    "changed_entries",
    "check",
    "confirm",
    "declared_backfills",
    "estimate",
    "find_backfill",
    "locked",
    "preview",
    "read_status",
    "record_source",
    "require_clear",
    "run_backfill",
    "status_source",
]
