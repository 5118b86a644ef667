"""What revisions that Alembic runs were observed to do, by their records or a rehearsal now."""

from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from msgspec.structs import replace

from pybase.core.errors import PybaseError
from pybase.migrate import sqlfiles
from pybase.migrate.deploy._losses._guard import holds_tables, may_lose
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.deploy._sources import built_source
from pybase.migrate.record import Record, ScriptStatus


def observed(connection: psycopg.Connection, plan: Plan, note: Callable[[str], None]) -> Plan:
    """Return a plan with what its steps were observed to do, where only Alembic knows them.

    What cannot be rehearsed stays unknown, and so does what is destroyed in the schemas to which
    env.py translates those of a record.
    """
    if not plan.source.runs_python or not plan.steps or not holds_tables(connection, plan):
        return plan
    try:
        records = _rehearsed(plan)
    except PybaseError as error:
        note(f"The revisions were not rehearsed: {error.problem}")
        return plan
    steps = [_seen(step, record) for step, record in zip(plan.steps, records, strict=True)]
    env = plan.source.env
    if env is not None and env.has_translation:
        pairs = zip(plan.steps, steps, strict=True)
        steps = [step if may_lose(seen) else seen for step, seen in pairs]
    return replace(plan, steps=tuple(steps))


def _rehearsed(plan: Plan) -> Sequence[Record]:
    """Return the records of the steps: the committed ones, where all of them are fresh."""
    keys = [(step.revision.id, step.direction) for step in plan.steps]
    with suppress(sqlfiles.StaleError):
        if (committed := sqlfiles.load(plan.source.settings)) is not None:
            return [committed.record(*key) for key in keys]
    built = built_source(plan.source.settings, plan.source.database)
    return [built.record(*key) for key in keys]


def _seen(step: Step, record: Record) -> Step:
    """Return a step with the report of a record; it still runs its Python, unless that refuses."""
    if record.scripts[step.direction].status is ScriptStatus.IRREVERSIBLE:
        return replace(step, record=record)
    return replace(step, record=replace(step.record, report=record.report))
