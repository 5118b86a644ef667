"""Literals of SQL, masked: in a message they could show a password or a value of a row."""

import re

MASK = "'...'"

_TOKEN = re.compile(
    r"""
    --[^\n]* | /\*.*?\*/
    | "(?:[^"]|"")*"
    | (?<!\w)[eE]'(?:[^'\\]|''|\\.)*'?
    | '(?:[^']|'')*'?
    | \$(?P<tag>\w*)\$(?P<body>.*?)(?:\$(?P=tag)\$|$)
    """,
    re.DOTALL | re.VERBOSE,
)
_CODE = re.compile(r"\b(?:DO|AS|SQL|PLPGSQL)\s*$", re.IGNORECASE)
"""Before a dollar-quoted body that is code."""


def masked(statement: str) -> str:
    """Return a statement without comments, with each literal as MASK; code keeps its text."""

    def replaced(match: re.Match[str]) -> str:
        token, tag = match[0], match["tag"]
        if token.startswith('"'):
            return token
        if token.startswith(("--", "/*")):
            return ""
        if tag is not None and _CODE.search(statement[: match.start()]):
            return f"${tag}${masked(match['body'])}${tag}$"
        return MASK

    return _TOKEN.sub(replaced, statement)
