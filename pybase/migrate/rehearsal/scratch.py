"""Scratch databases at a revision, for everything that is tried on a real server.

Owns the choice of the scratch server, and the templates: one a chain of upgrades, named by a
digest of its SQL. The developer's own data are in another cluster.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import accumulate

import psycopg

from pybase.core.errors import CheckFailedError, DatabaseError
from pybase.core.files import digest
from pybase.core.settings import Settings, rehearsal_url
from pybase.core.urls import REHEARSAL_URL
from pybase.migrate.database import first_line, read_url, scratch_hint
from pybase.migrate.record import StatementKind
from pybase.migrate.rehearsal._execution import execute, run_online
from pybase.migrate.revisions import (
    History,
    RenderedHistory,
    RevisionSql,
    TimeLimitError,
    read,
)
from pybase.postgres import (
    connect_scratch,
    ensure_roles,
    held,
    keep_as_template,
    last_template,
    pristine,
    prune_templates,
    scratch_database,
    shared_objects,
)


def server(settings: Settings) -> str:
    """Return the scratch server's URL: PYBASE_REHEARSAL_URL, or the embedded one of `started`.

    That has the oldest version of the settings: what runs on it has to run on all of them.
    """
    given = rehearsal_url()
    if given is None:
        return held(settings.root, settings.versions[0]).url()
    read_url(given, REHEARSAL_URL)
    return given


@contextmanager
def started(settings: Settings) -> Iterator[str]:
    """Yield the scratch server's URL; an embedded one runs, and holds nothing of other revisions.

    Inside of another call it may hold what those that were run there have left: one history.
    """
    options = settings.options
    with ExitStack() as around:
        if rehearsal_url() is None:
            idle_s, roles = options.scratch_idle_s, options.roles
            around.enter_context(pristine(settings.root, settings.versions[0], idle_s, roles))
        url = server(settings)
        _ensure_roles(url, options.roles)
        yield url


def _ensure_roles(url: str, roles: Sequence[str]) -> None:
    try:
        ensure_roles(url, roles)
    except psycopg.Error as error:
        raise DatabaseError(
            f"The scratch server refuses to create the declared roles: {first_line(error)}.",
            f"Create them there, with CREATE ROLE, as a role that may: {', '.join(roles)}",
            code="roles-refused",
        ) from None


@contextmanager
def watched(settings: Settings, rendered: RenderedHistory) -> Iterator[None]:
    """Report what revisions change on the server of PYBASE_REHEARSAL_URL itself.

    That is not undone: other programs may use it by now. An embedded scratch server is replaced.
    """
    if rehearsal_url() is None or not any(map(_may_change_server, rendered.revisions)):
        yield
        return
    before = shared_objects(server(settings))
    yield
    left = sorted(name for name, _ in shared_objects(server(settings)) ^ before)
    if left:
        logging.getLogger(__name__).warning(
            "Revisions have changed the server of PYBASE_REHEARSAL_URL outside their scratch "
            "database: %s. Undo that there, or it will change the next rehearsal.",
            ", ".join(dict.fromkeys(left)),
        )


def _may_change_server(sql: RevisionSql) -> bool:
    script = sql.scripts.upgrade
    if not script.has_sql:
        return _OUTSIDE.search(sql.path.read_text("utf-8")) is not None
    return any(
        statement.kind in _FOREIGN_KINDS and _OUTSIDE.search(statement.sql)
        for statement in script.statements
    )


_FOREIGN_KINDS = (StatementKind.OWN, StatementKind.HOOK)
"""Kinds of statements that are not the workflow's; its ledger has a column `role`."""


_OUTSIDE = re.compile(
    r"\b(role|user|group|grant|revoke|system|database|tablespace|subscription)\b|replication", re.I
)
"""A word of every statement that changes what databases share."""


@contextmanager
def empty(settings: Settings) -> Iterator[str]:
    """Yield the URL of an empty scratch database; it is dropped afterwards."""
    with started(settings) as url, scratch_database(url) as database:
        yield database


@contextmanager
def at_head(
    settings: Settings,
    rendered: RenderedHistory,
    session: Sequence[str] = (),
    preparing: Sequence[str] = (),
    *,
    to_change: bool = False,
) -> Iterator[str]:
    """Yield the URL of a scratch database with every revision applied, from the last template on.

    It becomes the next template unless it was a clone of that, as one `to_change` always is.
    Statements of `session` run before each, and those that are `preparing` for them before all.
    Raises CheckFailedError when a revision fails on it.
    """
    templates = _head_templates(rendered.revisions, (*preparing, *session))
    with started(settings) as url:
        start = last_template(url, templates)
        if to_change and start < len(templates):
            with at_head(settings, rendered, session, preparing):
                start = len(templates)
        source = templates[start - 1] if start else None
        with scratch_database(url, template=source) as database:
            rest = rendered.revisions[start:]
            _apply(settings, database, rest, session, () if start else preparing)
            yield database
            if start < len(templates):
                keep_as_template(url, database, templates[-1])
                prune_templates(url)


@contextmanager
def clone(settings: Settings, template: str | None) -> Iterator[str]:
    """Yield the URL of a scratch database made from a template, or of an empty one."""
    with scratch_database(server(settings), template=template) as database:
        yield database


def keep(settings: Settings, database: str, template: str) -> None:
    """Make the scratch database, which no session uses now, a template."""
    url = server(settings)
    keep_as_template(url, database, template)
    prune_templates(url)


def furthest(settings: Settings, templates: Sequence[str]) -> int:
    """Return the place, from 1, of the last of `templates` that exists; 0 for none."""
    return last_template(server(settings), templates) if templates else 0


def _head_templates(revisions: Sequence[RevisionSql], before: Sequence[str]) -> list[str]:
    """Return the name of the template after each revision, of a chain of upgrades."""
    chain = accumulate(map(upgrade_text, revisions), _linked, initial="".join(before))
    return [f"head_{link}" for link in chain][1:]


def _linked(chain: str, text: str) -> str:
    return digest(f"{chain}\0{text}".encode())


def upgrade_text(sql: RevisionSql) -> str:
    """Return all that identifies an upgrade: its statements, or the code that has none."""
    script = sql.scripts.upgrade
    texts = [f"{statement.transaction} {statement.sql}" for statement in script.statements]
    return "\0".join((*texts, script.reason, _source_digest(sql)))


def _source_digest(sql: RevisionSql) -> str:
    return "" if sql.scripts.upgrade.has_sql else digest(sql.path.read_bytes())


def _apply(
    settings: Settings,
    database: str,
    revisions: Sequence[RevisionSql],
    session: Sequence[str],
    preparing: Sequence[str],
) -> None:
    history: History | None = None
    with connect_scratch(database, autocommit=True) as connection:
        for text in preparing:
            connection.execute(text.encode())
        for sql in revisions:
            connection.execute(";\n".join((*_AS_BEGUN, *session)).encode())
            try:
                if not sql.scripts.upgrade.has_sql:
                    history = history or read(settings)
                    run_online(history, database, sql)
                else:
                    execute(connection, sql.scripts.upgrade)
            except (Exception, SystemExit, TimeLimitError) as error:
                version = connection.info.server_version // 10_000
                raise CheckFailedError(
                    f"Revision {sql.revision.id} ({sql.revision.title}) fails on PostgreSQL "
                    f"{version}: {first_line(error)}",
                    scratch_hint(error)
                    or f"Correct its upgrade(), or leave {version} out of "
                    "`postgres` in [tool.pybase] if production has none; nothing was changed.",
                    code="rehearsal-failed",
                ) from error


_AS_BEGUN = ("SET SESSION AUTHORIZATION DEFAULT", "RESET ALL", "DISCARD TEMP")
"""What gives a revision the session that the runner gives each step."""
