"""Acceptances: the findings that a revision accepts, each named by a key, with the reason.

    accepted_hazards = {
        "drops-column on records.colour": "no reader since 2026-10",
        "downgrade: blocking-index-drop on records.ix_records_colour": "only in a quiet hour",
    }

A key without the part of the relation, or without the relation, is enough where one finding fits.
"""

from collections.abc import Collection, Iterable, Mapping

from pybase.migrate.record._finding import Finding
from pybase.migrate.record._hazards import HAZARDS
from pybase.migrate.record._script import Direction, Directions

_DOWNGRADE = "downgrade: "


def acceptance_key(finding: Finding, direction: Direction) -> str:
    """Return the key that names exactly this finding."""
    return _prefix(finding, direction) + finding.title


def reason_for(
    accepted: Mapping[str, str],
    finding: Finding,
    direction: Direction,
    findings: Collection[Finding],
) -> str | None:
    """Return the reason for which a finding, one of `findings` of its direction, is accepted."""
    for key, reason in accepted.items():
        if _is_reason(reason) and _covered(key, direction, findings) == [finding]:
            return reason
    return None


def acceptance_faults(
    accepted: Mapping[str, str], findings: Directions[Collection[Finding]]
) -> tuple[Finding, ...]:
    """Return what is wrong with a revision's acceptances, given the findings of its directions."""
    faults = (_fault(key, reason, findings) for key, reason in accepted.items())
    return tuple(Finding(-1, code, detail=detail) for code, detail in faults if code)


def _fault(key: str, reason: str, findings: Directions[Collection[Finding]]) -> tuple[str, str]:
    """Return the code and the detail of what is wrong with an acceptance; empty for nothing."""
    code = key.removeprefix(_DOWNGRADE).partition(" on ")[0]
    covered = [
        acceptance_key(finding, direction)
        for direction, those in findings
        for finding in _covered(key, direction, those)
    ]
    if code not in HAZARDS:
        return "accepted-unknown-hazard", repr(key)
    if not covered:
        return "accepted-for-nothing", key + _instead(code, findings)
    if len(covered) > 1:
        return "accepted-too-broadly", f"{key}, which fits {_listed(covered)}"
    return ("", "") if _is_reason(reason) else ("accepted-without-reason", key)


def _instead(code: str, findings: Directions[Collection[Finding]]) -> str:
    keys = [
        acceptance_key(finding, direction)
        for direction, those in findings
        for finding in those
        if finding.code == code
    ]
    return f"; the findings are {_listed(keys)}" if keys else ""


def _listed(keys: Iterable[str]) -> str:
    return " and ".join(f'"{key}"' for key in keys)


def _is_reason(reason: object) -> bool:
    """Whether it has letters: what a person can have meant."""
    return isinstance(reason, str) and any(map(str.isalpha, reason))


def _covered(key: str, direction: Direction, findings: Collection[Finding]) -> list[Finding]:
    """Return the findings of a direction that a key fits; only one that it names in full."""
    named = [finding for finding in findings if acceptance_key(finding, direction) == key]
    return named or [finding for finding in findings if key in _short_keys(finding, direction)]


def _short_keys(finding: Finding, direction: Direction) -> tuple[str, str]:
    start = _prefix(finding, direction) + finding.code
    return start, f"{start} on {finding.label}"


def _prefix(finding: Finding, direction: Direction) -> str:
    """Return how a key begins in a downgrade; the codes of downgrades alone need no word for it."""
    is_plain = direction.is_upgrade or finding.code.startswith("downgrade-")
    return "" if is_plain else _DOWNGRADE
