"""What tables and columns mean, in the words of those who made them.

A comment in the database comes first, since every reader of the database sees it; then what the
models say: `doc=` of a column, and of a table its comment, or `info["doc"]`. The models are seen
only as the metadata that an env.py gives.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pybase.migrate.catalog._entities import Entity

if TYPE_CHECKING:  # importing SQLAlchemy takes longer than what is done here
    import sqlalchemy as sa


def described(entities: Iterable[Entity], metadata: Any) -> tuple[Entity, ...]:
    """Return the entities with what models say where the database says nothing.

    `metadata` is Alembic's `target_metadata`: a MetaData, several, or None.
    """
    given = metadata if isinstance(metadata, list | tuple) else (metadata,)
    tables = {
        (table.schema or "public", table.name): table
        for each in given
        if each is not None
        for table in each.tables.values()
    }
    return tuple(_described(each, tables.get((each.schema, each.name))) for each in entities)


def _described(entity: Entity, table: "sa.Table | None") -> Entity:
    if table is None:
        return entity
    docs = {column.name: column.doc or column.comment or "" for column in table.columns}
    columns = tuple(
        replace(each, comment=each.comment or docs.get(each.name, "")) for each in entity.columns
    )
    said = entity.comment or table.comment or str(table.info.get("doc") or "")
    return replace(entity, comment=said, columns=columns)
