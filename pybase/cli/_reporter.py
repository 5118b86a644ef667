"""Reporter that writes to the terminal, with a bar for long operations."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from msgspec import Struct

from pybase.cli import _terminal as terminal
from pybase.core.humanize import duration
from pybase.core.style import clean

LINE_EVERY_S = 10.0


class ProgressBar:
    """Progress of a long operation on standard error: a bar at a terminal, else lines."""

    def __init__(self, name: str) -> None:
        """`name` is shown before the progress."""
        self._name = name
        self._started_at = self._line_at = time.monotonic()
        self._done_before: int | None = None
        self._bars: Any = None
        self._stack = ExitStack()

    def __enter__(self) -> "ProgressBar":
        if terminal.can_draw():
            from rich.progress import BarColumn, Progress, TextColumn  # only at a terminal

            console = self._stack.enter_context(terminal.drawing())
            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[progress]}"),
            )
            self._bars = Progress(
                *columns,
                console=console,
                transient=True,
                redirect_stdout=False,  # or a redirected standard output would lose lines
                redirect_stderr=False,
            )
            self._bars.add_task(clean(self._name), total=None, progress="")
            self._stack.enter_context(self._bars)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def show(self, done: int, total: int, unit: str = "rows") -> None:
        """Show `done` of `total`; 0 of 0 while neither is known."""
        time_now = time.monotonic()
        if self._done_before is None and total:
            # what an earlier run did does not count for the speed of this one
            self._done_before, self._started_at = done, time_now
        seconds = time_now - self._started_at
        progress = _progress(done - (self._done_before or 0), done, total, seconds, unit)
        if self._bars is not None:
            task = self._bars.task_ids[0]
            self._bars.update(task, completed=done, total=total or None, progress=progress)
        elif time_now - self._line_at >= LINE_EVERY_S:
            self._line_at = time_now
            terminal.note(f"{self._name}: {progress}")


def _progress(done_here: int, done: int, total: int, seconds: float, unit: str) -> str:
    if not total:
        return f"{duration(seconds)} so far"
    text = f"{done:,} of about {total:,} {unit}"
    rate = done_here / seconds if seconds > 0 else 0
    if rate < 1:
        return text
    return f"{text}, {rate:,.0f} a second, {duration((total - done) / rate)} left"


class TerminalReporter(Struct, frozen=True):
    """The `Reporter` of the command line; it shows statements with `is_verbose` only."""

    is_verbose: bool = False
    shows_data: bool = False

    result = staticmethod(terminal.result)
    note = staticmethod(terminal.note)

    def echo(self, sql: str) -> None:
        """Show a statement before it runs."""
        if self.is_verbose:
            terminal.echo(sql)

    def progress(self, name: str) -> ProgressBar:
        """Return the bar of one long operation."""
        return ProgressBar(name)
