"""How far a long piece of work is, on standard error: a bar at a terminal, else a line a while."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from pybase.core import terminal as present
from pybase.core.humanize import duration

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
        self._around = ExitStack()

    def __enter__(self) -> "Bar":
        if present.can_draw():
            from rich.progress import BarColumn, Progress, TextColumn

            console = self._around.enter_context(present.drawing())
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[at]}"),
            )
            self._bars = Progress(
                *columns,
                console=console,
                transient=True,
                redirect_stdout=False,  # or a file would miss what is said meanwhile
                redirect_stderr=False,
            )
            self._bars.add_task(present.clean(self._name), total=None, at="")
            self._around.enter_context(self._bars)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._around.close()

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
            present.note(f"{self._name}: {at}")


def _text(ours: int, done: int, total: int, seconds: float, unit: str) -> str:
    if not total:
        return f"{duration(seconds)} so far"
    text = f"{done:,} of about {total:,} {unit}"
    rate = ours / seconds if seconds > 0 else 0
    if rate < 1:
        return text
    return f"{text}, {rate:,.0f} a second, {duration((total - done) / rate)} left"
