"""`fleet.toml`: names and URLs of databases, whose passwords are in environment variables."""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

from pybase.core.errors import UsageError
from pybase.core.urls import conceal, parse_url
from pybase.migrate.database import read_url

_Name = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,98}\S)?$")]


class FleetFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file: `databases` by name, in the order in which they are migrated."""

    databases: dict[_Name, str]
    canary: str | None = None


def read_file(path: Path) -> FleetFile:
    """Read a fleet.toml. Raises UsageError for what cannot be read, or is no such file."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
        return msgspec.convert(document, FleetFile)
    except (OSError, ValueError, RecursionError) as error:  # msgspec's error is a ValueError
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"The fleet {path} cannot be read: {' '.join(str(reason).split())}.",
            'Write a table of names and URLs: [databases] berlin = "postgresql://..."',
            code="unreadable-fleet",
        ) from None  # the chain would show a URL


def read_member_url(raw: str, label: str) -> str:
    """Return a URL in libpq's form, with the values of its `${VARIABLE}`s.

    A variable that is a part of it is a plain text, and is URL-encoded here. Raises UsageError for
    a missing variable, and for a password that is written in the URL itself.
    """
    conceal(_VARIABLE.sub("", raw))
    if _VARIABLE.fullmatch(raw):
        raw = filled = _value(raw[2:-1], label, os.environ)
    else:
        _require_no_password(_VARIABLE.sub("", raw), label)
        filled = _VARIABLE.sub(
            lambda match: quote(_value(match[1], label, os.environ), safe=""), raw
        )
    conceal(filled)
    url = parse_url(filled, label)
    read_url(url, label)
    return url


_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def _value(name: str, label: str, variables: Mapping[str, str]) -> str:
    if not variables.get(name):
        raise UsageError(
            f"{label} has ${{{name}}}, and the environment variable {name} is not set, or empty.",
            f"Set {name}, for example from the secrets of your CI.",
            code="missing-variable",
        )
    return variables[name]


def _require_no_password(raw: str, label: str) -> None:
    """Refuse a secret that is written where others read it; its variables are taken out of it."""
    authority, _, query = raw.partition("://")[2].partition("?")
    user = authority.rpartition("@")[0].partition("/")[0]
    if user.partition(":")[2] or re.search(r"(?i)(?:^|&)(?:ssl)?password=[^&]", query):
        raise UsageError(
            f"{label} has a password in it.",
            "Put the password into an environment variable, and name that in the URL: "
            "postgresql://user:${BERLIN_PASSWORD}@host/database",
            code="literal-password",
        )
