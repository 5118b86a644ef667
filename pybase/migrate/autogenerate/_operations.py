"""Operations of a change, upgrade and downgrade, and how they are divided into revisions."""

from enum import IntEnum

from msgspec import Struct
from msgspec.structs import replace

MOST_TABLES = 3
"""Tables that one revision may lock; `rules.locks` calls more a hazard."""


class Stage(IntEnum):
    """When a part may run. What is added is first, what is dropped is last."""

    RENAME = 0
    SCHEMA = 1
    VIEW_DROP = 2
    FOREIGN_KEY_DROP = 3
    KEY_DROP = 4
    INDEX_DROP = 5
    TYPE = 6
    ENUM = 7
    TABLE = 8
    COLUMN = 9
    BACKFILL = 10
    CHECK = 11
    VALIDATE = 12
    NOT_NULL = 13
    INDEX = 14
    KEY = 15
    FOREIGN_KEY = 16
    FOREIGN_KEY_VALIDATE = 17
    OTHER = 18
    DROP = 19
    TYPE_DROP = 20
    SCHEMA_DROP = 21


class Part(Struct, frozen=True):
    """One operation: Python statements of the upgrade and of the downgrade.

    `tables` are those that it locks. `alone` keeps other parts out of its revision, unless they
    have the same `group`. `autocommit` and `autocommit_down` run it outside a transaction. `why`
    is put into the docstring; `owes` is a decision that the developer has to make, `loses` the data
    that is lost; `find` is a query for rows that violate it. `constants` precede upgrade() and are
    to be filled in.
    """

    stage: Stage
    title: str
    up: tuple[str, ...]
    down: tuple[str, ...]
    tables: frozenset[str] = frozenset()
    autocommit: bool = False
    autocommit_down: bool = False
    alone: bool = False
    why: str = ""
    owes: str = ""
    loses: str = ""
    find: str = ""
    constants: tuple[str, ...] = ()
    group: str = ""


class Step(Struct, frozen=True):
    """The content of one revision."""

    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """The title of the revision, where the user gave none."""
        titles = list(dict.fromkeys(part.title for part in self.parts))
        return titles[0] if len(titles) == 1 else f"{titles[0]} and {len(titles) - 1} more"

    @property
    def up(self) -> list[str]:
        """The statements of upgrade()."""
        return [line for part in self.parts for line in part.up]

    @property
    def down(self) -> list[str]:
        """The statements of downgrade(), the last change first."""
        return [line for part in reversed(self.parts) for line in part.down]

    @property
    def autocommit(self) -> bool:
        """Whether upgrade() runs outside a transaction."""
        return any(part.autocommit for part in self.parts)

    @property
    def autocommit_down(self) -> bool:
        """Whether downgrade() runs outside a transaction."""
        return any(part.autocommit_down for part in self.parts)


class Plan(Struct):
    """All parts of a change, and what could not be planned."""

    parts: list[Part] = []
    unsolved: list[str] = []

    def steps(self, *, single: bool = False) -> list[Step]:
        """Divide the plan into revisions."""
        ordered = sorted(self.parts, key=lambda part: part.stage)
        if single:
            parts = (replace(part, autocommit=False, autocommit_down=False) for part in ordered)
            return [Step(tuple(parts))] if ordered else []
        steps: list[Step] = []
        for part in ordered:
            if steps and _fits(steps[-1], part):
                steps[-1] = Step((*steps[-1].parts, part))
            else:
                steps.append(Step((part,)))
        return steps


def _fits(step: Step, part: Part) -> bool:
    """Whether a part may share a revision with those before it."""
    last = step.parts[-1]
    if part.autocommit or part.autocommit_down or part.alone or last.alone:
        return bool(part.group) and part.group == last.group
    if step.autocommit or step.autocommit_down:
        return False
    locked = part.tables.union(*(other.tables for other in step.parts))
    return len(locked) <= MOST_TABLES
