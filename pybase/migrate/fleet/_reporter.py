"""What a thread reports of its database: events, which one thread receives and shows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from pybase.core.reporter import Progress
from pybase.migrate.fleet._members import Member

Kind: TypeAlias = Literal["begin", "result", "note", "echo", "progress", "ask", "ask-name", "end"]


class Event(Struct, frozen=True):
    """Something that happened to a database.

    The receiver puts the answer to a question, which its thread waits for, into `answer`.
    """

    member: Member
    kind: Kind
    text: str = ""
    answer: "SimpleQueue[Any] | None" = None
    outcome: Any = None
    """The `Outcome` of an end."""


Receive: TypeAlias = Callable[[Event], None]


class MemberReporter(Struct, frozen=True):
    """The `Reporter` of one database."""

    member: Member
    receive: Receive
    shows_data: bool = False

    def result(self, text: str) -> None:
        """Report a revision that is done."""
        self.receive(Event(self.member, "result", text))

    def note(self, text: str) -> None:
        """Report what a person follows."""
        self.receive(Event(self.member, "note", text))

    def echo(self, sql: str) -> None:
        """Report a statement before it runs."""
        self.receive(Event(self.member, "echo", sql))

    @contextmanager
    def progress(self, name: str) -> Iterator[Progress]:
        """Return the display of one long operation."""
        yield _Progress(self, name)

    def ask(self, question: str) -> bool:
        """Return whether the user agrees."""
        return bool(self._answer("ask", question))

    def ask_name(self, question: str) -> str:
        """Return the name that the user types."""
        return str(self._answer("ask-name", question))

    def _answer(self, kind: Kind, question: str) -> Any:
        answer: SimpleQueue[Any] = SimpleQueue()
        self.receive(Event(self.member, kind, question, answer))
        return answer.get()


class _Progress(Struct, frozen=True):
    reporter: MemberReporter
    name: str

    def show(self, done: int, total: int, unit: str = "rows") -> None:
        """Report the progress."""
        if total:
            text = f"{self.name}: {done:,} of about {total:,} {unit}"
            self.reporter.receive(Event(self.reporter.member, "progress", text))
