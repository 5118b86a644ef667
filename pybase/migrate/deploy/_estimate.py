"""Estimates: what a plan meets in a database, how large that is, and about how long it takes."""

from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.humanize import duration, size
from pybase.migrate.database import TableSize, measure
from pybase.migrate.deploy._plan import Step
from pybase.migrate.record import TableEffect

RATES_MB_S = {"scan": 500, "rewrite": 40, "change": 30, "index": 50, "gin": 9}
"""Measured on 2 cores with 1,000,000 records, 286 MB, all of it in memory."""

ASSUMPTION = (
    "Assumed, a second: {scan} MB scanned, {rewrite} MB rewritten, {change} MB of rows changed, "
    "{index} MB indexed ({gin} by GIN), as measured on 2 cores with everything in memory. A slow "
    "disk or much traffic takes several times as long."
).format(**RATES_MB_S)


class Estimate(Struct, frozen=True):
    """What a step does to a table, how large that is, and about how long it takes.

    `size` is None for a table that does not exist yet; `seconds` where nothing depends on it.
    """

    effect: TableEffect
    size: TableSize | None
    seconds: float | None

    @property
    def words(self) -> list[str]:
        """How large the table is, and about how long what depends on that takes."""
        if self.size is None:
            return []
        words = [self.size.rows_text, size(self.size.total_bytes)]
        if self.seconds is not None:
            long = self.seconds >= 1
            words.append(f"about {duration(self.seconds)}" if long else "under a second")
        return words


class PlannedStep(Struct, frozen=True):
    """A step with an estimate for each table that it touches."""

    step: Step
    estimates: tuple[Estimate, ...]

    @property
    def seconds(self) -> float | None:
        """About how long its scans and rewrites take; None where nothing is estimated."""
        known = [item.seconds for item in self.estimates if item.seconds is not None]
        return sum(known) if known else None


def estimate(connection: psycopg.Connection[Any], steps: Sequence[Step]) -> list[PlannedStep]:
    """Estimate the steps of a plan, over an autocommit connection. Raises psycopg.Error."""
    names = {effect.table for step in steps for effect in step.effects.tables}
    sizes = measure(connection, names)
    return [
        PlannedStep(
            step,
            tuple(
                _estimate(step, effect, next(iter(sizes.get(effect.table, ())), None))
                for effect in step.effects.tables
            ),
        )
        for step in steps
    ]


def _estimate(step: Step, effect: TableEffect, size: TableSize | None) -> Estimate:
    if size is None:
        return Estimate(effect, None, None)
    times = []
    if effect.is_rewritten:
        times.append(size.total_bytes / RATES_MB_S["rewrite"])
    elif effect.is_scanned:
        times += [size.table_bytes / RATES_MB_S[rate] for rate in _scan_rates(step, effect)]
    if effect.is_changed:
        times.append(size.table_bytes / RATES_MB_S["change"])
    return Estimate(effect, size, sum(times) / 1_000_000 if times else None)


def _scan_rates(step: Step, effect: TableEffect) -> list[str]:
    """Return the rates at which a table is read: one for each index build, else a mere scan."""
    rates = []
    for text in step.script.texts:
        words = text.replace("(", " (").split()
        if words[:1] == ["CREATE"] and "INDEX" in words[:3] and _on(words) == effect.table.name:
            is_gin = "gin" in (word.lower() for word in words)
            rates.append("gin" if is_gin else "index")
    return rates or ["scan"]


def _on(words: Sequence[str]) -> str:
    """Return the table of a CREATE INDEX, without its schema and quotes."""
    rest = (
        [word for word in words[words.index("ON") + 1 :] if word != "ONLY"] if "ON" in words else []
    )
    return rest[0].rpartition(".")[2].strip('"') if rest else ""
