"""The verdict: what some revisions do to others who use the database, in one line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pybase.migrate.effects import Touch
from pybase.migrate.hazards import ERROR
from pybase.migrate.modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.review.cards import Card
from pybase.words import counted

_MOST_NAMES = 3


@dataclass(frozen=True, order=True)
class Wait:
    """What a touched table means to others: for how long they wait, and whether readers do too.

    `length` counts from 0, nobody waits, over a moment and a scan to a rewrite.
    """

    length: int
    is_for_readers: bool

    @property
    def words(self) -> str:
        """For those who know no lock modes: `writers wait for a scan`."""
        who = "everybody waits" if self.is_for_readers else "writers wait"
        return f"{who} {_LENGTHS[self.length]}" if self.length else "nobody waits"

    @property
    def effect(self) -> str:
        """As half a sentence about a table: `blocks writes to {} for a scan`."""
        what = "blocks reads and writes of" if self.is_for_readers else "blocks writes to"
        return f"{what} {{}} {_LENGTHS[self.length]}"

    @property
    def level(self) -> int:
        """How much it hurts: 0 not, 1 for a moment, 2 for as long as a table is large."""
        return min(self.length, 2)


_LENGTHS = ("", "for a moment", "for a scan", "for a rewrite")


def wait(touch: Touch) -> Wait:
    """Return what others wait for."""
    if touch.lock < SHARE:
        return Wait(0, False)
    length = 3 if touch.is_rewritten else 2 if touch.is_scanned else 1
    return Wait(length, touch.lock >= ACCESS_EXCLUSIVE)


def worst(card: Card) -> Wait:
    """Return the worst wait that an upgrade means to anybody."""
    return max(map(wait, card.upgrade.report.touches), default=Wait(0, False))


def verdict(cards: Sequence[Card]) -> str:
    """Say it: `2 revisions: blocks writes to records for a scan; 1 hazard accepted`."""
    if not cards:
        return "No revision."
    parts = [*(_blocks(cards) or ["blocks nothing"]), *_changes(cards)]
    parts += [*_losses(cards), *_unseen(cards)]
    return f"{counted(len(cards), 'revision')}: {'; '.join([*parts, *_hazards(cards)])}"


def _blocks(cards: Iterable[Card]) -> list[str]:
    """Tell who waits for what where that is worst, and that others wait too."""
    found: dict[str, Wait] = {}
    for touch in _touches(cards):
        if wait(touch).length:
            found[touch.relation] = max(found.get(touch.relation, wait(touch)), wait(touch))
    if not found:
        return []
    worst = max(found.values())
    most = sorted(name for name, each in found.items() if each == worst)
    others = len(found) - len(most)
    rest = f", and {counted(others, 'table')} for less" if others else ""
    return [worst.effect.format(names(most)) + rest]


def _changes(cards: Iterable[Card]) -> Iterator[str]:
    changed = sorted({touch.relation for touch in _touches(cards) if touch.is_changed})
    if changed:
        yield f"changes rows of {names(changed)}"


def _touches(cards: Iterable[Card]) -> Iterator[Touch]:
    return (touch for card in cards for touch in card.upgrade.report.touches)


def names(found: Sequence[str]) -> str:
    """Name a few, and count the rest."""
    more = len(found) - _MOST_NAMES
    shown = [*found[:_MOST_NAMES], *([f"{more} more"] if more > 0 else ())]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _losses(cards: Iterable[Card]) -> Iterator[str]:
    lost = sorted({loss for card in cards for loss in card.upgrade.report.losses})
    if lost:
        yield f"destroys {names(lost)}"


def _unseen(cards: Iterable[Card]) -> Iterator[str]:
    unseen = sum(not card.upgrade.report.is_rehearsed for card in cards)
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
