"""Where each database of a fleet is, read before anything is changed: one query for each.

The schemas of one database are read together.
"""

from collections.abc import Iterable
from contextlib import suppress
from functools import cache

import psycopg
from msgspec import Struct
from msgspec.structs import replace
from psycopg import sql

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.migrate import deploy
from pybase.migrate.database import Database, connect, require_known, server_errors
from pybase.migrate.deploy import Source
from pybase.migrate.fleet._members import Fleet, Member
from pybase.migrate.fleet._reporter import Receive
from pybase.migrate.fleet._run import Limits, Outcome, go_over
from pybase.migrate.record import Direction, Record, ScriptStatus

_AT_ONCE = 200
"""Schemas that are read by one query, which locks their version tables."""


class Status(Struct, frozen=True):
    """Where a database is, and the revisions that lead it to the target.

    `path` is None where only Alembic can find it; `error` is why nothing is known.
    """

    heads: tuple[str, ...] = ()
    path: tuple[str, ...] | None = None
    error: BaseException | None = None


def shared_source(fleet: Fleet, source: Source) -> Source:
    """Return the source of all databases of a fleet, from that of its canary: records load once.

    Raises CheckFailedError for schemas that would share a version table.
    """
    if fleet.has_schemas and source.version_table.schema is not None:
        raise CheckFailedError(
            f"env.py configures the version table {source.version_table.quoted}, which all schemas "
            "would share.",
            "Give it no version_table_schema: each schema holds its own version table.",
            code="shared-version-table",
        )
    histories = source.history_read
    with suppress(PybaseError):  # such as a canary that is not there, which is reported in its turn
        histories = deploy.as_env_leaves_it(source).history_read  # what did nothing is noted
    return replace(source, record=cache(source.record), history_read=histories)


def read_statuses(
    fleet: Fleet, source: Source, limits: Limits, destination: str, direction: Direction
) -> dict[str, Status]:
    """Return where each database is, by its name; one that is ahead of the checkout is an error.

    Where env.py has to be run on a database to know that, it is, and then one by one. Raises
    UsageError for an unknown target.
    """
    is_quiet = deploy.is_quiet(source)
    known = _heads_of_schemas(fleet, source) if is_quiet and fleet.has_schemas else {}

    def work(member: Member, _receive: Receive) -> Status:
        own = source.of(member.database)
        read = _heads if is_quiet else _heads_of_env
        heads = known.get(member.name) or read(own)
        require_known(heads, source.graph)
        return Status(heads, _path(source, heads, destination, direction))

    outcomes: dict[str, Outcome] = {}
    jobs = limits.jobs if is_quiet and not known else 1
    go_over(fleet.members, work, Limits(jobs), lambda _: None, outcomes)
    statuses = {
        name: outcome.value or Status(error=outcome.error) for name, outcome in outcomes.items()
    }
    for status in [s for s in statuses.values() if s.path is None and s.error is None][:1]:
        source.history.path_to(status.heads, destination, direction)  # a target that is none
    return statuses


def needs_alembic(source: Source, statuses: Iterable[Status], direction: Direction) -> bool:
    """Whether Alembic runs for some database: it works on one after the other only.

    For env.py, a target that it has to find, a revision without SQL, or a rehearsal. Raises
    StaleError for a revision whose SQL is.
    """
    if not deploy.is_quiet(source):
        return True
    paths = [status.path for status in statuses if status.error is None]
    revisions = {revision for path in paths for revision in path or ()}
    records = [source.record(revision, direction) for revision in sorted(revisions)]
    return None in paths or not all(_is_plain(record, direction) for record in records)


def _is_plain(record: Record, direction: Direction) -> bool:
    script = record.scripts[direction]
    is_known = direction.is_upgrade or record.effects(direction).is_rehearsed
    return script.status is ScriptStatus.IRREVERSIBLE or (script.has_sql and is_known)


def _path(
    source: Source, heads: tuple[str, ...], destination: str, direction: Direction
) -> tuple[str, ...] | None:
    path = source.find(heads, destination, direction)
    return None if path is None else tuple(path)


def _heads(source: Source) -> tuple[str, ...]:
    """Return the revisions that a database is at, by one query where it has a version table."""
    database, table = source.database, source.version_table.quoted
    with server_errors(database), connect(database, is_short=True, autocommit=True) as connection:
        source.prepare(connection)
        with suppress(psycopg.errors.UndefinedTable):
            rows = connection.execute(f"SELECT version_num FROM {table}".encode())
            return tuple(version for (version,) in rows)
        return source.heads(connection)


def _heads_of_env(source: Source) -> tuple[str, ...]:
    return deploy.read_status(source)[0]


def _heads_of_schemas(fleet: Fleet, source: Source) -> dict[str, tuple[str, ...]]:
    """Return the revisions of each schema, without those whose version table cannot be read."""
    heads: dict[str, tuple[str, ...]] = {}
    names, table = [member.name for member in fleet.members], source.version_table.name
    database = Database(fleet.canary.database.url, is_embedded=False)
    with server_errors(database), connect(database, autocommit=True) as connection:
        readable = [name for (name,) in connection.execute(_READABLE, [table, names])]
        for start in range(0, len(readable), _AT_ONCE):
            union = sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {}, version_num FROM {}").format(name, sql.Identifier(name, table))
                for name in readable[start : start + _AT_ONCE]
            )
            with suppress(psycopg.errors.UndefinedTable):  # dropped meanwhile: it is read alone
                for name, version in connection.execute(union):
                    heads[name] = (*heads.get(name, ()), version)
    return heads


_READABLE = """
SELECT n.nspname::text FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid
WHERE c.relname = %s AND n.nspname = ANY(%s)
AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
"""
