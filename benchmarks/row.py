"""What a measurement tells: one line of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the report. `limit` is for the ratio, or for the seconds where there is none."""

    name: str
    seconds: float | None = None
    cpu_s: float | None = None
    ratio: float | None = None
    limit: float | None = None
