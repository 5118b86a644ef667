"""One of the two schemas that are compared, read once: what each object is, and what it needs.

Adds to `catalog` the parts that a definition does not tell apart: the type, default and identity
of a column, the columns that a constraint or an index uses, the labels of an enum.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg

from pybase.migrate.catalog import CatalogObject, read_objects
from pybase.migrate.sql._names import raw


@dataclass(frozen=True)
class Column:
    """A column, in parts. `identity` is ALWAYS, BY DEFAULT or empty; `generated` the expression."""

    table: str
    name: str
    type: str
    base_type: str
    collation: str
    default: str
    identity: str
    generated: str
    storage: str
    required: bool
    sequence: str
    """The sequence that the column owns, qualified."""
    position: int
    is_local: bool

    @property
    def identity_key(self) -> str:
        """The column as `catalog` names it."""
        return f"column {self.table}.{self.name}"


@dataclass(frozen=True)
class Uses:
    """What a constraint or an index uses: columns as (table, name), and an index of a key."""

    columns: frozenset[tuple[str, str]]
    index: str


@dataclass(frozen=True)
class Side:
    """All of a schema, by `catalog` identity and in parts."""

    objects: dict[str, CatalogObject]
    columns: dict[tuple[str, str], Column]
    uses: dict[str, Uses]
    labels: dict[str, tuple[str, ...]]
    partitions: frozenset[str]

    @cached_property
    def definitions(self) -> dict[str, str]:
        """Identity -> definition, as a catalog snapshot has it."""
        return {key: ";\n".join(each.statements) for key, each in self.objects.items()}

    @cached_property
    def by_table(self) -> dict[str, list[CatalogObject]]:
        """Each table's own objects."""
        found: dict[str, list[CatalogObject]] = {}
        for each in self.objects.values():
            if each.table:
                found.setdefault(each.table, []).append(each)
        return found

    def of(self, table: str, *kinds: str) -> list[CatalogObject]:
        """Return the objects of some kinds that belong to a table, by identity."""
        found = (each for each in self.by_table.get(table, ()) if each.kind in kinds)
        return sorted(found, key=lambda each: each.identity)

    def columns_of(self, table: str) -> list[Column]:
        """Return the columns of a table in their order."""
        found = (each for (owner, _), each in self.columns.items() if owner == table)
        return sorted(found, key=lambda each: each.position)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The names of all tables."""
        return frozenset(
            each.name for each in self.objects.values() if each.kind in ("table", "foreign table")
        )

    def users_of_type(self, type_name: str) -> Iterator[Column]:
        """Return the columns of a type, or of an array of it."""
        for column in self.columns.values():
            if column.base_type == type_name and column.table in self.tables:
                yield column


_COLUMNS = """
SELECT n.name, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
    format_type(coalesce(nullif(t.typelem, 0), t.oid), NULL),
    CASE WHEN a.attcollation NOT IN (0, t.typcollation)
        THEN a.attcollation::regcollation::text ELSE '' END,
    CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END,
    CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' ELSE '' END,
    CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) ELSE '' END,
    CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' ELSE '' END,
    a.attnotnull,
    coalesce((SELECT s.oid::regclass::text FROM pg_depend AS p JOIN pg_class AS s
        ON s.oid = p.objid AND s.relkind = 'S'
        WHERE p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
            AND p.refobjid = c.oid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i')
        LIMIT 1), ''),
    a.attnum, a.attislocal
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f')
JOIN pg_namespace AS s ON s.oid = c.relnamespace
CROSS JOIN LATERAL (SELECT quote_ident(s.nspname) || '.' || quote_ident(c.relname)) AS n (name)
JOIN pg_type AS t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
    AND s.nspname !~ '^pg_' AND s.nspname <> 'information_schema'
"""

_USES = """
SELECT u.identity, coalesce(u.index, ''), array_agg(DISTINCT ARRAY[
        quote_ident(s.nspname) || '.' || quote_ident(r.relname), quote_ident(a.attname)
    ]) FILTER (WHERE a.attname IS NOT NULL)
FROM (
    SELECT 'constraint ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
            || quote_ident(o.conname) AS identity,
        'pg_constraint'::regclass::oid AS classid, o.oid AS objid,
        nullif(o.conindid, 0)::regclass::text AS index
    FROM pg_constraint AS o JOIN pg_class AS c ON c.oid = o.conrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'index ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),
        'pg_class'::regclass::oid, c.oid, NULL
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('i', 'I') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    UNION ALL
    SELECT 'column ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.'
            || quote_ident(a.attname),
        'pg_attrdef'::regclass::oid, d.oid, NULL
    FROM pg_attrdef AS d JOIN pg_class AS c ON c.oid = d.adrelid
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.adnum AND a.attgenerated <> ''
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
) AS u
LEFT JOIN pg_depend AS p ON p.classid = u.classid AND p.objid = u.objid
    AND p.refclassid = 'pg_class'::regclass AND p.refobjsubid > 0
LEFT JOIN pg_class AS r ON r.oid = p.refobjid
LEFT JOIN pg_namespace AS s ON s.oid = r.relnamespace
LEFT JOIN pg_attribute AS a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
GROUP BY 1, 2
"""

_LABELS = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(t.typname),
    array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_enum AS e JOIN pg_type AS t ON t.oid = e.enumtypid
JOIN pg_namespace AS n ON n.oid = t.typnamespace GROUP BY 1
"""

_PARTITIONS = """
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relispartition
"""


def read(connection: psycopg.Connection[Any], ignore_tables: Collection[str] = ()) -> Side:
    """Read a database. `ignore_tables` as in `catalog.snapshot`. Raises psycopg.Error."""
    ignored = set(ignore_tables)
    objects = {
        each.identity: each
        for each in read_objects(connection, keep_prepared=True)
        if each.table not in ignored
    }
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL search_path = pg_catalog, pg_temp")
        connection.execute("SET LOCAL quote_all_identifiers = off")
        columns = [Column(*row) for row in connection.execute(_COLUMNS)]
        uses = connection.execute(_USES).fetchall()
        labels = dict(connection.execute(_LABELS).fetchall())
        partitions = [row[0] for row in connection.execute(_PARTITIONS)]
    return Side(
        objects,
        {(each.table, each.name): each for each in columns if each.table not in ignored},
        {row[0]: Uses(frozenset(map(tuple, row[2] or ())), row[1]) for row in uses},
        {name: tuple(found) for name, found in labels.items()},
        frozenset(partitions),
    )


def constraint_name(item: CatalogObject) -> str:
    """Return the quoted name of a constraint, trigger or policy, without its table."""
    return item.name.removeprefix(f"{item.table}.")


_KINDS = (
    ("PRIMARY KEY", "primary"),
    ("UNIQUE", "unique"),
    ("CHECK", "check"),
    ("FOREIGN KEY", "foreignkey"),
    ("EXCLUDE", "exclude"),
)


def constraint_kind(item: CatalogObject) -> str:
    """Tell what a constraint is, in Alembic's words."""
    return next((kind for start, kind in _KINDS if item.definition.startswith(start)), "")


def column_names(definition: str) -> list[str]:
    """Return the unquoted names in the first brackets of a key's definition."""
    found = re.search(r"\(((?:\"(?:[^\"]|\"\")*\"|[^()\"])*)\)", definition)
    return [raw(each) for each in re.findall(r'"(?:[^"]|"")*"|[^,\s"]+', found[1])] if found else []
