"""Operations of a change: parts, what belongs to one difference, and revisions."""

from collections.abc import Mapping
from enum import IntEnum

from msgspec import Struct


class Stage(IntEnum):
    """When a part runs among those that do not depend on each other.

    What is added is first, what is dropped is last: a guard is built before another one is dropped.
    """

    RENAME = 0
    SCHEMA = 1
    VIEW_DROP = 2
    TYPE = 3
    ENUM = 4
    TABLE = 5
    COLUMN = 6
    BACKFILL = 7
    CHECK = 8
    VALIDATE = 9
    NOT_NULL = 10
    INDEX = 11
    KEY = 12
    FOREIGN_KEY = 13
    FOREIGN_KEY_VALIDATE = 14
    OTHER = 15
    FOREIGN_KEY_DROP = 16
    KEY_DROP = 17
    INDEX_DROP = 18
    DROP = 19
    TYPE_DROP = 20


TOGETHER = "in one transaction"
"""The beginning of the group of parts that must not be divided."""


class Part(Struct, frozen=True):
    """One operation: Python statements of the upgrade and of the downgrade.

    `tables` are those that it locks. `alone` keeps other parts out of its revision, unless they
    have the same `group`. `autocommit` and `autocommit_down` run it outside a transaction. `why`
    is put into the docstring; `owes` is a decision that the developer has to make; `find` is a
    query for rows that violate it. `constants` precede upgrade() and are to be filled in.
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
    find: str = ""
    constants: tuple[str, ...] = ()
    group: str = ""

    @property
    def is_undivided(self) -> bool:
        """Whether it must be in one transaction with its group."""
        return self.group.startswith(TOGETHER)


class Step(Struct, frozen=True):
    """The content of one revision."""

    parts: tuple[Part, ...]

    @property
    def title(self) -> str:
        """The title of the revision, where the user gave none: not of what is only added again."""
        parts = sorted(self.parts, key=lambda part: part.is_undivided and not part.why)
        titles = list(dict.fromkeys(part.title for part in parts))
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


class Unit(Struct, frozen=True):
    """What belongs to one difference: parts in their order, which are written all or none.

    `creates` and `drops` are identities of objects, and names that these take; `core` is the place
    of the part that creates and drops them. `precedes` are identities that are created only after
    it, `concerns` what it is about.
    """

    parts: tuple[Part, ...]
    creates: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    concerns: frozenset[str] = frozenset()
    core: int = 0
    precedes: frozenset[str] = frozenset()


class Plan(Struct):
    """All units of a change, and what could not be planned.

    `created` and `dropped` are what objects depend on, in the new schema and in the old one.
    """

    units: list[Unit] = []
    unsolved: list[str] = []
    created: Mapping[str, frozenset[str]] = {}
    dropped: Mapping[str, frozenset[str]] = {}
