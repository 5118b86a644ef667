"""The review as Markdown that a comment of a pull request holds, as GitHub and GitLab read it.

The verdict comes first, then what matters, then SQL. What people wrote is text: it becomes no
markup, no HTML and no mention of anybody.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain

from pybase.migrate.comments import one_line, what_is_done
from pybase.migrate.effects import Report
from pybase.migrate.lint import Line
from pybase.migrate.modes import LOCKS
from pybase.migrate.review.cards import Card, Way
from pybase.migrate.review.review import Review
from pybase.migrate.review.verdict import verdict, wait, worst
from pybase.words import counted

MOST_CHARACTERS = 60_000
"""GitHub refuses a comment of more than 65,536 characters."""

_OPEN_LINES, _OPEN_REVISIONS = 25, 5
"""Statements of up to so many lines are not folded, unless there are more revisions than that."""


_ROWS = 50
"""The most revisions in the table at the top: those with hazards, and those that block most."""


@dataclass(frozen=True)
class Part:
    """A piece of the comment, and what stands in its place when there is no room for it."""

    text: str
    pointer: str | None = None


def render(review: Review) -> str:
    """Return the comment, of less than MOST_CHARACTERS characters."""
    head = f"**{text(verdict(review.cards))}**\n\n{text(review.said)}."
    if review.now.name:
        pending = sum(card.revision not in review.now.applied for card in review.cards)
        head += f" {pending} of these are pending in the database at hand."
    sections = [[Part(f"{head}\n\n"), Part(_overview(review.cards))]]
    is_folded = len(review.cards) > _OPEN_REVISIONS
    sections += [list(_section(review, card, is_folded=is_folded)) for card in review.cards]
    return _fitted(sections)


def _overview(cards: Sequence[Card]) -> str:
    if len(cards) < 2:
        return ""
    shown = sorted(cards, key=lambda card: (len(card.hazards), worst(card)), reverse=True)[:_ROWS]
    left_out = len(cards) - len(shown)
    more = f"\nand {counted(left_out, 'revision')} that do less.\n" if left_out else ""
    rows = [
        (
            f"{text(card.title)} {code(card.revision)}",
            worst(card).words,
            ", ".join(code(each.relation) for each in card.upgrade.report.touches[:4]),
            ", ".join(sorted({code(line.code) for line in card.hazards})),
        )
        for card in cards
        if card in shown
    ]
    return _table(("revision", "others", "tables", "hazards"), rows) + more


def _section(review: Review, card: Card, *, is_folded: bool) -> Iterator[Part]:
    yield Part(f"\n### {text(card.title)}\n\n{code(card.revision)} in {code(card.path)}\n")
    if card.why:
        yield Part("".join(f"\n{text(each)}\n" for each in card.why.split("\n\n")), "")
    yield Part(_effects(card.upgrade.report, "Upgrade"))
    yield Part("".join(map(_hazard, card.hazards)))
    for change in card.schema:
        yield from _folded(f"Schema of {change.name}", "diff", change.diff, "")
    for way, name in ((card.upgrade, "Upgrade"), (card.downgrade, "Downgrade")):
        sql = review.statements(way).rstrip()
        is_short = sql.count("\n") < _OPEN_LINES
        if is_short and not is_folded and way is card.upgrade:
            yield Part(f"\n{_fenced(sql, 'sql')}", _pointer(name, sql, way))
        else:
            yield from _folded(f"{name}: {way.shape}", "sql", sql, _pointer(name, sql, way))


def _effects(report: Report, name: str) -> str:
    rows = [
        (code(each.relation), wait(each).words, LOCKS[each.lock][0], ", ".join(what_is_done(each)))
        for each in report.touches
    ]
    said = f"\n{_table(('table', 'others', 'lock', 'does'), rows)}" if rows else ""
    if not report.is_rehearsed:
        said += f"\n{name} not rehearsed: nobody has seen what it does.\n"
    if report.losses:
        said += f"\n**Destroys** {', '.join(map(code, report.losses))}.\n"
    return said


def _hazard(line: Line) -> str:
    where = f" on {code(line.relation)}" if line.relation else ""
    outcome = f"Safely: {line.fix}" if line.accepted is None else f"Accepted: {text(line.accepted)}"
    said = f"**{line.code}**{where} ({line.direction}): {text(line.message)}"
    return f"\n> {said}\n>\n> {outcome}\n"


def _pointer(name: str, sql: str, way: Way) -> str:
    lines = counted(sql.count("\n") + 1, "line")
    return f"\n{name}: {lines}, too long for here; see {code(way.file)} in the folder of the SQL.\n"


def _folded(summary: str, language: str, content: str, pointer: str) -> Iterator[Part]:
    title = _unmentioned(escape(one_line(summary)))
    yield Part(
        f"\n<details><summary>{title}</summary>\n\n{_fenced(content, language)}\n</details>\n",
        pointer,
    )


def _fenced(content: str, language: str) -> str:
    longest = max(map(len, re.findall("`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{content}\n{fence}\n"


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def text(written: str) -> str:
    """Return what people wrote, in one line, so that it is read as it stands."""
    line = _MARKUP.sub(r"\\\g<0>", one_line(written))
    line = re.sub(r"^(\d*)([-+.)=])", r"\1\\\2", line)  # a list, or a line under a heading
    return _unmentioned(line)


def _unmentioned(line: str) -> str:
    """Return a line that calls nobody by name."""
    return line.replace("@", "@\N{ZERO WIDTH SPACE}")


_MARKUP = re.compile(r"[\\`*\[\]<>&|~#$]|(?<!\w)_|_(?!\w)")


def code(written: str) -> str:
    """Return what people wrote as code in a line, also in a table."""
    content = one_line(written)
    fence = "`" * (max(map(len, re.findall("`+", content)), default=0) + 1)
    pad = " " if content[:1] == "`" or content[-1:] == "`" else ""
    return f"{fence}{pad}{content}{pad}{fence}".replace("|", "\\|")


def _fitted(sections: Sequence[Sequence[Part]]) -> str:
    """Return all of it, or as much as there is room for: the longest parts go first."""
    kept = [list(section) for section in sections]
    length = sum(len(part.text) for part in chain(*kept))
    places = [(i, j) for i, section in enumerate(kept) for j in range(len(section))]
    places.sort(key=lambda place: len(kept[place[0]][place[1]].text))
    while length > MOST_CHARACTERS and places:
        i, j = places.pop()
        part = kept[i][j]
        if part.pointer is not None and len(part.pointer) < len(part.text):
            kept[i][j] = Part(part.pointer)
            length -= len(part.text) - len(part.pointer)
    left_out = 0
    while length > MOST_CHARACTERS - _MORE and len(kept) > 1:
        length -= sum(len(part.text) for part in kept.pop())
        left_out += 1
    more = f"\n{counted(left_out, 'revision')} more: see them with `nox -s review`.\n"
    return "".join(part.text for part in chain(*kept)) + (more if left_out else "")


_MORE = 100
"""Room for the last line."""
