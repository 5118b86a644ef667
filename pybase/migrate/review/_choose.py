"""Which revisions a review is about: what the branch adds, a range, or all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate.review._revision_summary import Card
from pybase.migrate.revisions import _git as branch


@dataclass(frozen=True)
class Choice:
    """The revisions to show, ancestors first, and in half a sentence which these are."""

    cards: tuple[Card, ...]
    said: str


def choose(settings: Settings, cards: Sequence[Card], wanted: str | None) -> Choice:
    """Return what `A:B` means, or without it what the main branch does not have, or else all.

    Raises UsageError for a range that is none.
    """
    if wanted is not None:
        return Choice(_between(settings, cards, wanted), f"The revisions of {wanted}")
    name = settings.options.main_branch
    paths = {card.revision: settings.root / card.path for card in cards}
    merged = branch.merged(settings, sorted({path.parent for path in paths.values()}))
    if merged is None:
        return Choice(tuple(cards), f"The whole history: git knows no branch {name}")
    new = tuple(card for card in cards if paths[card.revision].resolve() not in merged)
    if not new:
        return Choice(tuple(cards), f"The whole history: nothing is new beside the branch {name}")
    return Choice(new, f"What the branch {name} does not have")


def _between(settings: Settings, cards: Sequence[Card], wanted: str) -> tuple[Card, ...]:
    """Return what leads from A, which is left out, to B, which is not, as Alembic takes them."""
    from pybase.migrate.revisions import _history as history

    lower, colon, upper = wanted.partition(":")
    if not colon:
        raise UsageError(
            f"The range {wanted!r} has no colon.", "Write A:B, as in base:head; A is left out."
        )
    revisions = history.read(settings)
    upper, lower = upper or "heads", lower or "base"
    with history.explained(revisions):
        names = {each.revision for each in revisions.scripts.walk_revisions(lower, upper)}
        names -= {each.revision for each in revisions.scripts.get_revisions(lower) if each}
    if not names:
        raise UsageError(
            f"No revision is in the range {wanted!r}.",
            "Write A:B, where A comes before B; A is left out.",
        )
    return tuple(card for card in cards if card.revision in names)
