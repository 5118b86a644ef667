"""Rules that find hazards in the observations of a rehearsal.

`_locks`, `_indexes`, `_held_locks`, `_data`, `_objects` and `_columns` evaluate what statements
did, `_guarantees`, `_replaced`, `_access` and `_services` what others relied on and is no longer
there, `_shape` how the revision is written and whether its downgrade restores the schema,
`_hidden_effects` what a rehearsal cannot show. SQL text is read only there, and where the effect on
few rows does not show the intention.
"""

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._rules import (
    _access,
    _columns,
    _data,
    _guarantees,
    _held_locks,
    _hidden_effects,
    _indexes,
    _locks,
    _objects,
    _replaced,
    _services,
    _shape,
)
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.rehearsal._rules._data import filled_table
from pybase.migrate.rehearsal._rules._held_locks import held_locks, unexplained_scans
from pybase.migrate.rehearsal._rules._shape import is_transaction_control

__all__ = ["Case", "filled_table", "find_hazards", "held_locks", "is_transaction_control"]

_RULES = (
    *_indexes.RULES,
    *(*_locks.RULES, *_data.RULES, *_objects.RULES, *_shape.RULES),
    *_columns.RULES,
    *_guarantees.RULES,
    *_access.RULES,
    *_hidden_effects.RULES,
)
"""Functions of a case and one observation."""

_RUN_RULES = (
    *_objects.RUN_RULES,
    *_replaced.RUN_RULES,
    *_services.RUN_RULES,
    *_guarantees.RUN_RULES,
    *_access.RUN_RULES,
    *_columns.RUN_RULES,
    *_data.RUN_RULES,
    *_held_locks.RUN_RULES,
    *_shape.RUN_RULES,
    *_hidden_effects.RUN_RULES,
)
"""Functions of a case, for hazards of the end of a run or of all of it."""


def find_hazards(case: Case) -> list[Finding]:
    """Return the hazards of one direction, each once a place, in the order of statements."""
    found = [
        finding for seen in case.observations for rule in _RULES for finding in rule(case, seen)
    ]
    found += [finding for run_rule in _RUN_RULES for finding in run_rule(case)]
    found += unexplained_scans(case, {finding.statement for finding in found})
    findings: dict[tuple[str, str], Finding] = {}
    for finding in found:
        findings.setdefault((finding.code, finding.place), finding)
    return sorted(findings.values(), key=lambda finding: finding.sort_key)
