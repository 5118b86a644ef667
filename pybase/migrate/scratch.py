"""Scratch databases at a revision, for everything that has to be tried before it is believed.

Owns the scratch server's choice and the template database at head. The developer's own data lie
in another cluster, which nothing here can reach.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from pybase.errors import CheckFailedError
from pybase.files import digest
from pybase.migrate.render import RenderedHistory, RenderedRevision, Rendering
from pybase.migrate.sqlfiles import sql_text
from pybase.postgres import ensure_template, locate, scratch_cluster, scratch_database
from pybase.settings import Settings, rehearsal_url


def server(settings: Settings) -> str:
    """The URL of the scratch server: PYBASE_REHEARSAL_URL, or an embedded one without fsync."""
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
def at_head(settings: Settings, rendered: RenderedHistory) -> Iterator[str]:
    """The URL of a scratch database with every revision applied; dropped afterwards.

    It is cloned from a template that is made once for the same SQL.
    Raises CheckFailedError when a revision fails on it.
    """
    chain = "".join(sql_text(each.upgrade) for each in rendered.revisions)
    url = server(settings)

    def build(database: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            for each in rendered.revisions:
                apply_revision(connection, each)

    template = ensure_template(url, f"head_{digest(chain.encode())}", build)
    with scratch_database(url, template=template) as database:
        yield database


@contextmanager
def empty(settings: Settings) -> Iterator[str]:
    """The URL of an empty scratch database; dropped afterwards."""
    with scratch_database(server(settings)) as database:
        yield database


def apply_revision(connection: psycopg.Connection[Any], revision: RenderedRevision) -> None:
    """Run a revision's upgrade. Raises CheckFailedError with PostgreSQL's message."""
    if revision.upgrade.error:
        raise CheckFailedError(
            f"Revision {revision.script.revision} cannot be rendered: {revision.upgrade.error}.",
            "Write it without reading from the database, so that it has a SQL form.",
        )
    try:
        execute(connection, revision.upgrade)
    except psycopg.Error as error:
        raise CheckFailedError(
            f"Revision {revision.script.revision} ({revision.script.doc}) fails: {error}",
            "Mend its upgrade(); nothing was changed.",
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
