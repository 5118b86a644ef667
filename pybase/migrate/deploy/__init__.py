"""A real database changed: plan, checks, the runner, the consent to data loss, backfills.

    with locked(settings, database, reporter) as session:
        plan = session.plan("head", Direction.UPGRADE)
        results = check(session, plan)
        apply(session, plan, reporter)

Quick to import: a fresh history is applied without Alembic and without a SQL parser.
"""

from typing import TYPE_CHECKING

from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.migrate.deploy._apply import apply as apply
    from pybase.migrate.deploy._apply import check as check
    from pybase.migrate.deploy._apply import confirm as confirm
    from pybase.migrate.deploy._backfill_runner import find_backfill as find_backfill
    from pybase.migrate.deploy._backfill_runner import run_backfill as run_backfill
    from pybase.migrate.deploy._check import CheckResult as CheckResult
    from pybase.migrate.deploy._check import Severity as Severity
    from pybase.migrate.deploy._check import not_rehearsed as not_rehearsed
    from pybase.migrate.deploy._check import require_clear as require_clear
    from pybase.migrate.deploy._distribution import distribute as distribute
    from pybase.migrate.deploy._distribution import plan_distribution as plan_distribution
    from pybase.migrate.deploy._distribution import planned_lines as planned_lines
    from pybase.migrate.deploy._distribution import require_possible as require_possible
    from pybase.migrate.deploy._drift import stamp as stamp
    from pybase.migrate.deploy._env import delegates as delegates
    from pybase.migrate.deploy._estimate import ASSUMPTION as ASSUMPTION
    from pybase.migrate.deploy._estimate import RATES_MB_S as RATES_MB_S
    from pybase.migrate.deploy._estimate import Estimate as Estimate
    from pybase.migrate.deploy._estimate import PlannedStep as PlannedStep
    from pybase.migrate.deploy._estimate import estimate as estimate
    from pybase.migrate.deploy._followed import as_env_leaves_it as as_env_leaves_it
    from pybase.migrate.deploy._followed import is_quiet as is_quiet
    from pybase.migrate.deploy._followed import preview as preview
    from pybase.migrate.deploy._followed import runnable as runnable
    from pybase.migrate.deploy._locked import CHECKS as CHECKS
    from pybase.migrate.deploy._locked import DRIFT as DRIFT
    from pybase.migrate.deploy._locked import Locked as Locked
    from pybase.migrate.deploy._locked import changed_entries as changed_entries
    from pybase.migrate.deploy._locked import locked as locked
    from pybase.migrate.deploy._locked import note_changed_entries as note_changed_entries
    from pybase.migrate.deploy._locked import pending_revisions as pending_revisions
    from pybase.migrate.deploy._locked import read_status as read_status
    from pybase.migrate.deploy._locked import unrecorded as unrecorded
    from pybase.migrate.deploy._losses import Confirmation as Confirmation
    from pybase.migrate.deploy._losses import Consent as Consent
    from pybase.migrate.deploy._losses import observed as observed
    from pybase.migrate.deploy._plan import Plan as Plan
    from pybase.migrate.deploy._plan import Step as Step
    from pybase.migrate.deploy._sources import Source as Source
    from pybase.migrate.deploy._sources import committed_source as committed_source
    from pybase.migrate.deploy._sources import python_source as python_source
    from pybase.migrate.deploy._sources import record_source as record_source
    from pybase.migrate.deploy._sources import status_source as status_source
else:
    __getattr__ = lazy(
        __name__,
        {
            "_apply": "apply check confirm",
            "_backfill_runner": "find_backfill run_backfill",
            "_check": "CheckResult Severity not_rehearsed require_clear",
            "_distribution": "distribute plan_distribution planned_lines require_possible",
            "_drift": "stamp",
            "_env": "delegates",
            "_estimate": "ASSUMPTION Estimate PlannedStep RATES_MB_S estimate",
            "_followed": "as_env_leaves_it is_quiet preview runnable",
            "_locked": "CHECKS DRIFT Locked changed_entries locked note_changed_entries"
            " pending_revisions read_status unrecorded",
            "_losses": "Confirmation Consent observed",
            "_plan": "Plan Step",
            "_sources": "Source committed_source python_source record_source status_source",
        },
    )
