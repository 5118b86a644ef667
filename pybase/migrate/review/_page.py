"""Review as one HTML file that loads nothing from elsewhere.

The template escapes all that people wrote, and the page's policy allows only its own script and
style.
"""

import base64
import hashlib
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from pygments.lexers.sql import PostgresLexer
from pygments.token import Comment, Keyword, Name, Number, String, is_token_subtype

from pybase.core.humanize import counted, duration, size
from pybase.migrate.record import Direction
from pybase.migrate.review._diagram import draw_diagram
from pybase.migrate.review._graph import draw_graph
from pybase.migrate.review._review import Review
from pybase.migrate.review._severity import severity, unknown, worst

_TEMPLATES = Path(__file__).parent / "templates"


def as_html(review: Review) -> str:
    """Return the page."""
    css, js = (
        Markup((_TEMPLATES / name).read_text("utf-8"))  # noqa: S704 - ours
        for name in ("page.css", "page.js")
    )
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    environment.globals |= {function.__name__: function for function in _FUNCTIONS}
    return environment.get_template("page.html.j2").render(
        review=review,
        live=review.live,
        directions=tuple(Direction),
        graph=draw_graph(review.history, {summary.revision.id for summary in review.shown}),
        diagram=draw_diagram(review.entities, _changed(review)),
        css=css,
        js=js,
    )


def _changed(review: Review) -> dict[str, set[str]]:
    """Return the columns that are new or altered, by table; none for a complete history."""
    columns: dict[str, set[str]] = {}
    summaries = review.shown if len(review.shown) < len(review.history) else ()
    for change in (change for summary in summaries for change in summary.record.report.schema):
        columns.setdefault(change.name, set()).update(change.columns)
    return columns


def highlighted(sql: str) -> Markup:
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
_CLASSES = ((Comment, "c"), (String, "s"), (Number, "n"), (Keyword, "k"), (Name.Builtin, "k"))


def digest(text: str) -> str:
    """Return a digest as a content security policy has it."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


_FUNCTIONS = (
    counted, digest, duration, highlighted, severity, size, unknown, worst
)  # fmt: skip
"""What the template calls."""
