"""Digests of the rows of a database, by table and column."""

from typing import Any, TypeAlias

import psycopg
from psycopg import sql

Rows: TypeAlias = dict[tuple[str, str], str]
"""A digest of the values of each column, by table and column; order does not count."""


def rows_of(connection: psycopg.Connection[Any]) -> Rows:
    """Read every table but those of the system."""
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


def other_columns(rows: Rows, again: Rows, online: Rows) -> list[str]:
    """Return the columns that have other values online than in both runs of the same files."""
    stable = {column for column, values in rows.items() if again.get(column) == values}
    return sorted(".".join(column) for column in stable if online.get(column) != rows[column])
