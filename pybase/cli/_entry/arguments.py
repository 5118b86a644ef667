"""Arguments, read strictly: no abbreviation, nothing empty, no text that cannot be printed."""

import argparse
import re
from typing import Any, NoReturn

from pybase.core.errors import UsageError

_FOREIGN = "rest"
"""The arguments of another program, which reads them itself."""

_FREE = "message"
"""Text that becomes one printable line before it is used."""

_LONGEST = 4096
"""Characters: the longest path of Linux; no id and no message comes near it."""

_NAME = r"[^\s:@+-](?:[^:@+-]*[^\s:@+-])?"
_STEPS = r"[+-][1-9][0-9]{0,8}"
_LABEL = r"[^\s:@+]+"
_TARGET = rf"(?:(?:{_LABEL})?@)?(?:{_NAME}(?:{_STEPS})?|{_STEPS})"


_OF_FLEET = re.compile(r"unrecognized arguments:.* (--fleet|--schemas)\b")


class Parser(argparse.ArgumentParser):
    """Parser whose errors are reported as all others are."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of ending the process."""
        if match := _OF_FLEET.match(message):
            raise UsageError(
                f"This command is for one database, and does not take {match[1]}.",
                "migrate, downgrade, backfill, pending and current take a fleet. Run this one for "
                "each database, with its DATABASE_URL.",
                code="takes-no-fleet",
            )
        raise UsageError(
            f"{message[:1].upper()}{message[1:]}.",
            f"List the arguments: {self.prog} --help",
            code="invalid-argument",
        )


def require_text(parsed: argparse.Namespace) -> None:
    """Refuse an argument that is empty, too long or not printable with UsageError."""
    for name, value in vars(parsed).items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and name != _FOREIGN:
                _require(name.replace("_", "-"), text)


def _require(name: str, text: str) -> None:
    if not text.strip() and name != _FREE:
        raise UsageError(
            f"The argument {name} is empty.",
            "Give it a value, or leave it out; a variable that is not set gives an empty argument.",
            code="empty-argument",
        )
    is_printable = text.isprintable() if name != _FREE else not re.search("[\ud800-\udfff]", text)
    if not is_printable or len(text) > _LONGEST:
        problem = f"longer than {_LONGEST} characters" if is_printable else "not printable text"
        raise UsageError(
            f"The argument {name} is {problem}.",
            "Write it in UTF-8, without control characters.",
            code="unusable-argument",
        )


def require_target(text: str, *, with_range: bool) -> None:
    """Refuse with UsageError what is no target: `head`, an id, `label@head`, `+1`, or `A:B`."""
    if not re.fullmatch(rf"(?:{_TARGET}:)?{_TARGET}" if with_range else _TARGET, text):
        raise UsageError(
            f"{text!r} is not a target.",
            "Name a revision, head, base, +1 or -1; with --sql also a range A:B.",
            code="invalid-target",
        )
