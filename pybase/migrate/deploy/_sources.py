"""Sources of a plan: the records that it is made from, and Alembic where these do not suffice.

Records are those of `sql/`, which were reviewed; the revisions' Python is run where it is asked
for, and where the embedded server's project has no `sql/` yet.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg
from msgspec import Struct
from msgspec.structs import replace

from pybase.core.errors import CheckFailedError
from pybase.core.humanize import counted
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.database import Database, Ledger, read_heads, require_schema
from pybase.migrate.deploy import _env
from pybase.migrate.record import (
    Direction,
    Directions,
    Graph,
    Record,
    RevisionReport,
    Script,
    ScriptStatus,
    StatementKind,
    VersionTable,
)

if TYPE_CHECKING:
    from pybase.migrate.revisions import History, OnlineEnv


class Source(Struct, frozen=True, dict=True):
    """The records that a plan is made from, and Alembic where these do not suffice."""

    settings: Settings
    database: Database
    graph: Graph
    version_table: VersionTable
    record: Callable[..., Record]
    """Returns the record of a revision, with the statements of the directions that follow it."""
    find: Callable[[Sequence[str], str, Direction], list[str] | None]
    stale: frozenset[str] = frozenset()
    history_read: "list[History]" = []
    runs_python: bool = False
    """Whether Alembic runs the revisions, on the connection that env.py prepares."""
    env: "OnlineEnv | None" = None
    """What env.py does on its connection; None where that is nothing, or not read yet."""

    def heads(self, connection: psycopg.Connection[Any]) -> tuple[str, ...]:
        """Return the revisions that a database is at, over a connection that is `prepared`."""
        if self.runs_python:
            env = _env.read_env(self.history, self.database, None)
            return () if env is None else env.heads
        return read_heads(connection, self.version_table, self.graph)

    def of(self, database: Database) -> "Source":
        """Return the same records for another database."""
        return replace(self, database=database, env=None)

    def prepare(self, connection: psycopg.Connection[Any]) -> None:
        """Give a session the settings and the role that env.py gives its own.

        Raises CheckFailedError where it is not in the schema of the database any more.
        """
        if self.session:
            connection.execute("; ".join(self.session).encode())
        require_schema(connection, self.database)

    @cached_property
    def latest(self) -> str:
        """The destination of an upgrade that names none: `heads` for branches by design."""
        followed = {parent for parents in self.graph.values() for parent in parents}
        return "head" if len(self.graph.keys() - followed) < 2 else self.history.latest

    @property
    def session(self) -> tuple[str, ...]:
        """The statements that do so."""
        return self.env.session if self.env is not None else ()

    @cached_property
    def history(self) -> "History":
        """The history as Alembic reads it."""
        return self.history_read[0] if self.history_read else sqlfiles.read_history(self.settings)

    @property
    def setup(self) -> tuple[str, ...]:
        """The statements that create the version table and the ledger."""
        if self.env is not None:
            table = self.version_table
            return (*table.schema_sql, self.env.create_table, Ledger(table).create_sql)
        roots = [revision for revision, parents in self.graph.items() if not parents]
        scripts = (self.record(root, Direction.UPGRADE).scripts.upgrade for root in roots[:1])
        return tuple(
            statement.sql
            for script in scripts
            for statement in script.statements
            if statement.kind is StatementKind.SETUP
        )


def committed_source(settings: Settings, database: Database, reporter: Reporter) -> Source:
    """Return the source to run from: what was reviewed.

    Raises StaleError, and CheckFailedError where there is no `sql/`; on the embedded server, which
    is its developer's own, Alembic then runs the revisions.
    """
    committed = sqlfiles.load(settings)
    if committed is not None:
        return record_source(settings, database, committed)
    folder = f"{settings.options.sql}/"
    if not database.is_embedded:
        raise CheckFailedError(
            f"There is no {folder}{sqlfiles.MANIFEST}, so no SQL of the revisions was reviewed.",
            f"Run `nox -s sql`, have it reviewed, and commit {folder}; or let Alembic run the "
            "revisions' Python: --python-revisions",
            code="no-reviewed-sql",
        )
    reporter.note(f"There is no {folder}: Alembic runs the revisions.")
    return unrendered_source(settings, database)


def renewed_source(
    error: sqlfiles.StaleError, settings: Settings, database: Database, reporter: Reporter
) -> Source:
    """Return the source to run from where the committed SQL is stale.

    On the embedded server, stale SQL is written again. Raises `error` on any other.
    """
    if not database.is_embedded:
        raise error
    _write_again(settings, reporter, error.reason)
    return committed_source(settings, database, reporter)


def python_source(settings: Settings, database: Database, reporter: Reporter) -> Source:
    """Return the source to run from where the revisions' Python was asked for by name."""
    reporter.note(f"Alembic runs the revisions' Python, not {settings.options.sql}/.")
    return unrendered_source(settings, database)


def record_source(settings: Settings, database: Database, committed: sqlfiles.Committed) -> Source:
    """Return the source of committed records. Raises StaleError."""
    return Source(
        settings,
        database,
        committed.graph,
        committed.version_table,
        committed.record,
        committed.path,
    )


def _write_again(settings: Settings, reporter: Reporter, reason: str) -> None:
    try:
        changes = sqlfiles.write(settings).changes
    except CheckFailedError as error:  # a revision without SQL; the others are written
        reporter.note(error.problem)
        changes = ()
    count = f": {counted(len(changes), 'file')}" if changes else ""
    reporter.note(f"{settings.options.sql}/ was stale ({reason}) and is written again{count}.")


def built_source(settings: Settings, database: Database) -> Source:
    """Return the source of records that are rendered and rehearsed now, to show and not to run.

    Raises as sqlfiles.build.
    """
    history = sqlfiles.read_history(settings)
    built = sqlfiles.build(history)
    records = {record.revision.id: record for record in built.records}
    return Source(
        settings,
        database,
        {revision: record.revision.parents for revision, record in records.items()},
        built.rendered.version_table,
        lambda revision, *_: records[revision],
        lambda *_: None,
        sqlfiles.stale_revisions(settings, built),
        [history],
    )


def unrendered_source(settings: Settings, database: Database) -> Source:
    """Return the source of a history whose revisions only Alembic runs."""
    from pybase.migrate.revisions import (  # Alembic runs it
        configured_version_table,
        read,
    )

    history = read(settings)
    table = configured_version_table(history)
    script = Script(status=ScriptStatus.PYTHON, reason="there is no SQL")
    revisions = {script.revision: history.describe(script) for script in history.revisions}

    def record(revision: str, *_directions: Direction) -> Record:
        return Record(revisions[revision], table, Directions(script, script), RevisionReport())

    return Source(
        settings,
        database,
        {revision: described.parents for revision, described in revisions.items()},
        table,
        record,
        lambda *_: None,
        history_read=[history],
        runs_python=True,
    )


def status_source(settings: Settings, database: Database) -> Source:
    """Return the source to look at a database with; nothing is rendered."""
    with suppress(sqlfiles.StaleError):
        if (committed := sqlfiles.load(settings)) is not None:
            return record_source(settings, database, committed)
    return unrendered_source(settings, database)
