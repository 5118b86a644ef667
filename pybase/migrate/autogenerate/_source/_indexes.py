"""Indexes as source, from what `pg_get_indexdef` printed."""

from pybase.migrate.autogenerate._source._definitions import (
    option_values,
    parse_index,
    unbracketed,
)
from pybase.migrate.autogenerate._source._text import (
    call,
    conventional,
    schema_option,
    text,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql._names import quote, raw, shown


def create_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that builds an index, under another name if one is given."""
    parsed = parse_index(item.definition)
    tree = parsed.tree
    elements = (
        repr(column) if column else text(element)
        for column, element in zip(parsed.columns, parsed.elements, strict=True)
    )
    included = [part.name for part in tree.indexIncludingParams or ()]
    storage = option_values(tree.options)
    return call(
        "create_index",
        conventional(name or tree.idxname),
        repr(tree.relation.relname),
        f"[{', '.join(elements)}]",
        unique="True" if tree.unique else None,
        schema=schema_option(parsed.table),
        postgresql_using=None if tree.accessMethod == "btree" else repr(tree.accessMethod),
        postgresql_include=repr(included) if included else None,
        postgresql_nulls_not_distinct="True" if tree.nulls_not_distinct else None,
        postgresql_with=repr(storage) if storage else None,
        postgresql_where=text(unbracketed(parsed.where)) if parsed.where else None,
        postgresql_concurrently="True" if concurrently else None,
    )


def index_sql(item: CatalogObject, name: str) -> str:
    """Return CREATE INDEX under another name; without ONLY, so that partitions get it, too."""
    parsed = parse_index(item.definition)
    unique = "UNIQUE " if parsed.tree.unique else ""
    return f"CREATE {unique}INDEX {quote(name)} ON {shown(parsed.table)} {parsed.tail}"


def drop_index(item: CatalogObject, *, concurrently: bool = False, name: str = "") -> str:
    """Return the statement that drops an index; a concurrent one may be missing."""
    table = item.table or ""
    return call(
        "drop_index",
        conventional(name or raw(item.name)),
        repr(raw(table)),
        schema=schema_option(table),
        postgresql_concurrently="True" if concurrently else None,
        if_exists="True" if concurrently else None,
    )
