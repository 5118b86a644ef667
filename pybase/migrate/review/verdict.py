"""The verdict: what some revisions do to others who use the database, in one line."""

from collections.abc import Iterable, Iterator, Sequence

from pybase.migrate.effects import Touch
from pybase.migrate.hazards import ERROR
from pybase.migrate.modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.review.cards import Card

_MOST_NAMES = 3

WAITS = {0: "nobody waits", 1: "writers wait", 2: "everybody waits"}
"""By `severity`, for those who know no lock modes."""

_BLOCKS = {1: "blocks writes to", 2: "blocks reads and writes of"}


def severity(lock: int) -> int:
    """Return 2 where readers and writers wait for a lock, 1 where writers do, else 0."""
    return 2 if lock >= ACCESS_EXCLUSIVE else 1 if lock >= SHARE else 0


def how_long(touch: Touch) -> str:
    """Say what the lock lasts as long as."""
    if touch.is_rewritten:
        return "for a rewrite"
    return "for a scan" if touch.is_scanned else "for a moment"


def verdict(cards: Sequence[Card]) -> str:
    """Say it: `2 revisions: blocks writes to records for a scan; 1 hazard accepted`."""
    if not cards:
        return "No revision."
    parts = [*_blocks(cards), *_losses(cards), *_unseen(cards)] or ["blocks nothing"]
    return f"{counted(len(cards), 'revision')}: {'; '.join([*parts, *_hazards(cards)])}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _blocks(cards: Iterable[Card]) -> Iterator[str]:
    """Tell who waits for what, the worst first, each table once."""
    worst: dict[str, tuple[int, int, str]] = {}
    for touch in (each for card in cards for each in card.upgrade.report.touches):
        weight = (touch.is_rewritten * 2 + touch.is_scanned, severity(touch.lock), how_long(touch))
        if weight[1]:
            worst[touch.relation] = max(worst.get(touch.relation, weight), weight)
    groups: dict[tuple[int, int, str], list[str]] = {}
    for relation, weight in worst.items():
        groups.setdefault(weight, []).append(relation)
    for weight in sorted(groups, reverse=True):
        yield f"{_BLOCKS[weight[1]]} {names(sorted(groups[weight]))} {weight[2]}"


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
