"""Proof that the committed SQL is what Alembic does: the same catalog and the same rows.

Owns the comparison of two databases' rows. Both databases are scratch ones, made from nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from pybase.core.errors import CheckFailedError
from pybase.migrate import catalog
from pybase.migrate.database._connect import Database
from pybase.migrate.deploy import _online as online
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory
from pybase.migrate.sql.grammar._split import split

Rows = dict[tuple[str, str], str]
"""A digest of the values of each column, by table and column; order does not count."""


def committed_equals_online(history: History, rendered: RenderedHistory) -> None:
    """Run the committed files and Alembic, each from nothing, and compare what they leave.

    Values that differ between two runs of the same files (random keys, the time) are not compared.
    Raises CheckFailedError with what differs.
    """
    files = [
        history.settings.sql / "upgrade" / f"{each.file_stem}.sql" for each in rendered.revisions
    ]

    def from_files(url: str) -> None:
        for path in files:
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in split(path.read_text(encoding="utf-8")):
                    try:
                        connection.execute(statement.encode())
                    except psycopg.Error as error:
                        raise _fails(path, error) from error

    def by_alembic(url: str) -> None:
        online.upgrade(history, Database(url, is_embedded=True), "heads", lambda _: None)

    committed, rows = _left_by(history, rendered, from_files)
    _, again = _left_by(history, rendered, from_files)
    other, online_rows = _left_by(history, rendered, by_alembic)
    changes = catalog.difference(committed, other)
    if changes:
        raise _differs(catalog.describe(changes, before="committed SQL", after="Alembic"))
    stable = {place for place, values in rows.items() if again.get(place) == values}
    wrong = sorted(".".join(place) for place in stable if online_rows.get(place) != rows[place])
    if wrong:
        raise _differs(f"  other rows: {', '.join(wrong)}")


def _fails(path: Path, error: psycopg.Error) -> CheckFailedError:
    said = str(error).strip().splitlines()[0]
    return CheckFailedError(
        f"{path.name} fails on a database at the revision before: {said}.",
        "Mend that revision, then run `nox -s sql`.",
    )


def _left_by(
    history: History, rendered: RenderedHistory, run: Callable[[str], None]
) -> tuple[catalog.Snapshot, Rows]:
    """Tell what a way of migrating leaves in an empty database."""
    with scratch.empty(history.settings) as url:
        run(url)
        with psycopg.connect(url, autocommit=True) as connection:
            left = catalog.snapshot(connection, ignore_tables=rendered.own_tables)
            return left, _rows(connection)


def _rows(connection: psycopg.Connection[Any]) -> Rows:
    found: Rows = {}
    for schema, table, columns in connection.execute(_TABLES).fetchall():
        digests = sql.SQL(", ").join(
            sql.SQL("md5(string_agg({0}::text, ',' ORDER BY {0}::text))").format(sql.Identifier(c))
            for c in columns
        )
        query = sql.SQL("SELECT {} FROM {}").format(digests, sql.Identifier(schema, table))
        values = connection.execute(query).fetchone() or ()
        found |= {
            (f"{schema}.{table}", column): str(value)
            for column, value in zip(columns, values, strict=True)
        }
    return found


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
        "Say it in SQL that does not depend on where it runs, then run `nox -s sql`.",
    )
