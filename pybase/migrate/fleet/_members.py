"""The databases of a fleet: those of a file, those of a server, or the schemas of one database."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.migrate.database import Database, connect, read_url, server_errors
from pybase.migrate.fleet._file import read_file, read_member_url
from pybase.postgres import with_database

OF_SERVER = "the URL of --fleet"
"""The place of the URLs of a fleet that is all databases of a server."""


class Member(Struct, frozen=True):
    """A database of a fleet, or one of its schemas, with the name that it has in messages."""

    name: str
    database: Database


class Fleet(Struct, frozen=True):
    """The databases, the one that is migrated before all others first.

    `left_out` are the names that match and cannot be connected to by anyone.
    """

    members: tuple[Member, ...]
    place: str
    """Where their URLs are, as an error names that."""
    left_out: tuple[str, ...] = ()

    @property
    def canary(self) -> Member:
        """The one that is migrated first."""
        return self.members[0]

    @property
    def has_schemas(self) -> bool:
        """Whether its members are schemas of one database."""
        return self.canary.database.schema is not None


def read_fleet(argument: str, canary: str | None) -> Fleet:
    """Return the fleet that `--fleet` names: a file, or a URL with `each=PATTERN`.

    Raises UsageError, and DatabaseError for a server that cannot be asked.
    """
    if "://" in argument:
        return _of_server(argument, canary)
    file = read_file(Path(argument))
    members = [
        Member(name, Database(read_member_url(url, f"The URL of {name}"), is_embedded=False))
        for name, url in file.databases.items()
    ]
    _require_distinct(members)
    return _fleet(members, canary or file.canary, argument, argument)


def _of_server(argument: str, canary: str | None) -> Fleet:
    """Return the databases of a server whose names match."""
    match = re.search(r"([?&])each=([^&]*)(&|$)", argument)
    if match is None or not match[2]:
        raise UsageError(
            "The URL of --fleet names no databases.",
            "Add a pattern, in which % is any text: --fleet 'postgresql://host/?each=customer_%'",
            code="fleet-without-pattern",
        )
    rest = argument[: match.start()] + (match[1] if match[3] else "") + argument[match.end() :]
    url = read_member_url(rest, "The URL of --fleet")
    name = read_url(url).get("dbname") or "postgres"
    server = Database(with_database(url, name), is_embedded=False)
    rows = _ask(server, _DATABASES, match[2])
    members = [
        Member(name, Database(with_database(url, name), is_embedded=False))
        for name, is_open in rows
        if is_open
    ]
    left_out = tuple(name for name, is_open in rows if not is_open)
    return _fleet(members, canary, OF_SERVER, match[2], left_out)


def read_schemas(database: Database, pattern: str, canary: str | None) -> Fleet:
    """Return the schemas of a database whose names match, each with a history of its own.

    Raises UsageError, and DatabaseError for a server that cannot be asked.
    """
    database = Database(database.url, is_embedded=False)
    members = [
        Member(name, database.in_schema(name)) for (name,) in _ask(database, _SCHEMAS, pattern)
    ]
    return _fleet(members, canary, "DATABASE_URL", pattern)


def _fleet(
    members: Sequence[Member],
    canary: str | None,
    place: str,
    source: str,
    left_out: Iterable[str] = (),
) -> Fleet:
    if not members:
        raise UsageError(
            f"The fleet has no database: nothing matches {source}.",
            "Compare the pattern with what is there: % is any text, all else is as written.",
            code="empty-fleet",
        )
    names = [member.name for member in members]
    if canary is not None and canary not in names:
        raise UsageError(
            f"The canary {canary!r} is not in the fleet.",
            f"They are {', '.join(names[:10])}{' ...' if len(names) > 10 else ''}.",
            code="unknown-canary",
        )
    first = names[0] if canary is None else canary
    ordered = sorted(members, key=lambda member: member.name != first)  # stable
    return Fleet(tuple(ordered), place, tuple(left_out))


def _require_distinct(members: Iterable[Member]) -> None:
    """Refuse two names of one database: its second run would wait for the first."""
    known: dict[tuple[object, ...], str] = {}
    for member in members:
        parts = read_url(member.database.url)
        place = *(parts.get(key) for key in ("host", "hostaddr", "port")), _database_of(parts)
        if (other := known.setdefault(place, member.name)) != member.name:
            raise UsageError(
                f"{other} and {member.name} of the fleet are the same database.",
                "Name it once.",
                code="duplicate-member",
            )


def _database_of(parts: dict[str, object]) -> object:
    return parts.get("dbname") or parts.get("user")


def _ask(database: Database, query: str, pattern: str) -> list[tuple[str, ...]]:
    """Return the rows of names that match; of a pattern only % is special, and not _."""
    plain = pattern.replace("\\", r"\\").replace("_", r"\_")
    with server_errors(database), connect(database, autocommit=True) as connection:
        return connection.execute(query, [plain]).fetchall()


_DATABASES = """
SELECT datname::text, datallowconn AND NOT datistemplate
FROM pg_database WHERE datname LIKE %s ORDER BY datname
"""

_SCHEMAS = """
SELECT nspname::text FROM pg_namespace
WHERE nspname LIKE %s AND nspname NOT LIKE 'pg\\_%%' AND nspname <> 'information_schema'
ORDER BY nspname
"""
