"""Proof that the committed SQL is what Alembic does: the same catalog and the same rows.

Both databases are scratch ones, created from nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep
from psycopg import sql

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.migrate import catalog
from pybase.migrate.database import Database, engine, first_line, scratch_at
from pybase.migrate.record import Direction, Script
from pybase.migrate.rehearsal import scratch_empty
from pybase.migrate.revisions import History, record_in, run_env, steps_to
from pybase.migrate.sqlfiles import Built
from pybase.postgres import connect_scratch

Rows = dict[tuple[str, str], str]
"""A digest of the values of each column, by table and column; order does not count."""


def committed_equals_online(history: History, built: Built) -> None:
    """Run the committed files and Alembic, each from nothing, and compare the results.

    Values that differ between two runs of the same files (random keys, the time) are not compared.
    Raises CheckFailedError with what differs.
    """

    def from_files(url: str) -> None:
        for record in built.records:
            with connect_scratch(url, autocommit=True) as connection:
                for statement in _as_psql(record.scripts.upgrade):
                    try:
                        connection.execute(statement.encode())
                    except psycopg.Error as error:
                        raise _fails(record.revision.path, error) from error

    def by_alembic(url: str) -> None:
        with connect_scratch(url, autocommit=True) as connection:
            for statement in built.rendered.version_table.schema_sql:
                connection.execute(statement.encode())
        digests = {r.revision.id: r.scripts.upgrade.digest or None for r in built.records}
        upgrade_online(history, scratch_at(url), digests)

    committed, rows = _result_of(history, built, from_files)
    _, again = _result_of(history, built, from_files)
    other, online_rows = _result_of(history, built, by_alembic)
    changes = catalog.difference(committed, other)
    if changes:
        raise _differs(catalog.describe(changes, before="committed SQL", after="Alembic"))
    stable = {column for column, values in rows.items() if again.get(column) == values}
    wrong = sorted(".".join(column) for column in stable if online_rows.get(column) != rows[column])
    if wrong:
        raise _differs(f"  other rows: {', '.join(wrong)}")


def _as_psql(script: Script) -> Iterator[str]:
    """Yield what psql sends of a file; `sqlfiles.check` has compared the file with the script."""
    for block in script.blocks:
        yield from ("BEGIN",) if block.transactional else ()
        yield from block.statements
        yield from ("COMMIT",) if block.transactional else ()


def upgrade_online(
    history: History, database: Database, digests: Mapping[str, str | None] = MappingProxyType({})
) -> None:
    """Upgrade a database to its heads through Alembic's online mode, with its ledger.

    Raises CheckFailedError where Alembic, or a revision that it runs, fails.
    """

    def work(heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        record_in(context, lambda revision, _direction: digests.get(revision))
        yield from steps_to(history, heads, "heads", Direction.UPGRADE)

    try:
        with engine(database).connect() as connection:
            run_env(history, work, connection)
    except PybaseError:
        raise
    except Exception as error:  # of a revision, or Alembic's own, as for a needless depends_on
        cause = getattr(error, "orig", None) or error  # SQLAlchemy's would quote parameters
        raise CheckFailedError(
            f"Alembic fails to run the revisions online: {type(cause).__name__}: "
            f"{first_line(cause)}.",
            "Correct the revision. For a KeyError with an id, remove that id from depends_on where "
            "it is an ancestor already.",
            code="online-run-fails",
        ) from error


def _fails(path: str, error: psycopg.Error) -> CheckFailedError:
    return CheckFailedError(
        f"The SQL of {path} fails on a database at the revision before: {first_line(error)}.",
        "Correct that revision, then run `nox -s sql`.",
        code="committed-sql-fails",
    )


def _result_of(
    history: History, built: Built, run: Callable[[str], None]
) -> tuple[catalog.Snapshot, Rows]:
    """Return what a way of migrating makes of an empty database."""
    with scratch_empty(history.settings) as url:
        run(url)
        with connect_scratch(url, autocommit=True) as connection:
            snapshot = catalog.snapshot(connection, ignore_tables=built.rendered.own_tables)
            return snapshot, _rows(connection)


def _rows(connection: psycopg.Connection[Any]) -> Rows:
    rows: Rows = {}
    for schema, table, columns in connection.execute(_TABLES).fetchall():
        digests = sql.SQL(", ").join(
            sql.SQL("md5(string_agg({0}::text, ',' ORDER BY {0}::text))").format(sql.Identifier(c))
            for c in columns
        )
        query = sql.SQL("SELECT {} FROM {}").format(digests, sql.Identifier(schema, table))
        values = connection.execute(query).fetchone() or ()
        rows |= {
            (f"{schema}.{table}", column): str(value)
            for column, value in zip(columns, values, strict=True)
        }
    return rows


_TABLES = """
SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attname)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE NOT (c.relname = 'migration_ledger' AND a.attname = 'duration') -- psql takes no time
AND c.relkind IN ('r', 'p') AND NOT c.relispartition
AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
GROUP BY 1, 2
ORDER BY 1, 2
"""


def _differs(what: str) -> CheckFailedError:
    return CheckFailedError(
        f"The committed SQL does not do what Alembic does:\n{what}",
        "Write SQL that does not depend on where it runs, then run `nox -s sql`.",
        code="sql-differs",
    )
