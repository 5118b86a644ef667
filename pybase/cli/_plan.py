"""A plan in words, and as JSON."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from pybase.cli._common import NOTHING_TO_DO
from pybase.core.humanize import duration
from pybase.core.style import Style, style, table
from pybase.migrate.deploy import ASSUMPTION, RATES_MB_S, Estimate, PlannedStep
from pybase.migrate.sql import LOCKS
from pybase.migrate.sql.lock_modes import ACCESS_EXCLUSIVE, SHARE
from pybase.migrate.sqlfiles import NOT_REHEARSED, hazard_words


def plan_text(steps: Sequence[PlannedStep]) -> str:
    """Return a plan for a person."""
    if not steps:
        return f"{NOTHING_TO_DO} the database is up to date."
    lines = [line for step in steps for line in _step_lines(step)]
    seconds = sum(step.seconds or 0 for step in steps)
    total = ""
    if seconds >= 1:  # less is not worth a word
        lines += ["", style(ASSUMPTION, "dim")]
        total = f"; what depends on sizes takes about {duration(seconds)}"
    return "\n".join([*lines, f"{style(f'{len(steps)} pending', 'bold')}{total}."])


def _step_lines(planned: PlannedStep) -> Iterator[str]:
    step = planned.step
    yield f"{style(step.revision.id, 'magenta')}  {step.revision.title}"
    rows = [(line.effect.table.label, _estimate_text(line)) for line in planned.estimates]
    losses = _labels(planned)
    rows += [(style("loses", "bold red"), ", ".join(losses))] if losses else []
    rows += [(style("hazards", "bold yellow"), hazard) for hazard in _hazards(planned)]
    rows += [(style("unseen", "bold yellow"), reason) for reason in _unseen(planned)]
    if not step.is_fresh:
        reason = "its SQL file is not what the revision renders to: nox -s sql"
        rows.append((style("stale", "bold yellow"), reason))
    yield from table(rows, indent="    ")


def _labels(planned: PlannedStep) -> list[str]:
    return [loss.label for loss in planned.step.effects.losses]


def _hazards(planned: PlannedStep) -> list[str]:
    step = planned.step
    return [hazard_words(step.record, finding, step.direction) for finding in step.effects.findings]


def _unseen(planned: PlannedStep) -> list[str]:
    effects = planned.step.effects
    if effects.unfilled:
        names = ", ".join(name.label for name in effects.unfilled)
        return [f"no sample rows could be made for {names}"]
    has_sql = planned.step.script.has_sql
    return [NOT_REHEARSED] if has_sql and not effects.is_rehearsed and not effects.findings else []


def _estimate_text(estimate: Estimate) -> str:
    effect = estimate.effect
    colour: Style = "green"
    if effect.rank >= SHARE:
        colour = "red" if effect.rank >= ACCESS_EXCLUSIVE else "yellow"
    lock = style(f"{effect.lock}: {effect.blocks}", colour)
    return "; ".join((lock, *effect.done, *(estimate.words or ["not there yet"])))


def plan_json(steps: Sequence[PlannedStep]) -> str:
    """Return a plan for a program."""
    plan = {
        "assumed_mb_per_second": RATES_MB_S,
        "pending": [
            {
                "revision": planned.step.revision.id,
                "title": planned.step.revision.title,
                "runs_in": planned.step.script.shape,
                "is_fresh": planned.step.is_fresh,
                "tables": [_estimate_values(estimate) for estimate in planned.estimates],
                "loses": _labels(planned),
                "hazards": _hazards(planned),
                "unseen": _unseen(planned),
                "seconds": planned.seconds,
            }
            for planned in steps
        ],
    }
    return json.dumps(plan, indent=2)


def _estimate_values(estimate: Estimate) -> dict[str, Any]:
    effect, size = estimate.effect, estimate.size
    return {
        "table": effect.table.label,
        "lock": effect.lock,
        "blocks": LOCKS[effect.rank][1].removeprefix("blocks "),
        "is_rewritten": effect.is_rewritten,
        "is_scanned": effect.is_scanned,
        "is_changed": effect.is_changed,
        "held_for": [table.label for table in effect.held_for],
        "rows": size and size.rows,
        "rows_are_exact": size and size.is_exact,
        "table_bytes": size and size.table_bytes,
        "total_bytes": size and size.total_bytes,
        "seconds": estimate.seconds,
    }
