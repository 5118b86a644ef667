"""From what a rehearsal saw to hazards.

`locks`, `data`, `objects` and `columns` look at what statements did, `shape` at how the revision
is written and where it leads. `hazards` says what the codes mean. Text is read only where a
server cannot tell what was meant; that is `syntax`.
"""

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._rules import _columns as columns
from pybase.migrate.rehearsal._rules import _data as data
from pybase.migrate.rehearsal._rules import _locks as locks
from pybase.migrate.rehearsal._rules import _objects as objects
from pybase.migrate.rehearsal._rules import _shape as shape
from pybase.migrate.rehearsal._rules._case import Case

__all__ = ["Case", "judge"]

_RULES = (*locks.RULES, *data.RULES, *objects.RULES, *shape.RULES)
"""Take a case and one observation."""

_RUN_RULES = (*objects.RUN_RULES, *columns.RUN_RULES, *data.RUN_RULES, *shape.RUN_RULES)
"""Take a case: what only its end, or all of it, can tell."""


def judge(case: Case) -> list[Finding]:
    """Every hazard of one direction, each once for a relation, in the order of the statements."""
    found: dict[tuple[str, str], Finding] = {}
    for finding in (
        *(each for seen in case.observations for rule in _RULES for each in rule(case, seen)),
        *(each for rule in _RUN_RULES for each in rule(case)),
    ):
        found.setdefault((finding.code, finding.label), finding)
    return sorted(found.values(), key=lambda finding: finding.sort_key)
