"""Rows for which a later revision would fail, looked for before the first of those that it needs.

A revision has the query for them ("Rows in the way"). What cannot be determined stops nothing: the
revision itself fails then, and changes nothing.
"""

from collections.abc import Iterator

import psycopg
from psycopg import sql

from pybase.core.errors import CheckFailedError
from pybase.migrate.database import LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.deploy._losses._content import Reader
from pybase.migrate.deploy._plan import Plan, Step


def rows(checked: Checked) -> Iterator[CheckResult]:
    """Check for rows for which a revision of the plan would fail."""
    if checked.plan.heads:  # an empty database has none
        for step, query in _violations(checked.connection, checked.plan):
            revision = step.revision
            yield CheckResult(
                "rows", Severity.ERROR,
                f"Revision {revision.id} ({revision.title}) would fail: rows are in its way.",
                f"Correct what this finds: {query}",
            )  # fmt: skip


def require_no_violations(connection: psycopg.Connection, plan: Plan, place: int) -> None:
    """Look again before a step that follows a change of data, for it and all after it.

    Raises CheckFailedError: what follows would fail half-way.
    """
    if not place or not plan.steps[place - 1].changed:
        return
    for later, query in _violations(connection, plan, place):
        revision = later.revision
        raise CheckFailedError(
            f"Revision {revision.id} ({revision.title}) would fail: rows are in its way.",
            f"Correct what this finds, and run the same command again: {query}",
            code="rows-in-the-way",
        )


def _violations(
    connection: psycopg.Connection, plan: Plan, begin: int = 0
) -> Iterator[tuple[Step, str]]:
    """Yield each step from the place `begin` on that rows would stop, with the query for them.

    Not where a step before it changes rows of the same table, which may be what corrects them.
    """
    reader = Reader(connection, LOCK_TIMEOUT_MS, STATEMENT_TIMEOUT_MS)
    for place, changed_at in plan.asking:
        if place < begin or changed_at >= begin:
            continue
        for query in plan.steps[place].revision.queries:
            exists = sql.SQL("SELECT EXISTS ({})").format(sql.SQL(query))
            if reader.ask(exists):
                yield plan.steps[place], query
