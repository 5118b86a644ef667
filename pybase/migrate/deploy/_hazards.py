"""The check for hazards that no reviewer has accepted."""

from collections.abc import Iterator

from pybase.migrate.deploy._check import Checked, CheckResult, some, unless_embedded
from pybase.migrate.deploy._losses import holds_tables
from pybase.migrate.record import ERROR


def hazards(checked: Checked) -> Iterator[CheckResult]:
    """Check for hazards at the level of an error that are not accepted.

    A database without tables has no session that could wait, and no release that could fail.
    """
    is_new = not holds_tables(checked.connection, checked.plan)
    for step in checked.plan.steps:
        revision = step.revision
        refused = [
            finding.title
            for finding in step.effects.findings
            if finding.level(step.direction) == ERROR
            and not (is_new and finding.is_about_use)
            and step.record.reason_for(finding, step.direction) is None
        ]
        if refused:
            yield CheckResult(
                "hazards", unless_embedded(checked),
                f"Revision {revision.id} ({revision.title}) has {some(refused)}.",
                "See how to do it safely, or how to accept it: nox -s sql-lint",
            )  # fmt: skip
