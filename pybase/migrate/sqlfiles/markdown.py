"""Text as one line of Markdown that shows it as it is: no markup, no HTML, no link.

Markdown is read in layers (cells first, then code and HTML), and a backslash has another meaning
in each of them; a character reference has the same in all.
"""

import re

from pybase.migrate.sql import one_line

_ACTIVE = re.compile(
    r"[&<>`*\[\]|\\~$#]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word it is literal
    r"|[:@](?=\S)"  # an address, an emoji, a mention
    r"|^[-+=]|^\d(?=\d*[.)])"  # a list or a heading
)
_NAME_AS_CODE = re.compile(r"((?<!`)`[\w.]+`(?!`))")


def plain(text: str) -> str:
    """Return the text itself."""
    return _escaped(one_line(text))


def prose(text: str) -> str:
    """Return the text, in which a `name` may be code."""
    parts = _NAME_AS_CODE.split(one_line(text))
    return "".join(part if index % 2 else _escaped(part) for index, part in enumerate(parts))


def code(text: str) -> str:
    """Return the text as code, in a table or outside of one; an empty text stays empty."""
    line = one_line(text)
    if not line or not re.search(r"[`|\\]", line):
        return line and f"`{line}`"
    return f"<code>{_escaped(line)}</code>"


def _escaped(line: str) -> str:
    return _ACTIVE.sub(lambda match: f"&#{ord(match[0])};", line)
