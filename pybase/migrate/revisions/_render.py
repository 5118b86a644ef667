"""Revisions as SQL: what Alembic would run, statement by statement, in both directions.

`env.py` is run once, in Alembic's offline mode, to learn how the project configures Alembic
(version table, naming convention, hooks); the revisions are then run one by one against a
recorder. No database is connected to, but for a revision that asks for its connection or for the
mode: that is run once more on a scratch database, which the caller gives.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script as AlembicScript
from msgspec import Struct
from msgspec.structs import replace

from pybase.core import cache
from pybase.core.errors import UsageError
from pybase.core.files import digest
from pybase.core.inputs import inputs_digest, record_inputs
from pybase.migrate.database import Ledger
from pybase.migrate.record import (
    Direction,
    Directions,
    Revision,
    Script,
    ScriptStatus,
    Statement,
    StatementKind,
    VersionMove,
    VersionTable,
    moved,
    sets_transaction,
    version_moves,
)
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._history import History, complete
from pybase.migrate.revisions._isolation import noticing
from pybase.migrate.revisions._recorder import Recorder, recording_context
from pybase.migrate.revisions._run_env import models_metadata, run_env, version_table_of
from pybase.migrate.revisions._sandbox import sendable, time_limit
from pybase.migrate.revisions._scratch import captured
from pybase.migrate.revisions._scripts import closed, failed_script, python_script, sql_script
from pybase.migrate.revisions._varying import REASON as VARIES
from pybase.migrate.revisions._varying import may_vary, without_varying
from pybase.migrate.sql import quote
from pybase.migrate.sql.grammar import tidy
from pybase.postgres import database_name

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


OnScratch: TypeAlias = Callable[["Renderer", "OwnScripts"], None]
"""Puts scripts in the place of those without SQL, where a scratch database gives them."""


def render(history: History, on_scratch: OnScratch | None = None) -> RenderedHistory:
    """Render every revision in both directions; those that have not changed are kept.

    A revision that cannot be rendered carries the reason and does not stop the others.
    Without `on_scratch` that is each one that uses its connection, or asks for the offline mode.
    Raises UsageError when env.py itself fails.
    """
    rendered: list[RenderedHistory] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        folders = _folders(history)
        renderer = Renderer(history, configured)
        own = _own_scripts(history, renderer, folders)
        if on_scratch is not None and own.unrendered:
            on_scratch(renderer, own)
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
    on_scratch: OnScratch | None = None,
) -> list[RevisionSql]:
    """Render a path of revisions as Alembic would run it on a database at `start`."""
    rendered: list[RevisionSql] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        with complete():
            steps = [(script, direction) for script in path()]
        renderer = Renderer(history, configured)
        own = OwnScripts({step: renderer.own(*step) for step in steps})
        if on_scratch is not None and own.unrendered:
            own = _own_scripts(history, renderer, _folders(history))
            on_scratch(renderer, own)
        scripts = renderer.with_bookkeeping(steps, own, start)
        for (alembic_script, _), script in zip(steps, scripts, strict=True):
            revision, both = history.describe(alembic_script), Directions(script, script)
            rendered.append(RevisionSql(revision, Path(alembic_script.path), both))
        return ()

    run_env(history, work)
    return rendered


def render_own(history: History, steps: Iterable[tuple[str, Direction]]) -> list[Script]:
    """Render the own statements of some steps, whatever was rendered before."""
    scripts: list[Script] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        renderer = Renderer(history, configured)
        scripts.extend(renderer.own(history.get(id_), direction) for id_, direction in steps)
        return ()

    run_env(history, work)
    return scripts


def _folders(history: History) -> tuple[Path, ...]:
    return (Path(history.scripts.dir), *map(Path, history.scripts.version_locations or ()))


Step: TypeAlias = tuple[AlembicScript, Direction]


class OwnScripts(dict[Step, Script]):
    """The statements of each step's own, without bookkeeping; `inputs` digests what each needs."""

    inputs: Mapping[Step, str] = {}

    @property
    def unrendered(self) -> list[Step]:
        """The steps that have no SQL, in the order of the history."""
        return [
            step
            for step, script in self.items()
            if script.status is ScriptStatus.PYTHON and script.reason != VARIES
        ]


def _own_scripts(history: History, renderer: "Renderer", folders: Sequence[Path]) -> OwnScripts:
    """Return each direction's own statements, rendered again only where something changed."""
    steps = [(script, direction) for script in history.revisions for direction in Direction]
    files = {Path(script.path) for script in history.revisions}

    def make(missing: Iterable[int], _known: object = None) -> list[Script]:
        scripts = {steps[place]: renderer.own(*steps[place]) for place in missing}
        suspects = {
            s: own for s, own in scripts.items() if own.has_sql and may_vary(Path(s[0].path))
        }
        return list((scripts | _without_varying(history, suspects)).values())

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
    own = OwnScripts(zip(steps, scripts, strict=True))
    own.inputs = dict(zip(steps, keys, strict=True))
    return own


def _without_varying(history: History, scripts: dict[Step, Script]) -> dict[Step, Script]:
    named = {(script.revision, direction): own for (script, direction), own in scripts.items()}
    return dict(zip(scripts, without_varying(history.settings, named), strict=True))


class Renderer:
    """Renders steps of a history under the configuration of its env.py."""

    def __init__(self, history: History, configured: MigrationContext) -> None:
        self._history = history
        self._configured = configured
        self._recorder = Recorder()
        self._context = recording_context(configured, self._recorder, history.settings.versions[0])
        self.table = version_table_of(configured)
        self._ledger = Ledger(self.table)
        self._graph = {s.revision: _alembic.parents(s) for s in history.revisions}

    def own(self, script: AlembicScript, direction: Direction) -> Script:
        """Return the statements of one direction of a revision, without bookkeeping."""
        # what an earlier revision created, Alembic would not create again: each starts from none
        self._context.impl.memo.clear()
        failed = _failure(self._context, script, direction, self._recorder.ask)
        reason = self._recorder.question or self._recorder.refusal
        recorded = self._recorder.take()
        return python_script(reason) if reason else failed or sql_script(recorded)

    def on_scratch(
        self, url: str, script: AlembicScript, direction: Direction
    ) -> tuple[Script, bool]:
        """Run one direction of a revision on the scratch database at `url`, which it changes.

        Returns the statements that it sends there, or why these are not for every database; and
        whether it has run.
        """
        with sendable(), captured(url) as (connection, capture):
            context = _alembic.online_context(self._configured, connection)
            failed = _failure(context, script, direction)
            if failed is None:
                capture.hand_over(self._recorder)
                capture.refuse(capture.doubt or self._recorder.refusal)
        recorded = self._recorder.take()
        if any(database_name(url) in statement.sql for statement in recorded):
            capture.refuse("its SQL has the name of the database")
        if capture.reason:
            return python_script(capture.reason), failed is None
        if failed is not None:
            return failed, False
        return replace(sql_script(recorded), is_of_scratch=True), True

    def require_ids_fit(self, own: dict[Step, Script]) -> None:
        """Refuse an id that the version table cannot hold, unless a revision or env.py widens it.

        Raises UsageError.
        """
        env = Path(self._history.scripts.env_py_location).read_text("utf-8", "replace")
        if self.table.name in env:
            return
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
        self, steps: Sequence[Step], own: dict[Step, Script], heads: Iterable[str] = ()
    ) -> list[Script]:
        """Add version table and ledger to steps that run in turn on a database at `heads`."""
        current = set(heads)
        scripts = []
        for step in steps:
            script, direction = step
            setup = self._setup() if direction.is_upgrade and not current else []
            moves = version_moves(self._graph, current, script.revision, direction)
            check = self._check(own[step], current, moves)
            current = moved(current, moves)
            closing = [
                Statement(self.table.move_sql(move), 0, StatementKind.VERSION) for move in moves
            ]
            closing += self._hooks(step, current)
            entry = self._ledger.file_sql(script.revision, direction, own[step].digest or None)
            closing.append(Statement(entry, 0, StatementKind.LEDGER))
            scripts.append(replace(closed(own[step], setup, closing), check=check))
        return scripts

    def _check(self, own: Script, heads: set[str], moves: Sequence[VersionMove]) -> str:
        """Return what psql runs first; no query may precede SET TRANSACTION in a transaction."""
        if not own.has_sql:
            return ""
        is_alone = not own.is_transactional or any(map(sets_transaction, own.texts))
        return self.table.check_sql(heads, moves, is_alone=is_alone)

    @property
    def setup(self) -> Script:
        """The statements that create version table and ledger."""
        return Script(tuple(self._setup()))

    def _setup(self) -> list[Statement]:
        create = tidy(_alembic.create_version_table(self._context))
        texts = (*self.table.schema_sql, create, self._ledger.create_sql)
        return [Statement(text, None, StatementKind.SETUP) for text in texts]

    def _hooks(self, step: Step, heads: set[str]) -> list[Statement]:
        callbacks = self._context.on_version_apply_callbacks
        if not callbacks:
            return []
        info = _alembic.step_info(self._history.scripts, *step)
        with _alembic.used(self._context):
            for callback in callbacks:
                callback(ctx=self._context, step=info, heads=set(heads), run_args={})
        return [replace(s, transaction=0, kind=StatementKind.HOOK) for s in self._recorder.take()]


def _failure(
    context: MigrationContext,
    script: AlembicScript,
    direction: Direction,
    ask: Callable[[str], None] | None = None,
) -> Script | None:
    """Run one direction of a revision in a context; returns what is left of one that fails."""
    failed: Script | None = None
    with noticing() as connections:
        try:
            with _alembic.used(context, ask), Operations.context(context):
                with context.begin_transaction(_per_migration=True):
                    with time_limit(TIME_LIMIT_S):
                        _run(script, direction)
        except KeyboardInterrupt:
            raise
        except BaseException as problem:  # such as SystemExit; the others are still rendered
            failed = failed_script(direction, problem)
    return python_script(connections[0]) if connections else failed


def _run(script: AlembicScript, direction: Direction) -> None:
    function = _alembic.function(script, direction)
    if function is None:
        raise NotImplementedError
    function()
