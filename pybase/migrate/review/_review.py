"""Gather what a review shows: the chosen revisions, and what is known of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pybase.core.settings import Settings
from pybase.migrate.catalog._entities import Entity
from pybase.migrate.review import _choose as choose
from pybase.migrate.review import _live_state as now
from pybase.migrate.review._live_state import Now
from pybase.migrate.review._revision_summary import Card, Way
from pybase.migrate.sqlfiles import _build as build


@dataclass(frozen=True)
class Review:
    """What is shown.

    `files` are those of `sql/` by path; `said` tells which revisions these are, `why_not` why
    nothing is known of a database.
    """

    said: str
    cards: tuple[Card, ...]
    all_cards: tuple[Card, ...]
    files: Mapping[str, str]
    entities: tuple[Entity, ...]
    now: Now
    why_not: str

    def statements(self, way: Way) -> str:
        """Return the SQL of one direction, without the header that tells its effects."""
        return _HEADER.sub("", self.files.get(way.file, ""))


_HEADER = re.compile(r"\A(?:--.*\n)+\n?")


def gather(settings: Settings, wanted: str | None) -> Review:
    """Return what is known of the range `A:B`, or of what the branch adds.

    Raises UsageError for a range that is none, and as `build` where `sql/` is not fresh.
    """
    read = build.read(settings)
    choice = choose.choose(settings, read.cards, wanted)
    found, why_not = now.look(settings, read, choice.cards)
    return Review(
        choice.said,
        choice.cards,
        read.cards,
        read.files,
        read.entities,
        found,
        why_not,
    )
