"""Severity of revisions: which sessions wait for them and for how long, in words."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from pybase.core.humanize import counted
from pybase.migrate.record import ERROR, Direction, Effects, Record, TableEffect
from pybase.migrate.review._revision_summary import RevisionSummary
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.sqlfiles import NOT_REHEARSED

_MOST_NAMES = 3

_LENGTHS = ("", "for a moment", "for a scan", "for a rewrite")


class Severity(Struct, frozen=True, order=True):
    """For how long other sessions wait for a lock, and whether these include readers.

    `length` is a place in `_LENGTHS`, 0 if no session waits, or 4 if that is unknown.
    """

    length: int
    blocks_readers: bool

    @property
    def words(self) -> str:
        """The sessions that wait, in words that need no lock modes."""
        if self == UNKNOWN:
            return "not rehearsed"
        sessions = "readers and writers" if self.blocks_readers else "writers"
        return f"{sessions} wait {_LENGTHS[self.length]}" if self.length else "no session waits"

    @property
    def level(self) -> int:
        """0 for no wait, 1 for a moment, 2 for what depends on the table's size, or is unknown."""
        return min(self.length, 2)

    def sentence(self, tables: Sequence[str]) -> str:
        """Return what happens to tables: `blocks writes to records for a scan`."""
        what = "blocks reads and writes of" if self.blocks_readers else "blocks writes to"
        return f"{what} {names(tables)} {_LENGTHS[self.length]}"


UNKNOWN = Severity(4, True)
"""Of what was not rehearsed: worse than all that was observed."""


def severity(effect: TableEffect) -> Severity:
    """Return the severity of an effect on a table."""
    if effect.rank < SHARE:
        return Severity(0, False)
    length = 3 if effect.is_rewritten else 2 if effect.is_scanned or effect.held_for else 1
    return Severity(length, effect.rank >= ACCESS_EXCLUSIVE)


def worst(record: Record) -> Severity:
    """Return the severity of an upgrade."""
    effects = record.effects(Direction.UPGRADE)
    if not effects.is_rehearsed:
        return UNKNOWN
    return max(map(severity, effects.tables), default=Severity(0, False))


def unknown(record: Record, direction: Direction) -> str:
    """Return why the effects of a direction are unknown; nothing where it was rehearsed."""
    script = record.scripts[direction]
    if record.effects(direction).is_rehearsed:
        return ""
    return f"{NOT_REHEARSED.capitalize()}." if script.has_sql else f"Not rehearsed: {script.shape}."


def headline(shown: Sequence[RevisionSummary]) -> str:
    """Return one line: `2 revisions: blocks writes to records for a scan; 1 hazard accepted`."""
    if not shown:
        return "No revision."
    effects = [summary.upgrade for summary in shown]
    unrehearsed = sum(not direction.is_rehearsed for direction in effects)
    parts = [*_effects(effects)]
    if not unrehearsed and not any(worst(summary.record).length for summary in shown):
        parts.insert(0, "blocks nothing")
    if unrehearsed:
        parts.append(f"{counted(unrehearsed, 'revision')} not rehearsed")
    return f"{counted(len(shown), 'revision')}: {'; '.join((*parts, *_hazards(shown)))}"


def direction_line(record: Record, direction: Direction) -> str:
    """Return how a direction runs and what it does: `one transaction; destroys records.note`."""
    effects = record.effects(direction)
    rehearsed = () if effects.is_rehearsed else ("not rehearsed",)
    return "; ".join((record.scripts[direction].summary, *_effects([effects]), *rehearsed))


def _effects(effects: Collection[Effects]) -> Iterator[str]:
    tables = [effect for direction in effects for effect in direction.tables]
    yield from _waits(tables)
    changed = sorted({effect.table.label for effect in tables if effect.is_changed})
    if changed:
        yield f"changes rows of {names(changed)}"
    losses = sorted({loss.label for direction in effects for loss in direction.losses})
    if losses:
        yield f"destroys {names(losses)}"


def _waits(tables: Iterable[TableEffect]) -> Iterator[str]:
    """Yield what waits longest, and for which tables."""
    waits = {effect.table: severity(effect) for effect in sorted(tables, key=severity)}
    blocked = {table: wait for table, wait in waits.items() if wait.length}
    if blocked:
        most = max(blocked.values())
        labels = sorted(table.label for table, wait in blocked.items() if wait == most)
        others = len(blocked) - len(labels)
        rest = f", and {counted(others, 'table')} for less" if others else ""
        yield most.sentence(labels) + rest


def _hazards(shown: Sequence[RevisionSummary]) -> Iterator[str]:
    hazards = [finding for summary in shown for finding in summary.hazards]
    accepted = sum(finding.accepted is not None for finding in hazards)
    errors = sum(finding.accepted is None and finding.level == ERROR for finding in hazards)
    parts = (
        (errors, "hazard", " not accepted"),
        (len(hazards) - accepted - errors, "warning", ""),
        (accepted, "hazard", " accepted"),
    )
    yield from (f"{counted(number, noun)}{state}" for number, noun, state in parts if number)


def names(labels: Sequence[str]) -> str:
    """Return a few names, and the number of the rest."""
    more = len(labels) - _MOST_NAMES
    listed = [*labels[:_MOST_NAMES], *([f"{more} more"] if more > 0 else ())]
    return " and ".join(filter(None, (", ".join(listed[:-1]), *listed[-1:])))
