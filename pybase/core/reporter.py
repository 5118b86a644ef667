"""Reporter interface: how packages below the command line report what they do while they do it."""

from contextlib import AbstractContextManager
from typing import Protocol


class Progress(Protocol):
    """Display of one long operation."""

    def show(self, done: int, total: int, unit: str = "rows") -> None:
        """Show `done` of about `total`; 0 of 0 while neither is known."""


class Reporter(Protocol):
    """Receiver of results, notes, statements and progress."""

    @property
    def shows_data(self) -> bool:
        """Whether the user asked for values of rows, and for queries of other sessions."""

    def result(self, text: str) -> None:
        """Report a result, for standard output."""

    def note(self, text: str) -> None:
        """Report what a person follows, for standard error."""

    def echo(self, sql: str) -> None:
        """Report a statement before it runs; shown only where the user asked for it."""

    def progress(self, name: str) -> AbstractContextManager[Progress]:
        """Return the display of one long operation."""
