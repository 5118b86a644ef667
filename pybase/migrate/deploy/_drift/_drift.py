"""Drift: whether a database is what the revisions up to its own make.

Compares its catalog with that of a scratch database at the same revision. It takes seconds, and a
scratch server: only done on request.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from msgspec.structs import replace

from pybase.migrate import catalog
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.record import VersionTable, ancestors
from pybase.migrate.rehearsal import render, scratch_at_head
from pybase.migrate.revisions import History, RevisionSql
from pybase.migrate.sql import BACKFILL_PREFIX, quote
from pybase.postgres import connect_scratch

_NOT_OF_REVISIONS = ("grants on ", "owner of ", "default privileges ", "extension citus")
"""Privileges differ from server to server, and so does whether it is a cluster; revisions seldom
define them."""


def drift(checked: Checked) -> Iterator[CheckResult]:
    """Check that the database equals its revision. Raises DatabaseError without a server."""
    plan, source = checked.plan, checked.plan.source
    differences = differences_from(
        source.history, plan.heads, checked.connection, source.version_table
    )
    if differences:
        yield CheckResult(
            "drift",
            Severity.ERROR,
            f"The database is not what revision {', '.join(plan.heads) or 'base'} makes:\n"
            f"{differences}",
            "Undo by hand what was changed there, or write it into a revision.",
        )


def differences_from(
    history: History,
    heads: Iterable[str],
    connection: psycopg.Connection[Any],
    version_table: VersionTable,
) -> str:
    """Return in what a database differs from the revisions `heads`; an empty text for nothing.

    The revisions are run with the search path that the connection has.
    """
    rendered = render(history)
    graph = {sql.revision.id: sql.revision.parents for sql in rendered.revisions}
    applied = ancestors(graph, heads)
    revisions = tuple(sql for sql in rendered.revisions if sql.revision.id in applied)
    path = _search_path(connection)
    own = [
        name
        for table in (rendered.version_table, version_table)
        for schema in ([table.schema] if table.schema else path or ["public"])
        for name in replace(rendered, version_table=replace(table, schema=schema)).own_tables
    ]
    # the same version, where it can be: the text of a definition may differ between versions
    settings = history.settings.on(connection.info.server_version // 10_000)
    applied_only = replace(rendered, revisions=revisions)
    with scratch_at_head(settings, applied_only, *_searching(path, revisions)) as url:
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


def _search_path(connection: psycopg.Connection[Any]) -> list[str]:
    """Return the schemas that are there, in the order in which the session searches them."""
    row = connection.execute("SELECT pg_catalog.current_schemas(false)::text[]").fetchone()
    return row[0] if row else []


def _searching(
    path: Sequence[str], revisions: Sequence[RevisionSql]
) -> tuple[Sequence[str], Sequence[str]]:
    """Return the statement that searches a path, and those that create its schemas.

    Not the schemas that a revision creates.
    """
    if path in ([], ["public"]):
        return (), ()
    texts = "\n".join(text for sql in revisions for text in sql.scripts.upgrade.texts)
    created = set(_CREATED.findall(texts))
    missing = [f"CREATE SCHEMA {quote(name)}" for name in path if name not in {*created, "public"}]
    return [f"SET search_path TO {', '.join(map(quote, path))}"], missing


_CREATED = re.compile(r'\bCREATE\s+SCHEMA\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)', re.IGNORECASE)
