"""A finding: one hazard in one revision, with what its message and its level depend on."""

from msgspec import Struct

from pybase.migrate.record._hazard import WARNING, Hazard
from pybase.migrate.record._hazards import HAZARDS
from pybase.migrate.record._script import Direction
from pybase.migrate.sql import QualifiedName


class Finding(Struct, frozen=True):
    """A hazard in one revision and direction.

    `statement` counts the statements of the script from 0, or is -1 for the revision itself.
    `relation` is the relation, type, function or schema that it is about, `detail` a column or
    what else the consequence names, `taken` what is dropped with it. `versions` are those of
    PostgreSQL on which it was found, where it was not found on all that were rehearsed. It
    `loses_nothing` where its hazard may lose data, and what it is about stores none.
    """

    statement: int
    code: str
    relation: QualifiedName | None = None
    detail: str = ""
    taken: tuple[str, ...] = ()
    versions: tuple[int, ...] = ()
    loses_nothing: bool = False

    @property
    def hazard(self) -> Hazard:
        """The policy's entry for it."""
        return HAZARDS[self.code]

    def level(self, direction: Direction) -> str:
        """Return how serious it is: the hour, and the release, of a downgrade are chosen."""
        is_milder = self.code in _WARNINGS_DOWN and not direction.is_upgrade
        return WARNING if is_milder or self.detail == RESUMED else self.hazard.level

    @property
    def label(self) -> str:
        """The relation as people write it, or an empty text."""
        return self.relation.label if self.relation else ""

    @property
    def place(self) -> str:
        """The relation, with the part of it that the hazard is about: `records.colour`."""
        return f"{self.label}.{self.detail}" if self.detail and self.has_part else self.label

    @property
    def is_about_use(self) -> bool:
        """Whether it hurts only those who use what the database has already."""
        names = "{relation}" in self.hazard.consequence and self.code != "uses-new-enum-value"
        return names or self.code == "many-blocking-locks"

    @property
    def has_part(self) -> bool:
        """Whether `detail` is a column, an index or a constraint of the relation."""
        return self.code in _OF_PARTS or "{relation}.{detail}" in self.hazard.consequence

    @property
    def title(self) -> str:
        """The code, and where: `drops-column on records.colour`."""
        return f"{self.code} on {self.place}" if self.relation else self.code

    @property
    def message(self) -> str:
        """The consequence, as a sentence about this relation."""
        where = f"on PostgreSQL {self.on}: " if self.versions else ""
        hazard = self.hazard
        consequence = hazard.without_loss if self.loses_nothing else hazard.consequence
        text = where + consequence.format(relation=self.label, detail=self.detail)
        return f"{text[:-1]}; with it go {', '.join(self.taken)}." if self.taken else text

    @property
    def on(self) -> str:
        """The versions where it was found, if not on all: `16 and 17`."""
        return " and ".join(map(str, self.versions))

    @property
    def sort_key(self) -> tuple[int, str, str, str]:
        """Statement, code, relation, detail."""
        return self.statement, self.code, self.label, self.detail


RESUMED = "migrate goes on behind what is done, psql does not"
HALF_DONE = "a failure leaves it half done"
"""What an interruption of a revision with several transactions means."""

_OF_PARTS = frozenset(
    {
        *("blocking-index-build", "blocking-index-drop", "validates-constraint", "builds-key"),
        *("adds-exclusion", "sets-not-null", "adds-required-column"),
        *("blocking-index-rebuild", "type-change-scans"),
        *("drops-default", "generates-always", "drops-key", "detaches-child"),
    }
)
"""Hazards whose detail is a part of the relation, though their consequence is about all of it."""

_WARNINGS_DOWN = frozenset(
    {
        *("rewrites-table", "sets-not-null", "validates-constraint", "builds-key"),
        *("adds-exclusion", "blocking-index-build", "blocking-index-drop", "many-blocking-locks"),
        *("adds-required-column", "blocking-index-rebuild", "validates-domain"),
        *("scans-under-lock", "type-change-scans"),
    }
)
"""Hazards that lose nothing: they make other sessions wait, or need the release that they restore.
"""
