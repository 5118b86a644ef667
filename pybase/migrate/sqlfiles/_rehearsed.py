"""A history rendered and rehearsed: needs Alembic, psycopg and a scratch server.

The documentation of tables and columns is a comment in the database where there is one, since every
reader of the database sees it; else that of the models: `doc=` of a column, and of a table its
comment, or `info["doc"]`. The models are known only as the metadata that env.py passes on.
"""

from collections.abc import Iterable

import sqlalchemy as sa
from msgspec.structs import replace

from pybase.migrate.catalog import Entity
from pybase.migrate.record import Record
from pybase.migrate.rehearsal import rehearse, render
from pybase.migrate.revisions import History, RenderedHistory


def rehearsed(
    history: History,
) -> tuple[RenderedHistory, tuple[Record, ...], dict[str, str], tuple[Entity, ...]]:
    """Return what is rendered, a record for each revision, the schema, and its tables."""
    rendered = render(history)
    reports = rehearse(history, rendered)
    records = tuple(
        Record(sql.revision, rendered.version_table, sql.scripts, report)
        for sql, report in zip(rendered.revisions, reports.revisions, strict=True)
    )
    return rendered, records, reports.schema, _described(reports.entities, rendered.metadata)


def _described(entities: Iterable[Entity], metadata: Iterable[sa.MetaData]) -> tuple[Entity, ...]:
    """Return the entities, with the models' documentation where the database has no comment."""
    tables = {
        (table.schema or "public", table.name): table
        for models in metadata
        for table in models.tables.values()
    }
    return tuple(_documented(e, tables.get((e.schema, e.name))) for e in entities)


def _documented(entity: Entity, table: sa.Table | None) -> Entity:
    if table is None:
        return entity
    docs = {column.name: column.doc or column.comment or "" for column in table.columns}
    columns = tuple(replace(c, comment=c.comment or docs.get(c.name, "")) for c in entity.columns)
    comment = entity.comment or table.comment or str(table.info.get("doc") or "")
    return replace(entity, comment=comment, columns=columns)
