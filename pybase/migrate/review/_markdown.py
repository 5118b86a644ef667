"""Review as Markdown for a comment of a pull request, on GitHub and GitLab.

The headline is first, then effects and hazards, then SQL. What people wrote is text: it becomes
no markup, no HTML and no mention.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from msgspec import Struct

from pybase.core.humanize import counted, duration
from pybase.migrate.record import Direction
from pybase.migrate.review._live_state import NO_DATABASE
from pybase.migrate.review._review import Review
from pybase.migrate.review._revision_summary import RevisionSummary
from pybase.migrate.review._severity import direction_line, names, severity, unknown, worst
from pybase.migrate.sqlfiles import LintFinding
from pybase.migrate.sqlfiles.markdown import code, plain

MOST_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65,536 characters."""

_OPEN_LINES, _OPEN_REVISIONS = 25, 5
"""Statements of up to so many lines are not folded, unless there are more revisions than that."""

_LONGEST_TITLE = 160
"""Characters of Markdown: the overview has many titles, and a comment little room."""

_ROWS = 50
"""The most revisions in the table at the top: those with hazards, and those that block most."""


class Part(Struct, frozen=True):
    """A piece of the comment, and what replaces it when there is no room for it."""

    text: str
    pointer: str | None = None


def as_markdown(review: Review) -> str:
    """Return the comment, of less than MOST_CHARACTERS characters."""
    head = f"**{text(review.headline)}**\n\n{text(review.scope)}. {_live(review)}".rstrip()
    sections = [[Part(f"{head}\n\n"), Part(_overview(review.shown))]]
    sections += [list(_section(review, summary)) for summary in review.shown]
    return _fitted(sections)


def text(written: str) -> str:
    """Return what people wrote, in one line, as text that mentions no user."""
    # GitHub decodes references before it looks for mentions
    return plain(written).replace("&#64;", "@\N{ZERO WIDTH SPACE}")


def _live(review: Review) -> str:
    """Return what is pending in the database, or why it is unknown; CI usually has none."""
    live = review.live
    if not live.name:
        return "" if live.problem == NO_DATABASE else text(live.problem)
    pending = sum(summary.revision.id not in live.applied for summary in review.shown)
    pending_text = f"{pending} of these are pending in the configured database"
    if live.seconds >= 1:
        pending_text += f"; what depends on sizes takes about {duration(live.seconds)}"
    return f"{pending_text}."


def _overview(shown: Sequence[RevisionSummary]) -> str:
    if len(shown) < 2:
        return ""

    def importance(summary: RevisionSummary) -> tuple[object, ...]:
        return len(summary.hazards), worst(summary.record)

    most = {summary.revision.id for summary in sorted(shown, key=importance, reverse=True)[:_ROWS]}
    left_out = len(shown) - len(most)
    more = f"\nand {counted(left_out, 'revision')} that do less.\n" if left_out else ""
    rows = [
        (
            f"{_title(summary)} {code(summary.revision.id)}",
            worst(summary.record).words,
            names([code(effect.table.label) for effect in summary.upgrade.tables]),
            names(sorted({code(finding.code) for finding in summary.hazards})),
        )
        for summary in shown
        if summary.revision.id in most
    ]
    return _table(("revision", "other sessions", "tables", "hazards"), rows) + more


def _section(review: Review, summary: RevisionSummary) -> Iterator[Part]:
    revision = summary.revision
    yield Part(f"\n### {_title(summary)}\n\n{code(revision.id)} in {code(revision.path)}\n")
    if revision.description:
        paragraphs = revision.description.split("\n\n")
        pointer = _pointer("Description", revision.description, code(revision.path))
        yield Part("".join(f"\n{text(paragraph)}\n" for paragraph in paragraphs), pointer)
    yield Part(_effects(review, summary))
    yield Part("".join(map(_hazard, summary.hazards)))
    for change in summary.record.report.schema:
        name, file = f"Schema of {change.name}", f"schema/{change.name}.sql"
        pointer = _pointer(name, change.diff, _in_sql(file if file in review.files else "schema/"))
        yield _folded(name, _fenced(change.diff, "diff"), pointer)
    for direction in Direction:
        yield _direction(summary, direction, is_folded=len(review.shown) > _OPEN_REVISIONS)


def _title(summary: RevisionSummary) -> str:
    title = summary.revision.title
    length = len(text(title))
    if length > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE * len(title) // length - 1].rstrip() + "…"
    return text(title)


def _direction(summary: RevisionSummary, direction: Direction, *, is_folded: bool) -> Part:
    sql = summary.sql(direction)
    if direction.is_upgrade:
        title = f"Upgrade: {summary.record.scripts[direction].summary}"
    else:
        title = f"Downgrade: {direction_line(summary.record, direction)}"
    pointer = _pointer(title, sql, _in_sql(f"{direction.value}/{summary.stem}.sql"))
    if is_folded or not direction.is_upgrade or sql.count("\n") >= _OPEN_LINES:
        return _folded(title, _fenced(sql, "sql"), pointer)
    return Part(f"\n{text(title)}\n\n{_fenced(sql, 'sql')}", pointer)


def _effects(review: Review, summary: RevisionSummary) -> str:
    """Return the effects of an upgrade, with the sizes of its tables where it is pending."""
    effects = summary.upgrade
    estimates = review.live.estimates(summary.revision.id)
    sizes = {table: ", ".join(estimate.words) for table, estimate in estimates.items()}
    with_sizes = any(sizes.values())
    head = ["table", "other sessions", "lock", "effect", *(["size"] if with_sizes else ())]
    rows = [
        (
            code(effect.table.label),
            severity(effect).words,
            effect.lock,
            ", ".join(effect.done),
            *([sizes.get(effect.table, "")] if with_sizes else ()),
        )
        for effect in effects.tables
    ]
    losses = ", ".join(code(loss.label) for loss in effects.losses)
    unfilled = ", ".join(code(table.label) for table in effects.unfilled)
    parts = (
        rows and _table(head, rows),
        unknown(summary.record, Direction.UPGRADE),
        losses and f"**Destroys** {losses}.",
        unfilled and f"No sample rows could be made for {unfilled}: effects on rows are unknown.",
    )
    return "".join(f"\n{part.rstrip()}\n" for part in parts if part)


def _hazard(finding: LintFinding) -> str:
    place = f" on {code(finding.relation)}" if finding.relation else ""
    accepted = finding.accepted
    advice = f"Safely: {finding.fix}" if accepted is None else f"Accepted: {text(accepted)}"
    sentence = f"**{finding.code}**{place} ({finding.direction}): {text(finding.message)}"
    return f"\n> {sentence}\n>\n> {advice}\n"


def _pointer(name: str, content: str, place: str) -> str:
    lines = counted(content.count("\n") + 1, "line")
    return f"\n{text(name)}: {lines}, too long for here; see {place}.\n"


def _in_sql(path: str) -> str:
    return f"{code(path)} in the folder of the SQL"


def _folded(summary: str, content: str, pointer: str) -> Part:
    title = f"<details><summary>{text(summary)}</summary>"
    return Part(f"\n{title}\n\n{content}\n</details>\n", pointer)


def _fenced(content: str, language: str) -> str:
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))


def _fitted(sections: Sequence[Sequence[Part]]) -> str:
    """Return all of it, or as much as there is room for: the longest parts are cut first."""
    kept = [list(section) for section in sections]
    length = sum(len(part.text) for part in chain(*kept))
    places = [(i, j) for i, section in enumerate(kept) for j in range(len(section))]
    places.sort(key=lambda place: len(kept[place[0]][place[1]].text))
    while length >= MOST_CHARACTERS and places:
        i, j = places.pop()
        part = kept[i][j]
        if part.pointer is not None and len(part.pointer) < len(part.text):
            kept[i][j] = Part(part.pointer)
            length -= len(part.text) - len(part.pointer)
    left_out, most = 0, MOST_CHARACTERS
    while length >= most and len(kept) > 1:
        most = MOST_CHARACTERS - _MORE
        length -= sum(len(part.text) for part in kept.pop())
        left_out += 1
    more = f"\n{counted(left_out, 'revision')} more: see them with `nox -s review`.\n"
    return "".join(part.text for part in chain(*kept)) + (more if left_out else "")


_MORE = 100
"""Room for the last line."""
