"""A source with what env.py does on its connection: to look with, to run, to show a plan of."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from msgspec.structs import replace

from pybase.core.errors import CheckFailedError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.database import Database
from pybase.migrate.deploy import _env
from pybase.migrate.deploy._plan import Plan, plan
from pybase.migrate.deploy._sources import Source, built_source, record_source, unrendered_source
from pybase.migrate.record import Direction, StatementKind, VersionTable


def as_env_leaves_it(source: Source) -> Source:
    """Return a source with what env.py does on its connection to the database.

    It is run, unless it is known to do nothing there. Raises as `read_online`.
    """
    if is_quiet(source):
        return source
    history = source.history
    env = _env.read_env(history, source.database, _rendered(source))
    if env is None:
        return source
    return replace(source, env=env, version_table=env.version_table, history_read=[history])


def _rendered(source: Source) -> tuple[VersionTable, tuple[str, ...]] | None:
    """Return the version table of the SQL and what creates it; None where that is not known."""
    if source.runs_python:
        return None
    with suppress(sqlfiles.StaleError):
        return source.version_table, source.setup
    return None


def is_quiet(source: Source) -> bool:
    """Whether env.py is known to do nothing on its connection."""
    if source.runs_python:
        return False
    file = sqlfiles.env_file(source.settings)
    if file is None or source.settings.x:
        return False
    return _env.delegates(file) or _env.is_noted(source.settings, file, source.version_table)


def runnable(source: Source, reporter: Reporter) -> Source:
    """Return a source to run from, as `as_env_leaves_it`.

    Where env.py does what the SQL cannot contain, Alembic runs the revisions of the embedded
    server's project. Raises CheckFailedError on any other.
    """
    source = as_env_leaves_it(source)
    reason = "" if source.runs_python else _reason_for_alembic(source)
    if not reason:
        return source
    if not source.database.is_embedded:
        raise CheckFailedError(
            f"{reason}, which the reviewed SQL does not contain.",
            "Let Alembic run the revisions' Python: --python-revisions",
            code="needs-alembic",
        )
    reporter.note(f"{reason}: Alembic runs the revisions.")
    return as_env_leaves_it(unrendered_source(source.settings, source.database))


def _reason_for_alembic(source: Source) -> str:
    """Return what only Alembic can follow, as the beginning of a sentence."""
    env = source.env
    if env is not None and env.has_translation:
        return "env.py sets schema_translate_map"
    if env is not None and env.has_other_names:
        return "env.py passes other models online, with another naming convention"
    if env is not None and env.rewrites is not None and _is_rewritten(source, env.rewrites):
        return "A listener of env.py changes the statements before they are executed"
    if env is not None and env.has_callbacks and not _has_hooks(source):
        return "env.py sets on_version_apply"
    if source.settings.x and (readers := [r for r in source.graph if _reads_x(source, r)]):
        return f"Revision {readers[0]} reads the arguments of -x"
    return ""


def _is_rewritten(source: Source, rewrites: Callable[[str], bool]) -> bool:
    return any(
        rewrites(statement.sql)
        for revision in source.graph
        for direction in Direction
        for statement in source.record(revision, direction).scripts[direction].statements
        if statement.kind is StatementKind.OWN
    )


def _has_hooks(source: Source) -> bool:
    """Whether the SQL has what the functions of env.py's on_version_apply execute."""
    return any(
        statement.kind is StatementKind.HOOK
        for revision in source.graph
        for statement in source.record(revision, Direction.UPGRADE).scripts.upgrade.statements
    )


def _reads_x(source: Source, revision: str) -> bool:
    path = source.settings.root / source.record(revision).revision.path
    return b"get_x_argument" in path.read_bytes()


def preview(
    connection: psycopg.Connection[Any],
    settings: Settings,
    database: Database,
    destination: str | None,
) -> Plan:
    """Plan an upgrade to show it: from the committed records, or from new ones where stale.

    Raises as `plan` and `sqlfiles.build`.
    """
    with suppress(sqlfiles.StaleError):
        if (committed := sqlfiles.load(settings)) is not None:
            return _previewed(connection, record_source(settings, database, committed), destination)
    return _previewed(connection, built_source(settings, database), destination)


def _previewed(
    connection: psycopg.Connection[Any], source: Source, destination: str | None
) -> Plan:
    source = as_env_leaves_it(source)
    source.prepare(connection)
    return plan(connection, source, destination, Direction.UPGRADE)
