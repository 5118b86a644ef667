"""URLs of databases: read strictly, their passwords hidden in whatever is printed or stored."""

import re
from urllib.parse import quote, unquote, urlsplit

from pybase.core.errors import UsageError

DATABASE_URL = "DATABASE_URL"
REHEARSAL_URL = "PYBASE_REHEARSAL_URL"

_DRIVERS = ("psycopg", "psycopg_async", "psycopg2", "psycopg2cffi", "asyncpg", "pg8000")
SCHEMES = ("postgresql", "postgres", *(f"postgresql+{name}" for name in _DRIVERS))
"""URL schemes that mean psycopg 3 here, whatever else the application does with the same URL."""

_URL_HINT = (
    "Write it as postgresql://user:password@localhost:5432/pybase, with the characters @ / % # ? : "
    "of a password URL-encoded (@ is %40, / is %2F, % is %25, # is %23)."
)

_SHORTEST = 4
"""Shorter ones are not hidden: they occur in ordinary words."""

_secrets: set[str] = set()
"""Each password as it is written in its URL, decoded, and encoded."""


def conceal(url: str) -> None:
    """Let `redacted` hide the passwords of a URL, which may be malformed.

    One that is also a name in the URL, such as the user's, is no secret.
    """
    authority, _, query = url.partition("://")[2].partition("?")
    user, _, password = authority.rpartition("@")[0].partition(":")
    found = {password, *re.findall(r"(?i)(?:^|&)(?:ssl)?password=([^&]*)", query)}
    names = {unquote(name) for name in (user, *re.split(r"[@/:]", url.rpartition("@")[2]))}
    for secret in found:
        plain = unquote(secret)
        if len(plain) >= _SHORTEST and plain not in names:
            _secrets.update((secret, plain, quote(plain, safe=""), quote(plain)))


def redacted(text: str) -> str:
    """Return a text with each known password replaced."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def parse_url(raw: str, variable: str = DATABASE_URL) -> str:
    """Return any accepted spelling of a PostgreSQL URL in libpq's form.

    A password that is not URL-encoded is refused here, because libpq would quote the part of it
    that it reads as host or port. Raises UsageError, whose text holds nothing after the scheme.
    """
    if not raw.strip():
        raise UsageError(
            f"{variable} is set, but empty.",
            f"Set it to a URL, or unset it to use the embedded server: unset {variable} (or delete "
            "its line from .env).",
            code="empty-url",
        )
    scheme, separator, rest = raw.strip().partition("://")
    if not separator or not re.fullmatch(r"[a-z0-9+_]+", scheme):
        raise UsageError(f"{variable} is not a URL.", _URL_HINT, code="malformed-url")
    if scheme not in SCHEMES:
        raise UsageError(
            f"{variable} names {scheme!r}, which is no known driver of PostgreSQL, the only "
            "database that PyBase runs on.",
            "Write postgresql://; also allowed, and read as that, are the drivers "
            f"{', '.join(_DRIVERS)}, as in postgresql+psycopg2://",
            code="unsupported-backend",
        )
    _require_encoded(rest, variable)
    if scheme == "postgresql+asyncpg":
        rest = re.sub(r"([?&])ssl=", r"\1sslmode=", rest)  # asyncpg's name for the same parameter
    return f"postgresql://{rest}"


def _require_encoded(rest: str, variable: str) -> None:
    before_query, _, query = rest.partition("?")
    authority = before_query.partition("/")[0]
    stray_at = rest.count("@") - query.count("@") > 1 or "@" in before_query[len(authority) :]
    hidden_at = "@" in query and "@" not in before_query
    problem = ""
    if stray_at or hidden_at or re.search(r"%(?![0-9A-Fa-f]{2})|%00", rest):
        problem = "a character of its user or password is not URL-encoded"
    elif not rest.isprintable() or " " in rest:
        problem = "it holds a blank or a control character"
    elif not all(map(_has_port, authority.rpartition("@")[2].split(","))):
        problem = "its port is not a number from 1 to 65535"
    elif not _is_split(rest):
        problem = "what is in brackets is not an IPv6 address"
    if problem:
        raise UsageError(f"{variable} is malformed: {problem}.", _URL_HINT, code="malformed-url")


def _has_port(host: str) -> bool:
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]{0,5}))?", host)
    return match is not None and 1 <= int(match[2] or 5432) <= 65535


def _is_split(rest: str) -> bool:
    try:
        return bool(urlsplit(f"postgresql://{rest}"))
    except ValueError:
        return False
