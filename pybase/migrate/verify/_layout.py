"""The layout on a cluster: what Citus would refuse of the schema at head, and what a database has.

The first needs no Citus: a scratch database at head is checked by Citus's rules.
"""

from pybase.core.errors import CheckFailedError
from pybase.core.settings import Settings
from pybase.migrate import layout
from pybase.migrate.database import Database, connect
from pybase.migrate.deploy import require_possible
from pybase.migrate.rehearsal import scratch_at_head
from pybase.migrate.revisions import History, RenderedHistory
from pybase.migrate.sqlfiles import committed_layout
from pybase.postgres import connect_scratch


def require_possible_layout(history: History, rendered: RenderedHistory) -> str:
    """Apply Citus's rules to the schema at head; returns what holds, '' without a layout.

    Raises CheckFailedError by the name of what is in the way.
    """
    layouts = layout.declared(rendered.metadata)
    if not layouts:
        return ""
    with scratch_at_head(history.settings, rendered) as url, connect_scratch(url) as connection:
        schema = layout.observe(connection, layouts, on_citus=False)
    require_possible(layouts, schema, "the schema at head")
    return "the keys allow the layout that the models declare"


def require_layout_of(settings: Settings, database: Database) -> str:
    """Compare a database with the layout; returns what holds, '' without a layout or Citus.

    Raises CheckFailedError with the tables that are spread otherwise; psycopg.Error.
    """
    layouts = committed_layout(settings)
    if not layouts:
        return ""
    with connect(database, autocommit=True) as connection:
        if not layout.has_citus(connection):
            return ""
        schema = layout.observe(connection, layouts, on_citus=True)
    todo = layout.plan(layouts, schema)
    missing = [item.table.label for item in (*todo.together, *todo.concurrent)]
    different = [
        *layout.differences(layouts, schema),
        *(f"{label} is not spread yet" for label in missing),
    ]
    if different:
        raise CheckFailedError(
            f"The tables are not spread as the models declare ({database.name}):\n"
            + "\n".join(f"  {line}" for line in different),
            "See what would be done: nox -s distribute -- --plan",
            code="layout-missing",
        )
    return "the tables at hand are spread as the models declare"
