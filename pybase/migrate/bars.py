"""How far a long piece of work is, on standard error: a bar at a terminal, else a line a while."""

import sys
import time
from types import TracebackType
from typing import Any

LINE_EVERY_S = 10.0


class Bar:
    """Use it in a `with`, and tell it how much is done of about how much."""

    def __init__(self, name: str) -> None:
        """`name` stands before everything that is shown."""
        self._name = name
        self._began = time.monotonic()
        self._first: int | None = None
        self._told_at = self._began
        self._bars: Any = None

    def __enter__(self) -> "Bar":
        if sys.stderr.isatty():
            from rich.console import Console  # costs 60 ms
            from rich.progress import BarColumn, Progress, TextColumn

            console = Console(stderr=True)
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[at]}"),
            )
            self._bars = Progress(*columns, console=console, transient=True)
            self._bars.add_task(self._name, total=None, at="")
            self._bars.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, done: int, total: int, unit: str = "rows") -> None:
        """Show `done` of `total`; 0 of 0 while neither is known."""
        now = time.monotonic()
        if self._first is None and total:
            self._first, self._began = done, now  # what an earlier run did is not our speed
        at = _text(done - (self._first or 0), done, total, now - self._began, unit)
        if self._bars is not None:
            task = self._bars.task_ids[0]
            self._bars.update(task, completed=done, total=total or None, at=at)
        elif now - self._told_at >= LINE_EVERY_S:
            self._told_at = now
            print(f"{self._name}: {at}", file=sys.stderr, flush=True)


def _text(ours: int, done: int, total: int, seconds: float, unit: str) -> str:
    if not total:
        return f"{duration(seconds)} so far"
    text = f"{done:,} of about {total:,} {unit}"
    rate = ours / seconds if seconds > 0 else 0
    if rate < 1:
        return text
    return f"{text}, {rate:,.0f} a second, {duration((total - done) / rate)} left"


def duration(seconds: float) -> str:
    """Say a time as people do, to two units."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
