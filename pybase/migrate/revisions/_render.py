"""Revisions as SQL: what Alembic would run, statement by statement, in both directions.

`env.py` is run once, in Alembic's offline mode, to learn how the project configures Alembic
(version table, naming convention, hooks); the revisions are then run one by one against a
recorder. No database is connected to.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script as AlembicScript
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.schema import CreateTable

from pybase.core import cache
from pybase.core.errors import UsageError
from pybase.core.files import digest
from pybase.core.inputs import inputs_digest, record_inputs
from pybase.core.urls import redacted
from pybase.migrate.database import Ledger
from pybase.migrate.record import (
    Direction,
    Directions,
    Revision,
    Script,
    ScriptStatus,
    Statement,
    StatementKind,
    VersionTable,
    moved,
    version_moves,
)
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._history import History, complete
from pybase.migrate.revisions._recorder import Recorder, recording_context
from pybase.migrate.revisions._run_env import models_metadata, run_env, version_table_of
from pybase.migrate.revisions._sandbox import time_limit
from pybase.migrate.sql import quote
from pybase.migrate.sql.grammar import tidy, words

TIME_LIMIT_S = 10
"""A revision that is not rendered by then waits for something that does not happen."""

_KIND = "rendered"
_PACKAGES = ("migrate/revisions", "migrate/sql", "migrate/database")


class RevisionSql(Struct, frozen=True):
    """A revision, its file, and its SQL in both directions."""

    revision: Revision
    path: Path
    scripts: Directions[Script]


class RenderedHistory(Struct, frozen=True):
    """Every revision's SQL, ancestors first, and what env.py configures."""

    revisions: tuple[RevisionSql, ...]
    version_table: VersionTable
    metadata: tuple[sa.MetaData, ...]
    """What autogenerate compares with; none for a project without models."""
    folders: tuple[Path, ...]
    """Where the project keeps env.py and its revisions."""

    @property
    def own_tables(self) -> tuple[str, ...]:
        """The workflow's own tables and their schema, which no comparison of catalogs counts."""
        table = replace(self.version_table, schema=self.version_table.schema or "public")
        is_public = table.schema == "public"
        schema = () if is_public else (f"schema {quote(table.schema or '')}",)
        return table.quoted, Ledger(table).quoted, *schema

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for every revision and direction that cannot be rendered."""
        return tuple(
            f"The {direction.value} of revision {sql.revision.id} "
            f"({Path(sql.revision.path).name}) cannot be rendered: {script.reason}."
            for sql in self.revisions
            for direction, script in sql.scripts
            if script.status is ScriptStatus.PYTHON
            or (script.status is ScriptStatus.MISSING and direction.is_upgrade)
        )


def render(history: History) -> RenderedHistory:
    """Render every revision in both directions; those that have not changed are kept.

    A revision that cannot be rendered carries the reason and does not stop the others.
    Raises UsageError when env.py itself fails.
    """
    rendered: list[RenderedHistory] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        folders = (Path(history.scripts.dir), *map(Path, history.scripts.version_locations or ()))
        renderer = _Renderer(history, configured)
        own = _own_scripts(history, renderer, folders)
        renderer.require_ids_fit(own)
        ups = renderer.with_bookkeeping([(s, Direction.UPGRADE) for s in history.revisions], own)
        newest_first = [(s, Direction.DOWNGRADE) for s in reversed(history.revisions)]
        stored = _alembic.real_heads(history.scripts)
        downs = renderer.with_bookkeeping(newest_first, own, stored)
        revisions = tuple(
            RevisionSql(history.describe(script), Path(script.path), Directions(up, down))
            for script, up, down in zip(history.revisions, ups, reversed(downs), strict=True)
        )
        metadata = models_metadata(configured)
        rendered.append(RenderedHistory(revisions, renderer.table, metadata, folders))
        return ()

    run_env(history, work)
    return rendered[0]


def render_path(
    history: History,
    path: Callable[[], Sequence[AlembicScript]],
    start: Sequence[str],
    direction: Direction,
) -> list[RevisionSql]:
    """Render a path of revisions as Alembic would run it on a database at `start`."""
    rendered: list[RevisionSql] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        with complete():
            steps = [(script, direction) for script in path()]
        renderer = _Renderer(history, configured)
        own = {step: renderer.own(*step) for step in steps}
        scripts = renderer.with_bookkeeping(steps, own, start)
        for (alembic_script, _), script in zip(steps, scripts, strict=True):
            revision, both = history.describe(alembic_script), Directions(script, script)
            rendered.append(RevisionSql(revision, Path(alembic_script.path), both))
        return ()

    run_env(history, work)
    return rendered


_Step = tuple[AlembicScript, Direction]


def _own_scripts(
    history: History, renderer: "_Renderer", folders: Sequence[Path]
) -> dict[_Step, Script]:
    """Return each direction's own statements, rendered again only where something changed."""
    steps = [(script, direction) for script in history.revisions for direction in Direction]
    files = {Path(script.path) for script in history.revisions}

    def make(missing: Iterable[int], _known: object = None) -> list[Script]:
        return [renderer.own(*steps[place]) for place in missing]

    shared = inputs_digest(history.settings, _PACKAGES, skipped=files)
    first = make(range(len(steps))) if shared is None else None
    record_inputs(history.settings, folders)
    shared = shared or inputs_digest(history.settings, _PACKAGES, skipped=files) or ""
    sources = {path: digest(path.read_bytes()) for path in files}
    keys = [
        digest(f"{shared} {script.revision} {sources[Path(script.path)]} {direction}".encode())
        for script, direction in steps
    ]
    scripts = cache.cached(
        history.settings, _KIND, keys, make if first is None else lambda *_: first, Script
    )
    return dict(zip(steps, scripts, strict=True))


class _Renderer:
    """Renders steps of a history under the configuration of its env.py."""

    def __init__(self, history: History, configured: MigrationContext) -> None:
        self._history = history
        self._recorder = Recorder()
        self._context = recording_context(configured, self._recorder)
        self.table = version_table_of(configured)
        self._ledger = Ledger(self.table)
        self._graph = {s.revision: _alembic.parents(s) for s in history.revisions}

    def own(self, script: AlembicScript, direction: Direction) -> Script:
        """Return the statements of one direction of a revision, without bookkeeping."""
        # what an earlier revision created, Alembic would not create again: each starts from none
        self._context.impl.memo.clear()
        self._recorder.take()
        try:
            with Operations.context(self._context):
                with self._context.begin_transaction(_per_migration=True):
                    with time_limit(TIME_LIMIT_S):
                        _run(script, direction)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # such as SystemExit; the others are still rendered
            return _failed(direction, problem)
        if refusal := self._recorder.refusal:
            return Script(status=ScriptStatus.PYTHON, reason=refusal.removesuffix("."))
        statements = _joined(self._recorder.take())
        return Script(statements, digest=_digest(statements))

    def require_ids_fit(self, own: dict[_Step, Script]) -> None:
        """Refuse an id that the version table cannot hold, unless a revision widens the table.

        Raises UsageError.
        """
        column = next(iter(_alembic.version_table(self._context).columns))
        for script in self._history.revisions:
            if any(self.table.name in text for text in own[script, Direction.UPGRADE].texts):
                return
            if column.type.length and len(script.revision) > column.type.length:
                raise UsageError(
                    f"The id {script.revision} has {len(script.revision)} characters, and "
                    f"{self.table.name}.{column.name} holds {column.type.length}.",
                    "Give the revision a shorter id, or widen the column in an earlier revision.",
                    code="long-id",
                )

    def with_bookkeeping(
        self, steps: Sequence[_Step], own: dict[_Step, Script], heads: Iterable[str] = ()
    ) -> list[Script]:
        """Add version table and ledger to steps that run in turn on a database at `heads`."""
        current = set(heads)
        scripts = []
        for step in steps:
            script, direction = step
            setup = self._setup() if direction.is_upgrade and not current else []
            moves = version_moves(self._graph, current, script.revision, direction)
            current = moved(current, moves)
            closing = [
                Statement(self.table.move_sql(move), 0, StatementKind.VERSION) for move in moves
            ]
            closing += self._hooks(step, current)
            entry = self._ledger.file_sql(script.revision, direction, own[step].digest or None)
            closing.append(Statement(entry, 0, StatementKind.LEDGER))
            scripts.append(_closed(own[step], setup, closing))
        return scripts

    def _setup(self) -> list[Statement]:
        """`IF NOT EXISTS` is what Alembic's online mode does: a downgrade to base leaves them."""
        create = CreateTable(_alembic.version_table(self._context), if_not_exists=True)
        text = tidy(str(create.compile(dialect=self._context.dialect)).strip())
        texts = (*self.table.schema_sql, text, self._ledger.create_sql)
        return [Statement(text, None, StatementKind.SETUP) for text in texts]

    def _hooks(self, step: _Step, heads: set[str]) -> list[Statement]:
        info = _alembic.step_info(self._history.scripts, *step)
        for callback in self._context.on_version_apply_callbacks:
            callback(ctx=self._context, step=info, heads=set(heads), run_args={})
        return [replace(s, transaction=0, kind=StatementKind.HOOK) for s in self._recorder.take()]


def _run(script: AlembicScript, direction: Direction) -> None:
    function = getattr(script.module, direction.value, None)
    if function is None:
        raise NotImplementedError
    function()


def _joined(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Put all into one transaction, unless something is outside of any."""
    if any(statement.transaction is None for statement in statements):
        return tuple(statements)
    return tuple(replace(statement, transaction=1) for statement in statements)


def _closed(own: Script, setup: list[Statement], closing: list[Statement]) -> Script:
    """Add the bookkeeping.

    One transaction holds everything, so that a crash undoes both; after an autocommit block the
    version is moved last and in a transaction of its own.
    """
    last = own.statements[-1].transaction if own.statements else 1
    if own.is_transactional:
        setup = [replace(statement, transaction=last) for statement in setup]
    if last is None:
        last = max((s.transaction or 0 for s in own.statements), default=0) + 1
    end = [replace(statement, transaction=last) for statement in closing]
    return replace(own, statements=(*setup, *own.statements, *end))


def _digest(statements: Iterable[Statement]) -> str:
    """Digest what PostgreSQL sees of a revision's own statements, and how they are to be run."""
    texts: list[str] = []
    transaction: int | None = None
    for statement in statements:
        if statement.transaction is not None and statement.transaction != transaction:
            texts.append("BEGIN")
        transaction = statement.transaction
        texts.append(statement.sql)
    return digest("\0".join(" ".join(words(text)) for text in texts).encode())


def _failed(direction: Direction, problem: BaseException) -> Script:
    """Return a script without statements: a downgrade that refuses with a reason, or no SQL."""
    message = repeatable(str(problem))
    is_word = isinstance(problem, NotImplementedError | RuntimeError) or type(problem) is Exception
    if not direction.is_upgrade and is_word and message:
        return Script(status=ScriptStatus.IRREVERSIBLE, reason=message)
    is_missing = isinstance(problem, NotImplementedError) and (
        not direction.is_upgrade or not message
    )
    status = ScriptStatus.MISSING if is_missing else ScriptStatus.PYTHON
    return Script(status=status, reason=f"{type(problem).__name__}: {message}".rstrip(": "))


def repeatable(message: str) -> str:
    """Return a message without passwords and what differs by machine: it will be committed."""
    message = redacted(message)
    for pattern, instead in _MACHINE:
        message = pattern.sub(instead, message)
    message = message.strip()
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST].rstrip()} ..."


_MACHINE: tuple[tuple[Any, str], ...] = (
    (re.compile(r"\(Background on this error at: .*\)"), ""),
    (re.compile(r" at 0x[0-9a-f]+\b"), ""),
    (re.compile(r"(?<![\w:/.])/(?:[^\s'\"():,]+/)+"), ""),  # folders of an absolute path
)

_LONGEST = 300
