"""Elements of a `sa.Table` by the names that PostgreSQL has for them."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from pybase.migrate.autogenerate._schema_snapshot import constraint_name
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import parts, raw

Element = sa.Table | sa.Column | sa.Index | sa.Constraint  # type: ignore[type-arg]

_CONSTRAINTS: dict[str, tuple[str, type[sa.Constraint]]] = {
    "u": ("unique_constraint", sa.UniqueConstraint),
    "f": ("foreign_key_constraint", sa.ForeignKeyConstraint),
    "c": ("check_constraint", sa.CheckConstraint),
}
"""Alembic's word and SQLAlchemy's class, by pg_constraint.contype."""

_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]


def filter_type(item: CatalogObject) -> str | None:
    """Return the kind of a part of a table in the words of Alembic's filters, else None."""
    if item.kind in ("column", "index"):
        return item.kind
    return _CONSTRAINTS[item.subtype][0] if item.subtype in _CONSTRAINTS else None


def find_table(metadata: Iterable[sa.MetaData], name: str) -> sa.Table | None:
    """Return the table of a quoted, qualified name, whether its schema is written or not."""
    schema, own = parts(name)
    tables = (table for models in metadata for table in models.tables.values())
    named = (table for table in tables if table.name == own)
    return next((table for table in named if (table.schema or "public") == schema), None)


def find_element(table: sa.Table | None, item: CatalogObject) -> Element | None:
    """Return the column, index or constraint of a table that a catalog object is."""
    name = raw(constraint_name(item)) if item.table else raw(item.name)
    if table is None:
        return None
    if item.kind == "column":
        return next((column for column in table.columns if column.name == name), None)
    if item.kind == "index":
        return next((index for index in table.indexes if _name(index) == name), None)
    kind = _CONSTRAINTS[item.subtype][1]
    constraints = [one for one in table.constraints if isinstance(one, kind)]
    named = [one for one in constraints if _name(one) == name]  # one without columns is false
    return next(iter([*named, *(one for one in constraints if _is_unnamed(one, item))]), None)


def _name(element: sa.Index | sa.Constraint) -> str | None:
    if element.name is None:
        return None
    quoted = _PREPARER.format_constraint(element)
    return None if quoted is None else raw(quoted)


def _is_unnamed(constraint: sa.Constraint, item: CatalogObject) -> bool:
    """Whether it has no name of its own, and is about the same columns."""
    columns = tuple(column.name for column in getattr(constraint, "columns", ()))
    return bool(columns) and _name(constraint) is None and columns == item.columns
