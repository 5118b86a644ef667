"""The review as Markdown that a comment of a pull request holds, as GitHub and GitLab read it.

The verdict comes first, then what matters, then SQL. What people wrote is text: it becomes no
markup, no HTML and no mention of anybody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain

from pybase.core.humanize import counted, duration
from pybase.migrate.deploy._plan import Meeting, as_it_is_now
from pybase.migrate.review._live_state import NO_DATABASE
from pybase.migrate.review._review import Review
from pybase.migrate.review._revision_summary import Card, Way
from pybase.migrate.review._severity import names, told, unseen, verdict, wait, worst
from pybase.migrate.sql._lock_modes import LOCKS
from pybase.migrate.sqlfiles._header import one_line, what_is_done
from pybase.migrate.sqlfiles._lint import Line

MOST_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65,536 characters."""

_OPEN_LINES, _OPEN_REVISIONS = 25, 5
"""Statements of up to so many lines are not folded, unless there are more revisions than that."""

_LONGEST_TITLE = 120
"""Characters: a heading is no place for more, and the overview has many."""

_ROWS = 50
"""The most revisions in the table at the top: those with hazards, and those that block most."""


@dataclass(frozen=True)
class Part:
    """A piece of the comment, and what stands in its place when there is no room for it."""

    text: str
    pointer: str | None = None


def render(review: Review) -> str:
    """Return the comment, of less than MOST_CHARACTERS characters."""
    head = f"**{text(verdict(review.cards))}**\n\n{text(review.said)}. {_now(review)}".rstrip()
    sections = [[Part(f"{head}\n\n"), Part(_overview(review.cards))]]
    is_folded = len(review.cards) > _OPEN_REVISIONS
    sections += [list(_section(review, card, is_folded=is_folded)) for card in review.cards]
    return _fitted(sections)


def _now(review: Review) -> str:
    """Tell what the database at hand has to do, or why it is not known; CI has none, as a rule."""
    if not review.now.name:
        return "" if review.why_not == NO_DATABASE else text(review.why_not)
    pending = sum(card.revision not in review.now.applied for card in review.cards)
    said = f"{pending} of these are pending in the database at hand"
    if review.now.seconds >= 1:
        said += f"; what depends on the size of tables takes about {duration(review.now.seconds)}"
    return f"{said}."


def _overview(cards: Sequence[Card]) -> str:
    if len(cards) < 2:
        return ""
    most = sorted(cards, key=lambda card: (len(card.hazards), worst(card)), reverse=True)[:_ROWS]
    shown = {card.revision for card in most}
    left_out = len(cards) - len(shown)
    more = f"\nand {counted(left_out, 'revision')} that do less.\n" if left_out else ""
    rows = [
        (
            f"{_title(card)} {code(card.revision)}",
            worst(card).words,
            names([code(each.relation) for each in card.upgrade.report.touches]),
            names(sorted({code(line.code) for line in card.hazards})),
        )
        for card in cards
        if card.revision in shown
    ]
    return _table(("revision", "others", "tables", "hazards"), rows) + more


def _section(review: Review, card: Card, *, is_folded: bool) -> Iterator[Part]:
    yield Part(f"\n### {_title(card)}\n\n{code(card.revision)} in {code(card.path)}\n")
    if card.why:
        why = "".join(f"\n{text(each)}\n" for each in card.why.split("\n\n"))
        yield Part(why, _pointer("Why", card.why, code(card.path)))
    now = review.now.steps.get(card.revision)
    yield Part(_effects(card.upgrade, now.meetings if now else ()))
    yield Part("".join(map(_hazard, card.hazards)))
    for change in card.schema:
        name, file = f"Schema of {change.name}", f"schema/{change.name}.sql"
        where = _in_sql(file if file in review.files else "schema/")
        yield _folded(name, _fenced(change.diff, "diff"), _pointer(name, change.diff, where))
    yield _way(review, card.upgrade, f"Upgrade: {card.upgrade.shape}", is_folded=is_folded)
    yield _way(review, card.downgrade, f"Downgrade: {told(card.downgrade)}", is_folded=True)


def _title(card: Card) -> str:
    cut = card.title[: _LONGEST_TITLE - 1].rstrip() + "…"
    return text(card.title if len(card.title) <= _LONGEST_TITLE else cut)


def _way(review: Review, way: Way, title: str, *, is_folded: bool) -> Part:
    sql = review.statements(way).rstrip()
    pointer = _pointer(title, sql, _in_sql(way.file))
    if is_folded or sql.count("\n") >= _OPEN_LINES:
        return _folded(title, _fenced(sql, "sql"), pointer)
    return Part(f"\n{text(title)}\n\n{_fenced(sql, 'sql')}", pointer)


def _effects(way: Way, meetings: Iterable[Meeting]) -> str:
    """Tell what was seen of an upgrade, with the sizes that it meets where it is pending."""
    sizes = {each.table.relation: ", ".join(as_it_is_now(each)) for each in meetings}
    has_sizes = any(sizes.values())
    rows = [
        (
            code(each.relation),
            wait(each).words,
            LOCKS[each.lock][0],
            ", ".join(what_is_done(each)),
            *([sizes.get(each.relation, "")] if has_sizes else ()),
        )
        for each in way.report.touches
    ]
    head = ("table", "others", "lock", "does", *(["now"] if has_sizes else ()))
    said = f"\n{_table(head, rows)}" if rows else ""
    if unseen(way):
        said += f"\n{unseen(way)}\n"
    if way.report.losses:
        said += f"\n**Destroys** {', '.join(map(code, way.report.losses))}.\n"
    if way.report.unfilled:
        unfilled = ", ".join(map(code, way.report.unfilled))
        said += f"\nNo sample rows could be made for {unfilled}: effects on rows were not seen.\n"
    return said


def _hazard(line: Line) -> str:
    where = f" on {code(line.relation)}" if line.relation else ""
    outcome = f"Safely: {line.fix}" if line.accepted is None else f"Accepted: {text(line.accepted)}"
    said = f"**{line.code}**{where} ({line.direction}): {text(line.message)}"
    return f"\n> {said}\n>\n> {outcome}\n"


def _pointer(name: str, content: str, where: str) -> str:
    lines = counted(content.count("\n") + 1, "line")
    return f"\n{text(name)}: {lines}, too long for here; see {where}.\n"


def _in_sql(path: str) -> str:
    return f"{code(path)} in the folder of the SQL"


def _folded(summary: str, content: str, pointer: str) -> Part:
    title = _unmentioned(escape(one_line(summary)))
    return Part(f"\n<details><summary>{title}</summary>\n\n{content}\n</details>\n", pointer)


def _fenced(content: str, language: str) -> str:
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ((cell.replace("|", "\\|") for cell in line) for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def text(written: str) -> str:
    """Return what people wrote, in one line, so that it is read as it stands."""
    line = _MARKUP.sub(r"\\\g<0>", one_line(written))
    line = re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", line)  # a list, or a line under a heading
    return _unmentioned(line)


def _unmentioned(line: str) -> str:
    """Return a line that calls nobody by name."""
    return line.replace("@", "@\N{ZERO WIDTH SPACE}")


_MARKUP = re.compile(r"[\\`*\[\]<>&~#$]|(?<!\w)_|_(?!\w)")


def code(written: str) -> str:
    """Return what people wrote as code in a line."""
    content = one_line(written)
    fence = "`" * (max(map(len, re.findall("`+", content)), default=0) + 1)
    pad = " " if content[:1] == "`" or content[-1:] == "`" else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def _fitted(sections: Sequence[Sequence[Part]]) -> str:
    """Return all of it, or as much as there is room for: the longest parts go first."""
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
