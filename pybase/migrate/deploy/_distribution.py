"""A database with Citus brought to the layout that the models declare.

What is linked by foreign keys is distributed in one transaction: Citus checks a foreign key between
a distributed table and a local one on neither side. A kill leaves all of it, or nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core import humanize
from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError, UsageError
from pybase.core.reporter import Reporter
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.migrate import layout
from pybase.migrate.database import Database, connect, server_error, server_errors
from pybase.migrate.deploy._lock_waits import LockRetry, OutOfTimeError
from pybase.migrate.deploy._locked import Locked
from pybase.migrate.sql import QualifiedName, literal
from pybase.migrate.sqlfiles import committed_layout


class Planned(Struct, frozen=True):
    """What has to be done, with the tables as they are now."""

    todo: layout.Distribution
    schema: layout.ObservedSchema


def plan_distribution(settings: Settings, database: Database) -> Planned:
    """Return what `distribute` would do. Changes nothing.

    Raises UsageError without a layout, or without Citus; CheckFailedError for what Citus refuses.
    """
    layouts = _required_layout(settings)
    with server_errors(database), connect(database, autocommit=True) as connection:
        return _planned(connection, database, layouts)


def distribute(locked: Locked, reporter: Reporter) -> int:
    """Bring a database to its layout; returns how many tables were distributed.

    Raises as `plan_distribution`, and DatabaseError where the server does not yield its locks.
    """
    settings, database = locked.source.settings, locked.source.database
    layouts = _required_layout(settings)
    options, pid = settings.options.migrate, locked.backend.pid
    retry = LockRetry(locked.lock.connection, pid, options, reporter)
    run = _Run(locked, reporter, retry)
    try:
        todo = _planned(locked.connection, database, layouts).todo
        with retry:
            run.together(todo.together)
            for table in todo.concurrent:
                run.concurrently(table)
            run.clean(_planned(locked.connection, database, layouts).todo.leftovers)
    except psycopg.Error as error:
        raise refused(database, error, statement=run.statement) from None
    except OutOfTimeError as error:
        raise out_of_time(settings, error) from None
    return len(todo.together) + len(todo.concurrent)


def refused(
    database: Database, error: psycopg.Error, *, statement: str = "", state: str = ""
) -> PybaseError:
    """Return the error for what the server answers to a distribution."""
    place = " while the tables were distributed"
    known = server_error(database, error, place=place, state=state, statement=statement)
    if known.code != "revision-failed":
        return known
    return CheckFailedError(
        known.problem,
        "Correct that; docs/scale-out.md has the settings that Citus needs. Then run "
        "`nox -s distribute`: what is distributed is not distributed again.",
        code="distribution-failed",
    )


def distribute_new(locked: Locked, retry: LockRetry, reporter: Reporter) -> str:
    """Distribute the tables that a revision has created, while they are empty.

    Returns why some are not distributed, or ''. Raises psycopg.Error and OutOfTimeError.
    """
    layouts = committed_layout(locked.source.settings)
    if not layouts:
        return ""
    schema = layout.observe(locked.connection, layouts, on_citus=True)
    todo = layout.plan(layouts, schema)
    missing = [*todo.together, *todo.concurrent]
    names = {table.table for table in missing}
    if not names:
        return ""
    if any(table.has_rows for table in schema.tables if table.table in names):
        return f"{_labels(missing)} have rows, and are not distributed"
    if layout.obstacles(layouts, schema) or layout.differences(layouts, schema):
        return f"{_labels(missing)} cannot be distributed as they are"
    _Run(locked, reporter, retry).together(todo.together)
    return ""


def _labels(layouts: Sequence[layout.TableLayout]) -> str:
    return ", ".join(item.table.label for item in layouts)


def _required_layout(settings: Settings) -> tuple[layout.TableLayout, ...]:
    layouts = committed_layout(settings)
    if not layouts:
        raise UsageError(
            "No model declares how its table is spread over a cluster.",
            'Declare it as info={"citus": {"distributed_by": "COLUMN"}} of the tables, then run '
            "`nox -s sql`.",
            code="no-layout",
        )
    return layouts


def _planned(
    connection: psycopg.Connection[Any],
    database: Database,
    layouts: Sequence[layout.TableLayout],
) -> Planned:
    if not layout.has_citus(connection):
        raise UsageError(
            f"The database is PostgreSQL without Citus ({database.name}), which has all tables on "
            "one server.",
            "Run CREATE EXTENSION citus there and on each worker, then citus_add_node; see "
            "docs/scale-out.md.",
            code="no-citus",
        )
    schema = layout.observe(connection, layouts, on_citus=True)
    require_possible(layouts, schema, "the database")
    if different := layout.differences(layouts, schema):
        raise CheckFailedError(
            "The database is spread in another way than the models declare:\n"
            + "\n".join(f"  {line}" for line in different),
            "Undo that with SELECT undistribute_table('TABLE', cascade_via_foreign_keys => true), "
            "or change the models; then run the same command again.",
            code="layout-differs",
        )
    return Planned(layout.plan(layouts, schema), schema)


def require_possible(
    layouts: Sequence[layout.TableLayout], schema: layout.ObservedSchema, where: str
) -> None:
    """Refuse a schema that Citus could not distribute. Raises CheckFailedError."""
    if obstacles := layout.obstacles(layouts, schema):
        raise CheckFailedError(
            f"Citus cannot spread the tables of {where} as the models declare:\n"
            + "\n".join(f"  {obstacle}" for obstacle in obstacles),
            "Change the keys in a revision, or the layout in the models.",
            code="layout-refused",
        )


class _Run:
    """The statements of a distribution on a session; `statement` is the last that was sent."""

    def __init__(self, locked: Locked, reporter: Reporter, retry: LockRetry) -> None:
        self._locked, self._reporter, self._retry = locked, reporter, retry
        self._check = f"SELECT 1 / ({locked.lock.held_sql})::int"
        self.statement = ""

    def _tried(self, statement: str, before: Sequence[str] = ()) -> None:
        """Send a statement in a transaction, again and again until it has its locks."""
        self.statement = statement

        def attempt(lock_timeout_ms: int) -> None:
            limit = layout.lock_timeout_everywhere(f"{lock_timeout_ms}ms")
            with self._locked.connection.transaction():
                for text in (limit, self._check, *before, statement, self._check):
                    self._locked.connection.execute(text.encode())

        self._retry.run(attempt, is_blocking=True)

    def together(self, layouts: Sequence[layout.TableLayout]) -> None:
        """Distribute tables in one transaction; all locks that writers feel are taken first."""
        if not layouts:
            return
        names = ", ".join(item.table.quoted for item in layouts)
        block = layout.rendered_block(layouts)
        self._reporter.echo(f"{block};")
        self._tried(block, [f"LOCK TABLE {names} IN EXCLUSIVE MODE"])
        for item in layouts:
            self._reporter.result(_done(item))

    def concurrently(self, item: layout.TableLayout) -> None:
        """Distribute a table with rows; writes wait at its end only, for a lock timeout at most.

        Each try copies all rows, so the first waits as long as the last. Citus would begin with
        the first call itself, over a session of its own, where nothing limits its wait for ACCESS
        EXCLUSIVE (13.2).
        """
        self._reporter.note(f"Distributing {item.table.label} while others write to it.")
        name = literal(item.table.quoted)
        self._tried(f"SELECT citus_add_local_table_to_metadata({name})")
        target = item.colocated_with.quoted if item.colocated_with else "none"
        self.statement = (
            f"SELECT create_distributed_table_concurrently({name}, "
            f"{literal(item.column or '')}, colocate_with := {literal(target)})"
        )
        limit = self._locked.source.settings.options.migrate.lock_timeout_most_ms

        def attempt(_lock_timeout_ms: int) -> None:
            self._locked.connection.execute(f"SET lock_timeout = {limit}")
            self._locked.connection.execute(self.statement.encode())

        self._retry.run(attempt, is_blocking=True)
        self._reporter.result(_done(item))

    def clean(self, tables: Sequence[QualifiedName]) -> None:
        """Delete the rows on the coordinator that were copied to the shards."""
        for table in tables:
            call = f"truncate_local_data_after_distributing_table({literal(table.quoted)})"
            self._tried(f"SELECT {call}")
            self._reporter.result(f"{style('cleaned', 'green')}  {table.label}")


def _done(item: layout.TableLayout) -> str:
    return f"{style('spread', 'green')}  {item.table.label}  {style(words(item), 'dim')}"


def words(item: layout.TableLayout) -> str:
    """Return how a table is spread."""
    if item.column is None:
        return "reference"
    group = f", with {item.colocated_with.label}" if item.colocated_with else ""
    return f"by {item.column}{group}"


def planned_lines(planned: Planned) -> Iterator[tuple[str, str, str]]:
    """Yield for each table: its name, how it is distributed, and what that blocks."""
    tables = {table.table: table for table in planned.schema.tables}
    for items, effect in (
        (planned.todo.together, "blocks writes"),
        (planned.todo.concurrent, "concurrently: blocks writes only at its end"),
    ):
        for item in items:
            table = tables[item.table]
            size = humanize.size(table.total_bytes) if table.has_rows else "empty"
            yield item.table.label, words(item), f"{size}, {effect}"
    for name in planned.todo.leftovers:
        yield name.label, "spread", "rows that are left on the coordinator are deleted"


def out_of_time(settings: Settings, error: OutOfTimeError, state: str = "") -> DatabaseError:
    """Return the error for tables whose locks were not to be had in time."""
    blockers = "".join(f"\n  {blocker}" for blocker in error.blockers)
    limit = settings.options.migrate.deadline_s
    return DatabaseError(
        f"The tables to distribute did not get their locks within {limit} s, in {error.tries} "
        f"tries, and are as before. {state}" + (f"\nIn the way:{blockers}" if blockers else ""),
        "Wait for them, or end one with SELECT pg_terminate_backend(PID); then run "
        "`nox -s distribute`.",
        code="distribution-timeout",
    )
