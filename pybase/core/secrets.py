"""Secrets: the passwords of the URLs that were read, hidden in whatever is printed or stored."""

import re
from urllib.parse import quote, unquote

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
