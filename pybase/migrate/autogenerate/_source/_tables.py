"""Tables as the statements that create them: for a new one, and for the downgrade of a drop."""

import re
from collections.abc import Collection, Iterator

from msgspec import Struct
from msgspec.structs import replace

from pybase.migrate.autogenerate._schema_snapshot import (
    Column,
    Side,
    constraint_kind,
    constraint_name,
)
from pybase.migrate.autogenerate._source._columns import column_source, column_sql
from pybase.migrate.autogenerate._source._definitions import parse_statement, table_name
from pybase.migrate.autogenerate._source._keys import (
    add_constraint,
    create_index,
    inline_constraint,
    key_columns,
)
from pybase.migrate.autogenerate._source._printed import readable
from pybase.migrate.autogenerate._source._text import call, comment_of, execute, schema_option
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.grammar import lay_out
from pybase.migrate.sql.names import raw, shown

_DEFINITION = re.compile(
    r"CREATE (?P<unlogged>UNLOGGED )?TABLE .+? \(\.\.\.\)"
    r"(?: INHERITS \((?P<inherits>.+?)\))?"
    r"(?: PARTITION BY (?P<partition>.+?))?"
    r"(?: USING (?P<method>\S+))?"
    r"(?: WITH \((?P<storage>.+?)\))?"
    r"(?: TABLESPACE (?P<tablespace>\S+))?"
)


class TableParts(Struct, frozen=True):
    """The settings of a table, each empty where there is none."""

    unlogged: str
    inherits: str
    partition: str
    method: str
    storage: dict[str, str]
    tablespace: str

    @property
    def is_operation(self) -> bool:
        """Whether `op.create_table` has an option for each of them."""
        has_more = self.inherits or self.method or self.tablespace
        return not has_more and not any(key.startswith("toast.") for key in self.storage)


def table_parts(item: CatalogObject) -> TableParts | None:
    """Read a table's definition; None for one that has more to it, as a foreign table."""
    match = _DEFINITION.fullmatch(item.definition)
    if match is None:
        return None
    groups = match.groupdict(default="")
    pairs = (option.partition("=") for option in groups["storage"].split(", ") if option)
    storage = {key.strip(): value.strip().strip("'") for key, _, value in pairs}
    return TableParts(**groups | {"storage": storage})  # type: ignore[arg-type]


def create_table(side: Side, table: str, later: Collection[str] = ()) -> list[str]:
    """Return the statements that create a table and all that belongs to it.

    `later` are the identities of foreign keys that cannot be added yet.
    """
    is_attached = table in side.partitions
    keys = [
        key
        for key in side.of(table, "constraint")
        if key.identity not in later and (is_attached or not is_inherited_check(side, key))
    ]
    columns = _own_columns(side, table)
    item = side.objects.get(f"table {table}")
    if item is None:
        item = side.objects[f"foreign table {table}"]
        return [execute(_create_sql(side, item, columns, keys))]
    inline = {key.identity: inline_constraint(key) for key in sorted(keys, key=_place)}
    written = _create_source(side, item, columns, [text for text in inline.values() if text])
    if written is not None:
        apart = [add_constraint(key) for key in keys if not inline[key.identity]]
        return [written, *apart, *_belongings(side, item, has_comments=True)]
    return [
        *(_create_sequence(side, column) for column in _serials(columns)),
        execute(_create_sql(side, item, columns, keys)),
        *map(owned, _serials(columns)),
        *_belongings(side, item, has_comments=False),
    ]


def _own_columns(side: Side, table: str) -> list[Column]:
    """Return the columns that the statement that creates a table names.

    A partition has all of its parent's before it is attached, none of them an identity: that makes
    its columns identities, and refuses those that are already.
    """
    columns = side.columns_of(table)
    if table in side.partitions:
        return [replace(column, identity="") for column in columns]
    return [_as_child(side, column) for column in columns if column.is_local]


def _as_child(side: Side, column: Column) -> Column:
    """Return a column without the NOT NULL that a parent gives it.

    PostgreSQL 18 refuses another type for the parent's where the child has one of another name.
    """
    same = (side.columns.get((parent, column.name)) for parent in parents(side, column.table))
    return replace(column, required=False) if any(c and c.required for c in same) else column


def _serials(columns: list[Column]) -> list[Column]:
    return [column for column in columns if column.sequence and not column.identity]


def _place(item: CatalogObject) -> int:
    return ("primary", "unique", "check", "foreignkey", "exclude", "").index(constraint_kind(item))


def _create_source(
    side: Side, item: CatalogObject, columns: list[Column], inline: list[str]
) -> str | None:
    """Return `op.create_table`, None where it cannot express the table."""
    parts = table_parts(item)
    if parts is None or not parts.is_operation or len(_serials(columns)) > 1:
        return None
    keys = [key for key in side.of(item.name, "constraint") if constraint_kind(key) == "primary"]
    in_key = {column for key in keys for column in key_columns(key)}
    sources = []
    for column in columns:
        written = column_source(side, column, in_key=raw(column.name) in in_key)
        if written is None:
            return None
        sources.append(written)
    return call(
        "create_table",
        repr(raw(item.name)),
        *sources,
        *inline,
        schema=schema_option(item.name),
        comment=_option(comment_of(side, item.identity)),
        prefixes=_option(parts.unlogged.split()),
        postgresql_partition_by=_option(parts.partition),
        postgresql_with=_option(parts.storage),
    )


def _option(value: object) -> str | None:
    return repr(value) if value else None


def _create_sql(
    side: Side, item: CatalogObject, columns: list[Column], keys: list[CatalogObject]
) -> str:
    lines = [column_sql(side, column) for column in columns]
    lines += [
        f"CONSTRAINT {constraint_name(key)} {key.definition}"
        for key in keys
        if not key.definition.endswith(" NOT VALID")
    ]
    body = ",\n".join(lay_out(readable(line), 4) for line in lines)
    head, _, tail = item.definition.partition(f" {item.name} (...)")
    return f"{head} {shown(item.name)} (\n{body}\n){tail}"


def _belongings(side: Side, table: CatalogObject, *, has_comments: bool) -> Iterator[str]:
    """Yield what belongs to a new table besides its columns and constraints."""
    for index in side.of(table.name, "index"):
        if index.definition and not _attachments(index):
            yield create_index(index)
    yield from extras(table)
    for column in side.of(table.name, "column"):
        yield from extras(column)
    for kind in ("statistics", "rule", "trigger", "policy"):
        for item in side.of(table.name, kind):
            if kind != "trigger" or item.position >= 0:
                yield execute(item.definition)
                yield from extras(item)
    written = {f"column {table.name}.{column.name}" for column in side.columns_of(table.name)}
    for item in side.of(table.name, "comment", "grants"):
        is_written = has_comments and item.about in written | {table.identity}
        if item.kind == "grants" or not is_written:
            yield from map(execute, item.statements)


def extras(item: CatalogObject) -> Iterator[str]:
    """Yield the statements that complete a definition."""
    excluded = _attachments(item) if item.kind == "index" else []
    for sql in item.extra:
        if not sql.startswith("--") and sql not in excluded:
            yield execute(readable(sql))


def _attachments(item: CatalogObject) -> list[str]:
    """Return the statements that attach a partition, or its index, to a parent."""
    return [sql for sql in item.extra if " ATTACH PARTITION " in sql]


def _create_sequence(side: Side, column: Column) -> str:
    item = side.objects[f"sequence {column.sequence}"]
    return execute(item.definition.replace(f" {item.name} ", f" {shown(item.name)} ", 1))


def owned(column: Column) -> str:
    """Return the statement that makes a column the owner of its sequence."""
    return execute(
        f"ALTER SEQUENCE {shown(column.sequence)} OWNED BY {shown(column.table)}.{column.name}"
    )


def drop_table(table: str) -> str:
    """Return the statement that drops a table."""
    return call("drop_table", repr(raw(table)), schema=schema_option(table))


def sort_tables(side: Side, tables: Collection[str]) -> tuple[list[str], set[str]]:
    """Order tables so that a table follows those that it references.

    Returns the order, and the foreign keys that have to be added afterwards, by identity.
    """
    keys = {table: _references(side, table) for table in tables}
    needs = {table: parents(side, table).union(*keys[table].values()) for table in tables}
    for table in needs.keys() - side.partitions:  # no partition is dropped below a foreign key
        needs[table] |= {part for owner in needs[table] for part in partitions(side, owner)}
    order: list[str] = []
    later: set[str] = set()
    waiting = sorted(tables)
    while waiting:
        ready = [table for table in waiting if not needs[table] & set(waiting) - {table}]
        if not ready:
            ready = waiting[:1]
            others = set(waiting[1:])
            later |= {key for key, owners in keys[ready[0]].items() if owners & others}
        order += ready
        waiting = [table for table in waiting if table not in ready]
    return order, later


def _references(side: Side, table: str) -> dict[str, set[str]]:
    """Return the foreign keys of a table, by identity, and the other tables that each refers to."""
    return {
        key.identity: {owner for owner, _ in side.uses[key.identity].columns} - {table}
        for key in side.of(table, "constraint")
        if constraint_kind(key) == "foreignkey" and key.identity in side.uses
    }


def partitions(side: Side, table: str) -> Iterator[str]:
    """Yield the partitions of a table, each before its own."""
    for name in sorted(side.partitions):
        if table in parents(side, name):
            yield name
            yield from partitions(side, name)


def parents(side: Side, table: str) -> set[str]:
    """Return the tables that a partition or an inheriting table needs."""
    item = side.objects.get(f"table {table}")
    if item is None:
        return set()
    match = _DEFINITION.fullmatch(item.definition)
    created = match["inherits"] if match else None
    inherited = parse_statement(f"CREATE TABLE x () INHERITS ({created})") if created else None
    nodes = [parse_statement(sql).relation for sql in _attachments(item)]
    return {table_name(node) for node in [*nodes, *(inherited.inhRelations if inherited else ())]}


def is_inherited(side: Side, item: CatalogObject) -> bool:
    """Whether a part of a partition is what its parent makes it: it changes with the parent."""
    if item.table not in side.partitions:
        return False
    if _attachments(item):
        return item.kind in ("index", "constraint")
    return item.kind in ("column", "constraint") and is_as_inherited(side, item)


def is_as_inherited(side: Side, item: CatalogObject) -> bool:
    """Whether a parent of the table has the same column or constraint."""
    table = item.table or ""
    name = item.name.removeprefix(f"{table}.")
    owned_by = (f"{item.kind} {parent}.{name}" for parent in parents(side, table))
    same = (side.objects.get(identity) for identity in owned_by)
    return any(other is not None and other.definition == item.definition for other in same)


def is_inherited_check(side: Side, item: CatalogObject) -> bool:
    """Whether a check is what a parent makes it."""
    is_check = constraint_kind(item) == "check" and not item.definition.endswith(" NO INHERIT")
    return is_check and is_as_inherited(side, item)
