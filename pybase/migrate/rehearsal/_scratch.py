"""Scratch databases at a revision, for everything that has to be tried before it is believed.

Owns the choice of the scratch server, and the templates: one a chain of upgrades, named by a
digest of its SQL. The developer's own data lie in another cluster, which nothing here can reach.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from alembic.runtime.migration import MigrationContext, RevisionStep

from pybase.core.errors import CheckFailedError
from pybase.core.files import digest
from pybase.core.settings import Settings, rehearsal_url
from pybase.migrate.database._connect import Database, engine
from pybase.migrate.rehearsal._rules import is_transaction_control
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._history import read as read_history
from pybase.migrate.revisions._render import RenderedHistory, RenderedRevision, Rendering
from pybase.migrate.revisions._run_env import run_env
from pybase.migrate.revisions._sandbox import TimeLimitError, time_limit, without_terminal
from pybase.migrate.sql._split import Block
from pybase.migrate.sqlfiles._files import sql_text
from pybase.postgres import (
    ensure_template,
    has_template,
    keep_as_template,
    locate,
    prune_templates,
    scratch_cluster,
    scratch_database,
    template_names,
)

ONLINE_LIMIT_S = 60
"""A revision that is not through an empty database by then waits for what does not come."""


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

    def build(database: str) -> None:
        _apply(settings, database, rendered.revisions)

    if not has_template(url, template):
        ensure_template(url, template, build)
        prune_templates(url)
    with scratch_database(url, template=template) as database:
        yield database


@contextmanager
def clone(settings: Settings, template: str | None) -> Iterator[str]:
    """Yield the URL of a scratch database made from a template, or of an empty one."""
    with scratch_database(server(settings), template=template) as database:
        yield database


def keep(settings: Settings, database: str, template: str) -> None:
    """Make the scratch database, to which nobody is connected now, a template."""
    url = server(settings)
    keep_as_template(url, database, template)
    prune_templates(url)


def furthest(settings: Settings, templates: Sequence[str]) -> int:
    """Count up to the last of `templates` that is there; 0 when none is."""
    url = server(settings)
    known = template_names(url) if templates else set()
    for place in range(len(templates), 0, -1):
        if templates[place - 1] in known and has_template(url, templates[place - 1]):
            return place
    return 0


def template_name(revisions: Sequence[RenderedRevision]) -> str:
    """Return the name of the template after a chain of upgrades and nothing else."""
    return f"head_{digest(''.join(map(_upgrade_text, revisions)).encode())}"


def _upgrade_text(revision: RenderedRevision) -> str:
    return sql_text(revision.upgrade) + source_digest(revision)


def source_digest(revision: RenderedRevision) -> str:
    """Tell what stands for the SQL of a revision that has none."""
    if not revision.upgrade.error:
        return ""
    return digest(Path(revision.script.path).read_bytes())


def run_online(history: History, database: str, revision: RenderedRevision) -> None:
    """Apply one revision as Alembic does online, for one that has no SQL. Raises what it raises."""

    def work(_heads: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        assert context.script is not None
        yield RevisionStep(context.script.revision_map, revision.script, True)

    with engine(Database(database, is_embedded=True)).connect() as connection:
        with without_terminal(), time_limit(ONLINE_LIMIT_S):
            run_env(history, work, connection)


def lead_over(
    history: History,
    database: str,
    connection: psycopg.Connection[Any],
    revision: RenderedRevision,
) -> None:
    """Bring a database over one revision, whatever it takes, as far as it goes."""
    rendering = revision.upgrade
    try:
        if rendering.error:
            run_online(history, database, revision)
        else:
            execute(connection, runnable(rendering))
    except psycopg.Error:
        execute_apart(connection, runnable(rendering))
    except (Exception, SystemExit, TimeLimitError):  # the others are to follow all the same
        keep_version(connection, rendering)


def execute_whole(
    connection: psycopg.Connection[Any], rendering: Rendering
) -> psycopg.Error | None:
    """Run a rendering as it is meant; returns the error that stopped it."""
    try:
        execute(connection, rendering)
    except psycopg.Error as error:
        return error
    return None


def execute_apart(
    connection: psycopg.Connection[Any], rendering: Rendering
) -> psycopg.Error | None:
    """Run each statement by itself, so that as much is there as can be; returns the first error."""
    first = None
    for text in rendering.statements:
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            first = first or error
    return first


def keep_version(connection: psycopg.Connection[Any], rendering: Rendering) -> None:
    """Move the version table only, for a revision that could not be run."""
    own = [text for text in rendering.statements if text in rendering.bookkeeping]
    execute_apart(connection, Rendering((Block(tuple(own), transactional=False),)))


def runnable(rendering: Rendering) -> Rendering:
    """Take BEGIN and COMMIT by hand out of a rendering: they would end what is watched."""
    blocks = tuple(
        replace(block, statements=kept)
        for block in rendering.blocks
        if (kept := tuple(s for s in block.statements if not is_transaction_control(s)))
    )
    return replace(rendering, blocks=blocks)


def _apply(settings: Settings, database: str, revisions: Sequence[RenderedRevision]) -> None:
    history: History | None = None
    with psycopg.connect(database, autocommit=True) as connection:
        for each in revisions:
            try:
                if each.upgrade.error:
                    history = history or read_history(settings)
                    run_online(history, database, each)
                else:
                    execute(connection, each.upgrade)
            except (Exception, SystemExit, TimeLimitError) as error:
                name = f"Revision {each.script.revision} ({each.script.doc})"
                raise CheckFailedError(
                    f"{name} fails: {error}", "Mend its upgrade(); nothing was changed."
                ) from error


def execute(connection: psycopg.Connection[Any], rendering: Rendering) -> None:
    """Run a rendering over an autocommit connection, a transaction a block."""
    for block in rendering.blocks:
        if block.transactional:
            # one round trip, and PostgreSQL makes one transaction of a multi-statement query
            connection.execute(";\n".join(block.statements).encode())
        else:
            for statement in block.statements:
                connection.execute(statement.encode())
