"""Scratch databases at a revision, for everything that has to be tried before it is believed.

Owns the choice of the scratch server, and the templates: one a chain of upgrades, named by a
digest of its SQL. The developer's own data lie in another cluster, which nothing here can reach.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.errors import CheckFailedError
from pybase.files import digest
from pybase.migrate.environment import run_env
from pybase.migrate.history import History
from pybase.migrate.render import RenderedHistory, RenderedRevision, Rendering
from pybase.migrate.sqlfiles import sql_text
from pybase.migrate.target import Database, engine
from pybase.postgres import (
    ensure_template,
    has_template,
    keep_as_template,
    locate,
    prune_templates,
    scratch_cluster,
    scratch_database,
)
from pybase.settings import Settings, rehearsal_url


def server(settings: Settings) -> str:
    """Return the scratch server's URL: PYBASE_REHEARSAL_URL, or an embedded one without fsync."""
    given = rehearsal_url()
    if given is not None:
        return given
    settings.prepare_state()
    directory = locate(settings.root)
    cluster = scratch_cluster(
        directory.with_name(f"{directory.name}-scratch"), settings.options.postgres
    )
    cluster.ensure_running()
    return cluster.url()


@contextmanager
def empty(settings: Settings) -> Iterator[str]:
    """Yield the URL of an empty scratch database; it is dropped afterwards."""
    with scratch_database(server(settings)) as database:
        yield database


@contextmanager
def at_head(settings: Settings, rendered: RenderedHistory) -> Iterator[str]:
    """Yield the URL of a scratch database with every revision applied; it is dropped afterwards.

    Raises CheckFailedError when a revision fails on it.
    """
    url = server(settings)
    template = template_name(rendered.revisions)
    if not has_template(url, template):
        ensure_template(url, template, lambda database: _apply(database, rendered.revisions))
        prune_templates(url)
    with scratch_database(url, template=template) as database:
        yield database


@contextmanager
def after(settings: Settings, revisions: Sequence[RenderedRevision]) -> Iterator[str]:
    """Yield the URL of a scratch database after `revisions`, to go on from there.

    Raises CheckFailedError when one of them fails and there is no template that is past it.
    """
    url = server(settings)
    template = template_name(revisions)
    is_there = bool(revisions) and has_template(url, template)
    with scratch_database(url, template=template if is_there else None) as database:
        if not is_there:
            _apply(database, revisions)
        yield database


def keep(settings: Settings, database: str, revisions: Sequence[RenderedRevision]) -> None:
    """Make the scratch database, which is after `revisions`, the template for them."""
    url = server(settings)
    keep_as_template(url, database, template_name(revisions))
    prune_templates(url)


def template_name(revisions: Sequence[RenderedRevision]) -> str:
    """Return the name of the template after a chain of upgrades."""
    return f"head_{digest(''.join(sql_text(each.upgrade) for each in revisions).encode())}"


def run_online(history: History, database: str, revision: RenderedRevision) -> None:
    """Apply one revision as Alembic does online, for one that has no SQL. Raises what it raises."""

    def work(_heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        assert context.script is not None
        yield RevisionStep(context.script.revision_map, revision.script, True)

    with engine(Database(database, is_embedded=True)).connect() as connection:
        run_env(history, work, connection)


def _apply(database: str, revisions: Sequence[RenderedRevision]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        for each in revisions:
            _apply_revision(connection, each)


def _apply_revision(connection: psycopg.Connection[Any], revision: RenderedRevision) -> None:
    name = f"Revision {revision.script.revision} ({revision.script.doc})"
    if revision.upgrade.error:
        raise CheckFailedError(
            f"{name} cannot be rendered: {revision.upgrade.error}.",
            "Write it without reading from the database, so that it has a SQL form.",
        )
    try:
        execute(connection, revision.upgrade)
    except psycopg.Error as error:
        raise CheckFailedError(
            f"{name} fails: {error}", "Mend its upgrade(); nothing was changed."
        ) from error


def execute(connection: psycopg.Connection[Any], rendering: Rendering) -> None:
    """Run a rendering over an autocommit connection, a transaction a block. Raises psycopg.Error."""
    for block in rendering.blocks:
        if block.transactional:
            # one round trip, and PostgreSQL makes one transaction of a multi-statement query
            connection.execute(";\n".join(block.statements).encode())
        else:
            for statement in block.statements:
                connection.execute(statement.encode())
