"""`--sql`: the SQL of a path of revisions as text, without a database."""

from pybase.core.errors import CheckFailedError
from pybase.core.settings import Settings
from pybase.migrate.record import Direction
from pybase.migrate.rehearsal import on_scratch
from pybase.migrate.revisions import AlembicScript, read, render_path, resolving
from pybase.migrate.sqlfiles._files import script_file
from pybase.migrate.sqlfiles._header import header_text


def path_sql(settings: Settings, target: str | None, direction: Direction) -> str:
    """Return the SQL to `target`, or to the latest, from base or the latest, or from A in `A:B`.

    Plain Alembic requires both ends of a downgrade; a `-1` alone can only mean one step down from
    head. Raises UsageError for an unknown revision, CheckFailedError for one without SQL.
    """
    history = read(settings)
    start, _, end = (target or history.latest).rpartition(":")
    if "head" in (end, start or history.latest):
        history.require_one_head()
    start = start or ("base" if direction.is_upgrade else history.latest)
    with resolving(start):
        heads = tuple(script.revision for script in history.scripts.get_revisions(start) if script)

    def path() -> tuple[AlembicScript, ...]:
        with resolving(end):
            return history.path_from(heads, end, direction)

    parts = []
    for sql in render_path(history, path, heads, direction, on_scratch(history)):
        script = sql.scripts[direction]
        if script.needs_python:
            raise CheckFailedError(
                f"Revision {sql.revision.id} ({sql.revision.title}) cannot be rendered: "
                f"{script.reason}.",
                "Without --sql, Alembic runs it.",
                code="no-offline-sql",
            )
        header = header_text(sql.revision, script, direction, [])
        parts.append(script_file(header, script).text)
    return "\n\n".join(parts)
