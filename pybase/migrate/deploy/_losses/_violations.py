"""Rows for which a later revision would fail, looked for before the first of those that it needs.

A revision has the query for them ("Rows in the way"). What cannot be determined stops nothing: the
revision itself fails then, and changes nothing.
"""

from collections.abc import Iterator, Sequence

import psycopg
from psycopg import sql

from pybase.core.errors import CheckFailedError
from pybase.migrate.database import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.deploy._losses._content import Reader
from pybase.migrate.deploy._plan import Plan, Step
from pybase.migrate.sql import QualifiedName


def rows(checked: Checked) -> Iterator[CheckResult]:
    """Check for rows for which a revision of the plan would fail."""
    if checked.plan.heads:  # an empty database has none
        for step, query in _violations(checked.connection, checked.plan.steps):
            revision = step.revision
            yield CheckResult(
                "rows", Severity.ERROR,
                f"Revision {revision.id} ({revision.title}) would fail: rows are in its way.",
                f"Correct what this finds: {query}",
            )  # fmt: skip


def require_no_violations(connection: psycopg.Connection, plan: Plan, step: Step) -> None:
    """Look again before a step that follows a change of data, for it and all after it.

    Raises CheckFailedError: what follows would fail half-way.
    """
    place = next(place for place, other in enumerate(plan.steps) if other is step)
    if not place or not _changed(plan.steps[place - 1]):
        return
    for later, query in _violations(connection, plan.steps[place:]):
        revision = later.revision
        raise CheckFailedError(
            f"Revision {revision.id} ({revision.title}) would fail: rows are in its way.",
            f"Correct what this finds, and run the same command again: {query}",
            code="rows-in-the-way",
        )


def _violations(
    connection: psycopg.Connection, steps: Sequence[Step]
) -> Iterator[tuple[Step, str]]:
    """Yield each step that rows would stop, with the query for them.

    Not where a step before it changes rows of the same table, which may be what corrects them.
    """
    reader = Reader(connection, LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS)
    filled: set[QualifiedName] = set()
    for step in steps:
        if not step.direction.is_upgrade:
            return
        if filled.isdisjoint(effect.table for effect in step.effects.tables):
            for query in step.revision.queries:
                exists = sql.SQL("SELECT EXISTS ({})").format(sql.SQL(query))
                if reader.ask(exists):
                    yield step, query
        filled |= _changed(step)


def _changed(step: Step) -> set[QualifiedName]:
    return {effect.table for effect in step.effects.tables if effect.is_changed}
