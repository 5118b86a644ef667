"""The database at hand, which DATABASE_URL names, or the embedded one; connections to it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pybase import postgres  # lazy: its modules are imported for a server of ours only
from pybase.core.errors import CheckFailedError, DatabaseError, UsageError
from pybase.core.settings import Settings, database_url
from pybase.core.urls import DATABASE_URL
from pybase.migrate.database._limited import HAS_ANSWERED, KEEPALIVES, LimitedConnection
from pybase.migrate.database._unreachable import unreachable

if TYPE_CHECKING:
    from pybase.postgres import Cluster

CONNECT_TIMEOUT_S = 10
"""Seconds to wait for a server, per host, unless the URL has `connect_timeout`."""

EMBEDDED_DATABASE = "pybase"


@dataclass(frozen=True)
class Database:
    """A database to work on. `url` is libpq's and may hold a password: it is never printed."""

    url: str = field(repr=False)
    is_embedded: bool
    is_scratch: bool = False
    schema: str | None = None
    """The schema that is migrated, of one that has several with a history each."""
    _address: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Where the first connection was made: all others are made there, and not to another host."""

    @property
    def name(self) -> str:
        """Who and where, without secrets: `user@host:port/database`."""
        parts = read_url(self.url)
        host = parts.get("host") or parts.get("hostaddr") or "local socket"
        port = f":{parts['port']}" if parts.get("port") else ""
        user = f"{parts['user']}@" if parts.get("user") else ""
        place = f"{user}{host}{port}/{parts.get('dbname') or parts.get('user') or ''}"
        return place if self.schema is None else f"{place}, schema {self.schema}"

    def in_schema(self, schema: str) -> "Database":
        """Return one of its schemas as a database: all its sessions search that schema only.

        By a startup option, which RESET ALL keeps.
        """
        quoted = '"' + schema.replace('"', '""') + '"'
        path = re.sub(r"([\\\s])", r"\\\1", quoted)  # a blank would end the option
        given = read_url(self.url).get("options", "")
        url = make_conninfo(self.url, options=f"{given} -c search_path={path}".lstrip())
        return Database(url, is_embedded=self.is_embedded, schema=schema)


def find_database(settings: Settings) -> Database:
    """Return the user's database; starts the embedded server when none is configured.

    Raises UsageError for a malformed DATABASE_URL, DatabaseError when the embedded server
    cannot start.
    """
    url = database_url(settings)
    if url is not None:
        return Database(url, is_embedded=False)
    url = embedded(settings).ensure_database(EMBEDDED_DATABASE)
    if settings.options.roles:
        postgres.ensure_roles(url, settings.options.roles)
    return Database(url, is_embedded=True)


def announcement(database: Database) -> str:
    """Return one line: which database is used, and how to reach it."""
    if database.is_embedded:
        return "Using the embedded PostgreSQL (reach it: nox -s db -- psql, or -- url)."
    return f"Using {database.name}, from DATABASE_URL."


def is_at_hand(settings: Settings) -> bool:
    """Whether the user's database answers now. Starts nothing.

    Raises UsageError for a malformed DATABASE_URL.
    """
    url = database_url(settings)
    if url is None:
        return embedded(settings).is_running()
    try:
        connect(Database(url, is_embedded=False), connect_timeout=2).close()
    except DatabaseError:
        return False
    return True


def is_there(settings: Settings) -> bool:
    """Whether the user's database answers, or the embedded one can be started with its data."""
    if database_url(settings) is None:
        return embedded(settings).data.exists()
    return is_at_hand(settings)


def require_known(current: Iterable[str], known: Collection[str]) -> None:
    """Refuse a database that is ahead of the checkout with the revisions `known`.

    Raises CheckFailedError that names the first revision of `current` which is not among them.
    """
    for revision in current:
        if revision not in known:
            raise CheckFailedError(
                f"The database is at revision {revision}, which this checkout does not have.",
                "Check out the branch that has it (git fetch && git log --all -- "
                f"'*{revision}*'), or point DATABASE_URL at another database.",
                code="database-ahead",
            )


def embedded(settings: Settings) -> "Cluster":
    """Return the developer's own embedded server, running or not."""
    with suppress(OSError):  # nothing can be written: it may run nevertheless
        settings.prepare_state()
    directory = postgres.locate(settings.root)
    return postgres.kept_cluster(settings.root, directory, settings.versions[-1])


def scratch_at(url: str) -> Database:
    """Return a scratch database, whose sessions have PostgreSQL's default settings."""
    return Database(url, is_embedded=True, is_scratch=True)


def connect(
    database: Database, *, is_short: bool = False, **options: Any
) -> psycopg.Connection[Any]:
    """Open a connection whose text is UTF-8; `options` are libpq's or psycopg's.

    The first one chooses among several hosts, one that can be written to unless the user specifies
    otherwise; all others of the same `database` are made there. libpq's variables are read for the
    user's own server only. With `is_short`, each answer of that server is lost when it takes longer
    than ANSWER_S; else the server is asked then whether it has answered.

    Raises DatabaseError in one sentence, which names the server and never the password.
    """
    is_ours = database.is_embedded
    known = ({} if is_ours else _by_variables()) | read_url(database.url)
    missing = {name: value for name, value in _defaults(known).items() if name not in known}
    missing["client_encoding"] = "UTF8"  # as files and queries are, whatever the URL or role sets
    try:
        connection = _open(database)(database.url, **(missing | options | database._address))
    except psycopg.Error as error:
        raise unreachable(database.name, error) from None  # the chain would show the URL's parts
    if isinstance(connection, LimitedConnection) and not is_short:
        connection.has_answered = partial(has_answered, database, connection.info.backend_pid)
    if not is_ours and not database._address:
        info = connection.info
        address = {"host": info.host, "hostaddr": info.hostaddr, "port": info.port}
        database._address.update({name: value for name, value in address.items() if value})
    return connection


def _open(database: Database) -> Callable[..., psycopg.Connection[Any]]:
    """Return the function that connects; no answer of a server on this machine can be lost."""
    if database.is_scratch:
        return postgres.connect_scratch
    return postgres.connect if database.is_embedded else LimitedConnection.connect


def _by_variables() -> dict[str, str]:
    """Return what libpq's variables specify, but for what is libpq's own default."""
    return {
        option.keyword.decode(): option.val.decode()
        for option in pq.Conninfo.get_defaults()
        if option.val is not None and option.val != option.compiled
    }


def _defaults(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a connection where the user specifies none."""
    defaults = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "pybase", **KEEPALIVES}
    has_several = any("," in str(known.get(name)) for name in ("host", "hostaddr"))
    return defaults | ({"target_session_attrs": "read-write"} if has_several else {})


def has_answered(database: Database, pid: int) -> bool:
    """Whether the server has answered the session `pid`; false where that is unknown."""
    with suppress(psycopg.Error, DatabaseError):
        with connect(database, is_short=True, autocommit=True) as observer:
            return observer.execute(HAS_ANSWERED, [pid]).fetchone() is not None
    return False


def engine(database: Database) -> Any:
    """Return a SQLAlchemy engine whose URL is empty: no traceback of it can show a password."""
    import sqlalchemy as sa  # 0.2 s, and a fresh history is applied without it

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(database),
        poolclass=sa.NullPool,
        hide_parameters=True,
    )


def read_url(url: str, variable: str = DATABASE_URL) -> dict[str, Any]:
    """Return the parameters of a URL, as libpq reads it. Raises UsageError."""
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        unknown = re.search(r"invalid URI query parameter: \"(\w+)\"", str(error))
        if unknown:
            raise UsageError(
                f"{variable} has the parameter {unknown[1]}, which libpq does not know.",
                f"Remove it from {variable}.",
                code="unknown-parameter",
            ) from None
        # libpq's message may quote the password when a character of it was not encoded
        raise UsageError(
            f"{variable} is malformed.",
            "Write it as postgresql://user:password@localhost:5432/pybase, with the password "
            "URL-encoded.",
            code="unreadable-url",
        ) from None
