"""A card for every revision: all that is known of it, as data that a note can hold.

Made when the revisions are rendered and rehearsed, so that to show them takes nothing of Alembic.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pybase.migrate.record import FileChange, Report, RevisionReport
from pybase.migrate.sqlfiles._header import FIELDS, one_line, title
from pybase.migrate.sqlfiles._lint import Line

if TYPE_CHECKING:
    from alembic.script import Script

    from pybase.migrate.revisions._history import History
    from pybase.migrate.revisions._render import RenderedRevision
    from pybase.migrate.sqlfiles._build import Built


@dataclass(frozen=True)
class Way:
    """One direction of a revision. `file` is below `sql/`; `shape` says how it runs."""

    file: str
    shape: str
    report: Report
    hazards: tuple[Line, ...]


@dataclass(frozen=True)
class Card:
    """One revision. `why` is what its docstring says below the title; `path` is its file's."""

    revision: str
    parents: tuple[str, ...]
    path: str
    title: str
    why: str
    created: str
    upgrade: Way
    downgrade: Way
    schema: tuple[FileChange, ...]

    @property
    def hazards(self) -> tuple[Line, ...]:
        """Those of both directions."""
        return self.upgrade.hazards + self.downgrade.hazards


def of(history: "History", built: "Built", files: "dict[str, str]") -> list[Card]:
    """Return the cards of a whole history, ancestors first."""
    from pybase.migrate.sqlfiles._lint import hazard_lines

    lines = hazard_lines(history.settings, built, files)
    return [
        _card(history, revision, found, report)
        for revision, report, found in zip(
            built.rendered.revisions, built.reports, lines, strict=True
        )
    ]


def _card(
    history: "History",
    revision: "RenderedRevision",
    lines: Sequence[Line],
    report: RevisionReport,
) -> Card:
    script = revision.script
    created = _CREATED.search(script.longdoc)
    return Card(
        script.revision,
        tuple(script._normalized_down_revisions),
        history.path(script).as_posix(),
        title(script.doc),
        _why(script),
        one_line(created[1]) if created else "",
        _way(revision, report.upgrade, lines, "upgrade"),
        _way(revision, report.downgrade, lines, "downgrade"),
        report.schema,
    )


def _why(script: "Script") -> str:
    """Return the paragraphs between the title and the fields that Alembic reads."""
    told = FIELDS.sub("", script.longdoc.removeprefix(script.doc))
    return "\n\n".join(filter(None, map(one_line, re.split(r"\n[ \t]*\n", told))))


_CREATED = re.compile(r"^[ \t]*Create Date:[ \t]*(.*)$", re.MULTILINE)


def _way(revision: "RenderedRevision", report: Report, lines: Iterable[Line], way: str) -> Way:
    from pybase.migrate.sqlfiles._files import transaction_shape

    return Way(
        f"{way}/{revision.file_stem}.sql",
        transaction_shape(revision.upgrade if way == "upgrade" else revision.downgrade),
        report,
        tuple(line for line in lines if line.direction == way),
    )


def ancestors(cards: Iterable[Card], heads: Iterable[str]) -> set[str]:
    """Return the revisions that lead to `heads`, these among them."""
    parents = {card.revision: card.parents for card in cards}
    found: set[str] = set()
    left = list(heads)
    while left:
        revision = left.pop()
        if revision not in found and revision in parents:
            found.add(revision)
            left += parents[revision]
    return found
