"""What `migrate` would do to this very database: each pending revision and the sizes it meets.

What a revision locks, reads and destroys is told by its SQL file, which a rehearsal has written;
how much that is, by the live catalog. It changes nothing.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pybase.core.humanize import duration, size
from pybase.core.style import Style, style, table
from pybase.migrate.database import _table_sizes as live
from pybase.migrate.database._table_sizes import Live
from pybase.migrate.sql._lock_modes import ACCESS_EXCLUSIVE, LOCKS, SHARE
from pybase.migrate.sqlfiles._headers import Header, Table

RATES_MB_S = {"scan": 500, "rewrite": 40, "change": 30, "index": 50, "gin": 9}
"""Measured on 2 cores with 1,000,000 records, 286 MB, all of it in memory."""

ASSUMPTION = (
    "Assumed, a second: {scan} MB scanned, {rewrite} MB rewritten, {change} MB of rows changed, "
    "{index} MB indexed ({gin} by GIN), as measured on 2 cores with everything in memory. A slow "
    "disk or much traffic takes several times as long."
).format(**RATES_MB_S)


@dataclass(frozen=True)
class Meeting:
    """A revision and a table: what it does to it, how large that is, and about how long it takes.

    `now` is None for a table that is not there yet; `seconds` where nothing depends on its size.
    """

    table: Table
    now: Live | None
    seconds: float | None


@dataclass(frozen=True)
class Step:
    """A pending revision with all that it meets."""

    header: Header
    meetings: tuple[Meeting, ...]

    @property
    def seconds(self) -> float | None:
        """About how long its scans and rewrites take; None where nothing is to be estimated."""
        known = [each.seconds for each in self.meetings if each.seconds is not None]
        return sum(known) if known else None


def make(connection: psycopg.Connection[Any], pending: Sequence[Header]) -> list[Step]:
    """Join what pending revisions do with the tables of a database, over an autocommit connection.

    Raises psycopg.Error for a broken connection.
    """
    found = live.measure(
        connection, {each.relation for header in pending for each in header.tables}
    )
    return [
        Step(
            header,
            tuple(_meeting(header, each, found.get(each.relation)) for each in header.tables),
        )
        for header in pending
    ]


def _meeting(header: Header, table: Table, now: Live | None) -> Meeting:
    return Meeting(table, now, None if now is None else _seconds(header, table, now))


def _seconds(header: Header, table: Table, now: Live) -> float | None:
    times = []
    if table.is_rewritten:
        times.append(now.total_bytes / RATES_MB_S["rewrite"])
    elif table.is_scanned:
        times += [now.table_bytes / rate for rate in _reading(header, table)]
    if table.is_changed:
        times.append(now.table_bytes / RATES_MB_S["change"])
    return sum(times) / 1_000_000 if times else None


def _reading(header: Header, table: Table) -> list[int]:
    """Return the rates at which a table is gone through: one an index, else a mere scan."""
    name = re.escape(table.relation)
    methods = re.findall(rf"^CREATE .*\bINDEX\b.*\bON (?:ONLY )?{name}(?: USING (\w+))?",
                         header.sql, re.MULTILINE | re.IGNORECASE)  # fmt: skip
    rates = [RATES_MB_S["gin" if method.lower() == "gin" else "index"] for method in methods]
    return rates or [RATES_MB_S["scan"]]


def text(steps: Sequence[Step]) -> str:
    """Tell a plan to a person."""
    lines = [line for step in steps for line in _step_lines(step)]
    if not steps:
        return f"{style('Nothing to do:', 'green')} the database is up to date."
    seconds = sum(step.seconds or 0 for step in steps)
    total = ""
    if seconds >= 1:  # less is not worth a word
        lines += ["", style(ASSUMPTION, "dim")]
        total = f"; what depends on sizes takes about {duration(seconds)}"
    return "\n".join([*lines, f"{style(f'{len(steps)} pending', 'bold')}{total}."])


def _step_lines(step: Step) -> Iterator[str]:
    header = step.header
    yield f"{style(header.revision, 'magenta')}  {header.title}"
    rows = [(each.table.relation, _meeting_text(each)) for each in step.meetings]
    rows += [(style("loses", "bold red"), ", ".join(header.losses))] if header.losses else []
    rows += [(style("hazards", "bold yellow"), each) for each in header.hazards]
    rows += [(style("unseen", "bold yellow"), each) for each in header.unseen]
    if not header.is_fresh:
        rows.append(
            (
                style("stale", "bold yellow"),
                "its SQL file is not what the revision says: nox -s sql",
            )
        )
    yield from table(rows, indent="    ")


def _meeting_text(each: Meeting) -> str:
    lock, *others = each.table.text.split("; ")
    colour: Style = "green"
    if each.table.lock >= SHARE:
        colour = "red" if each.table.lock >= ACCESS_EXCLUSIVE else "yellow"
    effects = [style(lock, colour), *others]
    return "; ".join((*effects, *(as_it_is_now(each) or ["not there yet"])))


def as_it_is_now(each: Meeting) -> list[str]:
    """Say how large a table is, and about how long what depends on that takes."""
    if each.now is None:
        return []
    parts = [live.rows_text(each.now), size(each.now.total_bytes)]
    if each.seconds is not None:
        parts.append(f"about {duration(each.seconds)}" if each.seconds >= 1 else "under a second")
    return parts


def as_json(steps: Sequence[Step]) -> str:
    """Tell a plan to a program."""
    plan = {
        "assumed_mb_per_second": RATES_MB_S,
        "pending": [
            {
                "revision": step.header.revision,
                "title": step.header.title,
                "runs_in": step.header.shape,
                "is_fresh": step.header.is_fresh,
                "tables": [_meeting_values(each) for each in step.meetings],
                "loses": list(step.header.losses),
                "hazards": list(step.header.hazards),
                "unseen": list(step.header.unseen),
                "seconds": step.seconds,
            }
            for step in steps
        ],
    }
    return json.dumps(plan, indent=2)


def _meeting_values(each: Meeting) -> dict[str, Any]:
    mode, blocks = LOCKS[each.table.lock]
    now = each.now
    return {
        "table": each.table.relation,
        "lock": mode,
        "blocks": blocks.removeprefix("blocks "),
        "is_rewritten": each.table.is_rewritten,
        "is_scanned": each.table.is_scanned,
        "is_changed": each.table.is_changed,
        "rows": now and now.rows,
        "rows_are_exact": now and now.is_exact,
        "table_bytes": now and now.table_bytes,
        "total_bytes": now and now.total_bytes,
        "seconds": each.seconds,
    }
