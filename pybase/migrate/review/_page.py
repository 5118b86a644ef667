"""The review as one HTML file that needs nothing else: no network, no other file.

All that people wrote is escaped by the template's autoescaping, and the page's own policy lets run
only the script and the style that stand in it.
"""

import base64
import hashlib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments.lexers.sql import PostgresLexer
from pygments.token import Comment, Keyword, Name, Number, String, is_token_subtype

from pybase.core.humanize import counted, duration, size
from pybase.migrate.database import _table_sizes as live
from pybase.migrate.deploy._plan import as_it_is_now
from pybase.migrate.review import _diagram as diagram
from pybase.migrate.review import _graph as graph
from pybase.migrate.review._review import Review
from pybase.migrate.review._revision_summary import Card
from pybase.migrate.review._severity import unseen, verdict, wait, worst
from pybase.migrate.sql._lock_modes import LOCKS
from pybase.migrate.sqlfiles._header import what_is_done

_TEMPLATES = Path(__file__).parent / "templates"


def render(review: Review) -> str:
    """Return the page."""
    shown = {card.revision for card in review.cards}
    css, js = (
        Markup((_TEMPLATES / name).read_text("utf-8"))  # noqa: S704 - ours
        for name in ("page.css", "page.js")
    )
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            vars(review),
            statements=review.statements,
            verdict=verdict(review.cards),
            total=len(review.all_cards),
            graph=graph.draw(review.all_cards, shown),
            diagram=diagram.draw(review.entities, _changed(review)),
            css=css,
            js=js,
        )
    )


def _changed(review: Review) -> dict[str, set[str]]:
    """Return the columns that are new or altered, by table; none in a whole history."""
    found: dict[str, set[str]] = {}
    cards = review.cards if len(review.cards) < len(review.all_cards) else ()
    for change in (change for card in cards for change in card.schema):
        found.setdefault(change.name, set()).update(change.columns)
    return found


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.globals |= _WORDS
    return environment


def _highlighted(sql: str) -> Markup:
    """Mark the words of SQL by class: k a keyword, s a text, n a number, c a comment."""
    parts = []
    for name, tokens in groupby(_classed(sql), key=itemgetter(0)):
        text = escape("".join(text for _, text in tokens))
        parts.append(f'<span class="{name}">{text}</span>' if name else text)
    return Markup("".join(parts))  # noqa: S704 - each part is escaped


def _classed(sql: str) -> Iterator[tuple[str, str]]:
    """Yield tokens with their class; a space has that of the word before it, so that both meet."""
    name = ""
    for kind, text in _LEXER.get_tokens(sql):
        if not text.isspace():
            name = next((name for group, name in _CLASSES if is_token_subtype(kind, group)), "")
        yield name, text


_LEXER = PostgresLexer(stripnl=False)
_CLASSES = (
    (Comment, "c"),
    (String, "s"),
    (Number, "n"),
    (Keyword, "k"),
    (Name.Builtin, "k"),
)


def _open_hazards(card: Card) -> int:
    return sum(line.accepted is None for line in card.hazards)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_WORDS: dict[str, Any] = {
    "as_it_is_now": as_it_is_now,
    "counted": counted,
    "digest": _digest,
    "done": what_is_done,
    "duration": duration,
    "highlighted": _highlighted,
    "locks": LOCKS,
    "open_hazards": _open_hazards,
    "rows_text": live.rows_text,
    "size": size,
    "unseen": unseen,
    "wait": wait,
    "worst": worst,
}
"""What the template calls, by name."""
