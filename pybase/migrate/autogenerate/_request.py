"""Request and outcome of makemigration."""

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from pybase.migrate.autogenerate._operations import Step


class Request(Struct, frozen=True):
    """The arguments of makemigration.

    `ask` puts a yes-or-no question to the user; None where there is no terminal. `sql_only` is the
    SQL of a file whose statements the revision runs. `head` is what it follows. `again` replaces
    the revisions that only this branch has; the message may be empty then.
    """

    message: str
    empty: bool = False
    data: bool = False
    sql_only: str | None = None
    single: bool = False
    renames: tuple[str, ...] = ()
    no_rename: bool = False
    head: str = "head"
    again: bool = False
    ask: Callable[[str], bool] | None = None


class Outcome(Struct, frozen=True):
    """What was written: `contents` by path.

    `gap` is what still differs from the models, with both definitions. `downgrade_only` are
    the hazards of the downgrades that are warnings there, `losses` the data that a run may destroy.
    `layout` is what sql-lint will report of SQL that was given.
    """

    revisions: tuple[Path, ...] = ()
    sql: tuple[str, ...] = ()
    contents: Mapping[Path, str | None] = {}
    steps: tuple[Step, ...] = ()
    effects: tuple[tuple[str, str], ...] = ()
    hazards: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    gap: str = ""
    downgrade_only: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether a database at the revisions equals the models."""
        return not self.gap

    @property
    def removed(self) -> list[Path]:
        """The revisions that new ones have replaced."""
        return [p for p, text in self.contents.items() if text is None and p.suffix == ".py"]

    @property
    def decisions(self) -> list[str]:
        """What the developer has to decide before it is merged."""
        return [part.owes for step in self.steps for part in step.parts if part.owes]
