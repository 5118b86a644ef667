"""A whole table as the statements that make it: for a new one, and for the way back of a drop."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_columns as source_columns
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate._schema_snapshot import (
    Column,
    Side,
    constraint_kind,
    constraint_name,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql._names import raw, shown

_DEFINITION = re.compile(
    r"CREATE (?P<unlogged>UNLOGGED )?TABLE (?P<name>.+?) \(\.\.\.\)"
    r"(?: INHERITS \((?P<inherits>.+?)\))?"
    r"(?: PARTITION BY (?P<partition>.+?))?"
    r"(?: USING (?P<method>\S+))?"
    r"(?: WITH \((?P<storage>.+?)\))?"
    r"(?: TABLESPACE (?P<tablespace>\S+))?"
)


@dataclass(frozen=True)
class TableParts:
    """What stands around the columns of a table, each part empty where there is none."""

    unlogged: bool
    inherits: str
    partition: str
    method: str
    storage: dict[str, str]
    tablespace: str


def table_parts(item: CatalogObject) -> TableParts | None:
    """Read a table's definition; None for one that has more to it, as a foreign table."""
    found = _DEFINITION.fullmatch(item.definition)
    if found is None:
        return None
    pairs = (each.partition("=") for each in (found["storage"] or "").split(", ") if each)
    return TableParts(
        unlogged=bool(found["unlogged"]),
        inherits=found["inherits"] or "",
        partition=found["partition"] or "",
        method=found["method"] or "",
        storage={key.strip(): value.strip().strip("'") for key, _, value in pairs},
        tablespace=found["tablespace"] or "",
    )


def create_table(side: Side, table: str, later: Collection[str] = ()) -> list[str]:
    """Return the statements that make a table and all that hangs on it.

    `later` are the identities of foreign keys that cannot be made yet.
    """
    keys = [each for each in side.of(table, "constraint") if each.identity not in later]
    columns = [each for each in side.columns_of(table) if each.is_local]
    serials = [each for each in columns if each.sequence and not each.identity]
    item = side.objects.get(f"table {table}")
    if item is None:
        return [source.execute(sql) for sql in _foreign(side, table, columns)]
    inline, apart = _inline(keys)
    written = _create_source(side, item, columns, inline)
    if written is None:
        before = [_create_sequence(side, each) for each in serials]
        after = [_owned(each) for each in serials]
        statements = [*before, source.execute(_create_sql(side, item, columns, keys)), *after]
    else:
        statements = [written, *(source_keys.add_constraint(each) for each in apart)]
    return [*statements, *_belongings(side, table, has_comments=written is not None)]


def _inline(keys: list[CatalogObject]) -> tuple[list[str], list[CatalogObject]]:
    inline, apart = [], []
    order = {"primary": 0, "unique": 1, "check": 2, "foreignkey": 3}
    for item in sorted(keys, key=lambda each: order.get(constraint_kind(each), 9)):
        written = source_keys.inline_constraint(item)
        if written is None:
            apart.append(item)
        else:
            inline.append(written)
    return inline, apart


def _create_source(
    side: Side, item: CatalogObject, columns: list[Column], inline: list[str]
) -> str | None:
    found = table_parts(item)
    if found is None or found.inherits or found.method or found.tablespace:
        return None
    keys = {
        raw(each)
        for key in side.of(item.name, "constraint")
        if constraint_kind(key) == "primary"
        for each in source_keys.names_in_key(key)
    }
    sources = [
        source_columns.column_source(side, each, in_key=raw(each.name) in keys) for each in columns
    ]
    serial = sum(bool(each.sequence and not each.identity) for each in columns)
    if None in sources or serial > 1 or any(each.startswith("toast.") for each in found.storage):
        return None
    comment = source.comment_of(side, item.identity)
    return source.call(
        "create_table",
        repr(raw(item.name)),
        *(each for each in sources if each),
        *inline,
        schema=source.schema_option(item.name),
        comment=None if comment is None else repr(comment),
        prefixes="['UNLOGGED']" if found.unlogged else None,
        postgresql_partition_by=repr(found.partition) if found.partition else None,
        postgresql_with=repr(found.storage) if found.storage else None,
    )


def _create_sql(
    side: Side, item: CatalogObject, columns: list[Column], keys: list[CatalogObject]
) -> str:
    lines = [source_columns.column_sql(side, each) for each in columns]
    lines += [
        f"CONSTRAINT {constraint_name(each)} {each.definition}"
        for each in keys
        if not each.definition.endswith(" NOT VALID")
    ]
    body = ",\n".join(f"    {line}" for line in lines)
    head, _, tail = item.definition.partition(f" {item.name} (...)")
    return f"{head} {shown(item.name)} (\n{body}\n){tail}"


def _foreign(side: Side, table: str, columns: list[Column]) -> Iterator[str]:
    item = side.objects[f"foreign table {table}"]
    yield _create_sql(side, item, columns, side.of(table, "constraint"))


def _belongings(side: Side, table: str, *, has_comments: bool) -> Iterator[str]:
    """Yield what hangs on a new table beside its columns and constraints."""
    item = side.objects[f"table {table}"]
    for index in side.of(table, "index"):
        if index.definition and not _is_inherited(index):
            yield source_indexes.create_index(index)
    for extra in item.extra or ():
        if not extra.startswith("--"):
            yield source.execute(extra)
    for kind in ("column", "statistics", "rule", "trigger", "policy"):
        for each in side.of(table, kind):
            if each.position < 0 and kind == "trigger":
                continue
            if kind != "column":
                yield source.execute(each.definition)
            for extra in each.extra or ():
                if not extra.startswith("--"):
                    yield source.execute(extra)
    told = {f"column {table}.{each.name}" for each in side.columns_of(table)} | {f"table {table}"}
    for each in side.of(table, "comment", "grants"):
        if each.kind == "grants" or not has_comments or each.about not in told:
            for statement in each.statements:
                yield source.execute(statement)


def _is_inherited(index: CatalogObject) -> bool:
    return any(" ATTACH PARTITION " in each for each in index.extra or ())


def _create_sequence(side: Side, column: Column) -> str:
    item = side.objects[f"sequence {column.sequence}"]
    return source.execute(item.definition.replace(f" {item.name} ", f" {shown(item.name)} ", 1))


def _owned(column: Column) -> str:
    return source.execute(
        f"ALTER SEQUENCE {shown(column.sequence)} OWNED BY {shown(column.table)}.{column.name}"
    )


def drop_table(table: str) -> str:
    """Return the statement that drops a table."""
    return source.call("drop_table", repr(raw(table)), schema=source.schema_option(table))


def in_order(side: Side, tables: Collection[str]) -> tuple[list[str], set[str]]:
    """Order tables so that what is referenced comes first.

    Returns the order, and the foreign keys that have to be added afterwards, by identity.
    """
    keys = {
        table: {
            each.identity: _referenced(side, each, table)
            for each in side.of(table, "constraint")
            if constraint_kind(each) == "foreignkey"
        }
        for table in tables
    }
    parents = {table: _parents(side, table) for table in tables}
    done: list[str] = []
    later: set[str] = set()
    waiting = sorted(tables)
    while waiting:
        ready = [
            table
            for table in waiting
            if not (set().union(*keys[table].values(), parents[table]) & set(waiting)) - {table}
        ]
        if not ready:
            ready = waiting[:1]
            later |= {
                key for key, needs in keys[ready[0]].items() if (needs & set(waiting)) - {ready[0]}
            }
        done += ready
        waiting = [table for table in waiting if table not in ready]
    return done, later


def _referenced(side: Side, item: CatalogObject, table: str) -> set[str]:
    uses = side.uses.get(item.identity)
    return {owner for owner, _ in uses.columns} - {table} if uses else set()


def _parents(side: Side, table: str) -> set[str]:
    """Return the tables that a partition or an inheriting table needs."""
    item = side.objects.get(f"table {table}")
    text = " ".join(item.statements) if item else ""
    found = re.findall(r"ALTER TABLE (\S+) ATTACH PARTITION", text)
    found += [
        each.strip()
        for group in re.findall(r"INHERITS \((.+?)\)", text)
        for each in group.split(",")
    ]
    return set(found)
