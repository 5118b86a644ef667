"""Renderer of steps: what Alembic's operations send, with version table and ledger."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import Script as AlembicScript
from msgspec.structs import replace

from pybase.core.errors import UsageError
from pybase.migrate.database import Ledger
from pybase.migrate.record import (
    Direction,
    Script,
    Statement,
    StatementKind,
    VersionMove,
    moved,
    sets_transaction,
    version_moves,
)
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._isolation import noticing
from pybase.migrate.revisions._recorder import Recorder, recording_context
from pybase.migrate.revisions._run_env import version_table_of
from pybase.migrate.revisions._sandbox import sendable, time_limit
from pybase.migrate.revisions._scratch import captured
from pybase.migrate.revisions._scripts import closed, failed_script, python_script, sql_script
from pybase.migrate.sql.grammar import tidy
from pybase.postgres import database_name

TIME_LIMIT_S = 10
"""A revision that is not rendered by then waits for something that does not happen."""

Step: TypeAlias = tuple[AlembicScript, Direction]


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
