"""Documentation of tables and columns, from the database and from the models.

A comment in the database is preferred, since every reader of the database sees it; then that of
the models: `doc=` of a column, and of a table its comment, or `info["doc"]`. The models are known
only as the metadata that env.py passes on.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from pybase.migrate.catalog import Entity

if TYPE_CHECKING:  # importing SQLAlchemy takes longer than the work of this module
    import sqlalchemy as sa


def described(entities: Iterable[Entity], metadata: "Iterable[sa.MetaData]") -> tuple[Entity, ...]:
    """Return the entities, with the models' documentation where the database has no comment."""
    tables = {
        (table.schema or "public", table.name): table
        for models in metadata
        for table in models.tables.values()
    }
    return tuple(_described(e, tables.get((e.schema, e.name))) for e in entities)


def _described(entity: Entity, table: "sa.Table | None") -> Entity:
    if table is None:
        return entity
    docs = {column.name: column.doc or column.comment or "" for column in table.columns}
    columns = tuple(replace(c, comment=c.comment or docs.get(c.name, "")) for c in entity.columns)
    comment = entity.comment or table.comment or str(table.info.get("doc") or "")
    return replace(entity, comment=comment, columns=columns)
