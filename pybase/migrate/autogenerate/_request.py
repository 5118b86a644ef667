"""What somebody asks of makemigration, and what they get to read about it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pybase.migrate.autogenerate._operations import Step


@dataclass(frozen=True)
class Request:
    """The arguments of makemigration.

    `ask` puts a yes-or-no question to whoever sits at the terminal; None where nobody does.
    `sql_only` is the SQL of a file whose statements the revision runs.
    """

    message: str
    empty: bool = False
    data: bool = False
    sql_only: str | None = None
    single: bool = False
    renames: tuple[str, ...] = ()
    no_rename: bool = False
    ask: Callable[[str], bool] | None = None


@dataclass(frozen=True)
class Outcome:
    """What was written, in the words of its revisions.

    `gap` tells what the revisions do not bring about, with both definitions; empty is well.
    """

    revisions: tuple[Path, ...] = ()
    sql: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    effects: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    gap: str = ""
    way_back: tuple[str, ...] = ()
    """Hazards that only the downgrades have, and that were accepted for them."""

    @property
    def is_complete(self) -> bool:
        """Whether the revisions lead to what the models say."""
        return not self.gap

    @property
    def losses(self) -> list[str]:
        """The data that go."""
        return [part.loses for step in self.steps for part in step.parts if part.loses]

    @property
    def decisions(self) -> list[str]:
        """What a person has to decide before it is merged."""
        return [part.owes for step in self.steps for part in step.parts if part.owes]
