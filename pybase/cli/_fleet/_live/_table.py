"""The live table of a fleet: which databases are worked on, since when, and what is left."""

import time
from contextlib import ExitStack
from types import TracebackType

from rich.live import Live
from rich.table import Table
from rich.text import Text

from pybase.cli import _terminal as terminal
from pybase.core.humanize import duration
from pybase.core.style import clean, unstyled
from pybase.core.urls import redacted
from pybase.migrate.fleet import Event, State


class LiveTable:
    """A table on standard error, below the lines of those that are done."""

    def __init__(self, total: int) -> None:
        """Nothing is drawn before the `with`."""
        self._total, self._done, self._failed = total, 0, 0
        self._running: dict[str, tuple[float, str]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "LiveTable":
        console = self._stack.enter_context(terminal.drawing())
        self._stack.enter_context(
            Live(
                console=console,
                get_renderable=self._drawn,
                transient=True,
                redirect_stdout=False,  # or a redirected standard output would lose lines
                redirect_stderr=False,
            )
        )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def follow(self, event: Event) -> None:
        """Follow what happens to a database."""
        name = event.member.name
        if event.kind == "end":
            self._running.pop(name, None)
            self._done += 1
            self._failed += event.outcome.state is State.FAILED
        elif event.kind == "begin":
            self._running[name] = (time.monotonic(), "")
        elif name in self._running and event.kind != "echo":
            last_line = redacted(clean(unstyled(event.text))).rpartition("\n")[2]
            self._running[name] = (self._running[name][0], last_line)

    def _drawn(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, (since, text) in [*self._running.items()]:  # another thread draws
            took = duration(time.monotonic() - since)
            table.add_row(Text(clean(name)), Text(took), Text(text, no_wrap=True))
        failed = f", {self._failed} failed" if self._failed else ""
        table.add_row(Text(f"{self._done} of {self._total}{failed}", style="bold"))
        return table
