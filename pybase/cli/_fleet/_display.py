"""What is shown of a run over a fleet: a line for each database, and a table of those at work."""

import argparse
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from pybase.cli import _terminal as terminal
from pybase.cli._entry.process import explained
from pybase.cli._fleet import _live
from pybase.cli._fleet._common import first_sentence
from pybase.core import humanize
from pybase.core.style import Style, style, width
from pybase.migrate.fleet import Event, Fleet, Outcome, State

_STATES: dict[State, tuple[str, Style]] = {
    State.DONE: ("done", "green"),
    State.NOTHING: ("nothing to do", "dim"),
    State.FAILED: ("failed", "bold red"),
    State.NOT_BEGUN: ("not begun", "bold yellow"),
}
_WIDEST = max(len(word) for word, _ in _STATES.values())


class Display:
    """Receiver of the events of a run; `words` is what was done, with the number before it."""

    def __init__(self, args: argparse.Namespace, fleet: Fleet, words: str) -> None:
        """Nothing is shown before the `with`."""
        self._words, self._is_verbose = words, getattr(args, "verbose", False)
        # JSON is the only thing on standard output
        self._line = terminal.note if args.format == "json" else terminal.result
        self._name_width = max(width(member.name) for member in fleet.members)
        self._table = _live.LiveTable(len(fleet.members)) if terminal.can_draw() else None
        self._stack = ExitStack()

    def __enter__(self) -> "Display":
        if self._table is not None:
            self._stack.enter_context(self._table)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def receive(self, event: Event) -> None:
        """Show an event, and answer a question."""
        name = event.member.name
        if event.kind == "end":
            self._line(self._ended(event.outcome))
        elif event.kind == "note":
            terminal.note(f"{name}: {event.text}")
        elif event.kind == "echo" and self._is_verbose:
            terminal.echo(f"{name}: {event.text}")
        elif event.answer is not None:
            event.answer.put(self._asked(event))
        if self._table is not None:
            self._table.follow(event)

    def _ended(self, outcome: Outcome) -> str:
        """Return the line of a database."""
        word, colour = _STATES[outcome.state]
        name = outcome.member.name
        gap = " " * (_WIDEST - len(word))
        cells = [f"{style(word, colour)}{gap}", name + " " * (self._name_width - width(name))]
        if outcome.error is not None:
            cells.append(first_sentence(explained(outcome.error)))
        elif outcome.state is State.DONE:
            took = style(f"({humanize.took(outcome.seconds)})", "dim")
            cells.append(f"{outcome.value:,} {self._words}  {took}")
        return "  ".join(cells).rstrip()

    def _asked(self, event: Event) -> Any:
        """Ask the user about one database, without the table in the way."""
        ask = terminal.ask if event.kind == "ask" else terminal.ask_name
        self._stack.close()
        try:
            return ask(f"{event.member.name}: {event.text}")
        finally:
            self.__enter__()
