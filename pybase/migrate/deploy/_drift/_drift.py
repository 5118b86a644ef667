"""Drift: whether a database is what the revisions up to its own make.

Compares its catalog with that of a scratch database at the same revision. It takes seconds, and a
scratch server: only done on request.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from msgspec.structs import replace

from pybase.migrate import catalog
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.record import ancestors
from pybase.migrate.rehearsal import render, scratch_at_head
from pybase.migrate.revisions import History
from pybase.migrate.sql import BACKFILL_PREFIX
from pybase.postgres import connect_scratch

_NOT_OF_REVISIONS = ("grants on ", "owner of ", "default privileges ", "extension citus")
"""Privileges differ from server to server, and so does whether it is a cluster; revisions seldom
define them."""


def drift(checked: Checked) -> Iterator[CheckResult]:
    """Check that the database equals its revision. Raises DatabaseError without a server."""
    plan = checked.plan
    if any("'search_path'" in statement for statement in plan.source.session):
        yield CheckResult(
            "drift", Severity.ERROR,
            "env.py sets a search_path, for which the database cannot be compared.",
            "Run the same command again without --check-drift.",
        )  # fmt: skip
        return
    differences = differences_from(plan.source.history, plan.heads, checked.connection)
    if differences:
        yield CheckResult(
            "drift",
            Severity.ERROR,
            f"The database is not what revision {', '.join(plan.heads) or 'base'} makes:\n"
            f"{differences}",
            "Undo by hand what was changed there, or write it into a revision.",
        )


def differences_from(
    history: History, heads: Iterable[str], connection: psycopg.Connection[Any]
) -> str:
    """Return in what a database differs from the revisions `heads`; an empty text for nothing."""
    rendered = render(history)
    graph = {sql.revision.id: sql.revision.parents for sql in rendered.revisions}
    applied = ancestors(graph, heads)
    revisions = tuple(sql for sql in rendered.revisions if sql.revision.id in applied)
    own = rendered.own_tables
    # the same version, where it can be: the text of a definition may differ between versions
    settings = history.settings.on(connection.info.server_version // 10_000)
    with scratch_at_head(settings, replace(rendered, revisions=revisions)) as url:
        with connect_scratch(url, autocommit=True) as scratch:
            expected = catalog.snapshot(scratch, ignore_tables=own)
    present = catalog.snapshot(connection, ignore_tables=own)
    changes = [
        change
        for change in catalog.difference(expected, present)
        if not change.identity.startswith(_NOT_OF_REVISIONS)
        and BACKFILL_PREFIX not in change.identity
    ]
    return catalog.describe(changes, "revisions", "database") if changes else ""
