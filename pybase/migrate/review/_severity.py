"""The verdict: what some revisions do to others who use the database, in one line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pybase.core.humanize import counted
from pybase.migrate.record import ERROR, Report, Touch
from pybase.migrate.review._revision_summary import Card, Way
from pybase.migrate.sql._lock_modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.sqlfiles._header import NOT_REHEARSED

_MOST_NAMES = 3


@dataclass(frozen=True, order=True)
class Wait:
    """What a touched table means to others: for how long they wait, and whether readers do too.

    `length` counts from 0, nobody waits, over a moment and a scan to a rewrite, and UNSEEN.
    """

    length: int
    is_for_readers: bool

    @property
    def words(self) -> str:
        """For those who know no lock modes: `writers wait for a scan`."""
        if self == UNSEEN:
            return "nobody has seen it"
        who = "everybody waits" if self.is_for_readers else "writers wait"
        return f"{who} {_LENGTHS[self.length]}" if self.length else "nobody waits"

    @property
    def effect(self) -> str:
        """As half a sentence about a table: `blocks writes to {} for a scan`."""
        what = "blocks reads and writes of" if self.is_for_readers else "blocks writes to"
        return f"{what} {{}} {_LENGTHS[self.length]}"

    @property
    def level(self) -> int:
        """How much it hurts: 0 not, 1 for a moment, 2 as long as a table is large, or unknown."""
        return min(self.length, 2)


UNSEEN = Wait(4, True)
"""What was not rehearsed: worse than all that was seen, since it may be anything."""

_LENGTHS = ("", "for a moment", "for a scan", "for a rewrite")


def wait(touch: Touch) -> Wait:
    """Return what others wait for."""
    if touch.lock < SHARE:
        return Wait(0, False)
    length = 3 if touch.is_rewritten else 2 if touch.is_scanned else 1
    return Wait(length, touch.lock >= ACCESS_EXCLUSIVE)


def worst(card: Card) -> Wait:
    """Return the worst wait that an upgrade means to anybody."""
    report = card.upgrade.report
    if not report.is_rehearsed:
        return UNSEEN
    return max(map(wait, report.touches), default=Wait(0, False))


def unseen(way: Way) -> str:
    """Say why nobody has seen what a direction does; nothing where it was rehearsed."""
    if way.report.is_rehearsed:
        return ""
    has_sql = not way.shape.startswith("cannot ")
    return f"{NOT_REHEARSED.capitalize()}." if has_sql else f"Not rehearsed: {way.shape}."


def verdict(cards: Sequence[Card]) -> str:
    """Say it: `2 revisions: blocks writes to records for a scan; 1 hazard accepted`."""
    if not cards:
        return "No revision."
    reports = [card.upgrade.report for card in cards]
    parts = [*_done(reports), *_unseen(reports), *_hazards(cards)]
    if not _blocks(reports) and all(each.is_rehearsed for each in reports):
        parts.insert(0, "blocks nothing")
    return f"{counted(len(cards), 'revision')}: {'; '.join(parts)}"


def told(way: Way) -> str:
    """Say how a direction runs and what it does: `one transaction; destroys records.note`."""
    unseen = () if way.report.is_rehearsed else ("not rehearsed",)
    return "; ".join((way.shape, *_done([way.report]), *unseen))


def _done(reports: Sequence[Report]) -> list[str]:
    return [*_blocks(reports), *_changes(reports), *_losses(reports)]


def _blocks(reports: Iterable[Report]) -> list[str]:
    """Tell who waits for what where that is worst, and that others wait too."""
    found: dict[str, Wait] = {}
    for touch in _touches(reports):
        if wait(touch).length:
            found[touch.relation] = max(found.get(touch.relation, wait(touch)), wait(touch))
    if not found:
        return []
    worst = max(found.values())
    most = sorted(name for name, each in found.items() if each == worst)
    others = len(found) - len(most)
    rest = f", and {counted(others, 'table')} for less" if others else ""
    return [worst.effect.format(names(most)) + rest]


def _changes(reports: Iterable[Report]) -> Iterator[str]:
    changed = sorted({touch.relation for touch in _touches(reports) if touch.is_changed})
    if changed:
        yield f"changes rows of {names(changed)}"


def _touches(reports: Iterable[Report]) -> Iterator[Touch]:
    return (touch for report in reports for touch in report.touches)


def names(found: Sequence[str]) -> str:
    """Name a few, and count the rest."""
    more = len(found) - _MOST_NAMES
    shown = [*found[:_MOST_NAMES], *([f"{more} more"] if more > 0 else ())]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _losses(reports: Iterable[Report]) -> Iterator[str]:
    lost = sorted({loss for report in reports for loss in report.losses})
    if lost:
        yield f"destroys {names(lost)}"


def _unseen(reports: Iterable[Report]) -> Iterator[str]:
    unseen = sum(not report.is_rehearsed for report in reports)
    if unseen:
        yield f"{counted(unseen, 'revision')} not rehearsed"


def _hazards(cards: Iterable[Card]) -> Iterator[str]:
    found = [line for card in cards for line in card.hazards]
    accepted = sum(line.accepted is not None for line in found)
    errors = sum(line.accepted is None and line.level == ERROR for line in found)
    warnings = len(found) - accepted - errors
    if errors:
        yield f"{counted(errors, 'hazard')} not accepted"
    if warnings:
        yield counted(warnings, "warning")
    if accepted:
        yield f"{counted(accepted, 'hazard')} accepted"
