"""A history rendered and rehearsed: needs Alembic, psycopg and a scratch server."""

from pybase.migrate.catalog import Entity
from pybase.migrate.record import Record
from pybase.migrate.rehearsal import rehearse, render
from pybase.migrate.revisions import History, RenderedHistory
from pybase.migrate.sqlfiles._table_docs import described


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
    return rendered, records, reports.schema, described(reports.entities, rendered.metadata)
