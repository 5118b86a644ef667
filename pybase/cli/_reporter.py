"""Reporter that writes to the terminal."""

from dataclasses import dataclass

from pybase.cli import _terminal as terminal
from pybase.cli._progress_bar import ProgressBar


@dataclass(frozen=True)
class TerminalReporter:
    """The `Reporter` of the command line; it shows statements with `is_verbose` only."""

    is_verbose: bool = False

    result = staticmethod(terminal.result)
    note = staticmethod(terminal.note)

    def echo(self, sql: str) -> None:
        """Show a statement before it runs."""
        if self.is_verbose:
            terminal.echo(sql)

    def progress(self, name: str) -> ProgressBar:
        """Return the bar of one long operation."""
        return ProgressBar(name)
