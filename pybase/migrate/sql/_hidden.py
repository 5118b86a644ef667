"""Characters that a reviewer cannot see, or that change what is seen of the others.

PostgreSQL reads a statement up to its first NUL, an editor shows text after a bidirectional control
in another order, and some viewers break lines where the server does not.
"""

import re

_HIDDEN = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f]"
)
"""Unicode's categories Cc (but for tab and line feed), Cf, Zl and Zp. A test compares them."""

_ALLOWED = {ord("\n"): None, ord("\t"): None}

HIDDEN_HINT = (
    "Leave it out, or where a value needs it, write its number: U&'\\200d' or E'\\u200d'; "
    "NUL is in no value."
)


def hidden_character(text: str) -> tuple[int, str] | None:
    """Return the line, from 1, and the description of the first hidden character; None for none."""
    if text.translate(_ALLOWED).isprintable():  # ten times as fast, and true of almost all text
        return None
    match = re.search(_HIDDEN, text)
    if match is None:
        return None
    line = text.count("\n", 0, match.start()) + 1
    column = match.start() - text.rfind("\n", 0, match.start())
    return line, f"U+{ord(match[0]):04X} in line {line}, column {column}"
