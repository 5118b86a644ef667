"""Revisions as SQL: what Alembic would run, statement by statement, both ways, without a server.

`env.py` is run once, in Alembic's offline mode, only to learn how the project configures Alembic
(version table, naming convention, hooks). The revisions are then run one by one against a
dialect and a recorder of our own, because Alembic's `--sql` text is not what its online mode
executes: it doubles `%` and backslashes, turns tabs into blanks, and opens transactions that
hold nothing.

Must never connect, and never judge: it reports what was written.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import HeadMaintainer, MigrationContext, RevisionStep
from alembic.script import Script
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import CreateTable, DDLElement
from sqlalchemy.sql import visitors
from sqlalchemy.types import NullType

from pybase.migrate.database import _ledger as ledger
from pybase.migrate.revisions._history import History, complete
from pybase.migrate.revisions._run_env import offline_dialect, run_env
from pybase.migrate.revisions._sandbox import TimeLimitError, time_limit
from pybase.migrate.sql._split import Block, split, tidy

TIME_LIMIT_S = 10
"""A revision that is not SQL by then waits for something, or somebody, that does not come."""


@dataclass(frozen=True)
class Rendering:
    """One direction of one revision.

    `error` says why the revision cannot be rendered, `refusal` in the revision's own words why
    it cannot be undone; `blocks` then only moves the version and must not be run.
    """

    blocks: tuple[Block, ...]
    error: str = ""
    refusal: str = ""
    is_missing: bool = False
    bookkeeping: frozenset[str] = frozenset()
    """Those of the statements that keep the version table and the ledger."""

    def is_bookkeeping(self, block: Block) -> bool:
        """Whether a block holds nothing of the revision's own."""
        return self.bookkeeping.issuperset(block.statements)

    @property
    def is_transactional(self) -> bool:
        """Whether all of it is one transaction."""
        return all(block.transactional for block in self.blocks)

    @property
    def statements(self) -> tuple[str, ...]:
        """All statements in order, the bookkeeping too."""
        return tuple(text for block in self.blocks for text in block.statements)


@dataclass(frozen=True)
class RenderedRevision:
    """A revision and its SQL in both directions."""

    script: Script
    upgrade: Rendering
    downgrade: Rendering

    @property
    def file_stem(self) -> str:
        """Name of the revision's file, which its SQL files share."""
        return Path(self.script.path).stem

    @property
    def accepted(self) -> Mapping[str, str]:
        """The hazards that the revision accepts, each with its reason."""
        return dict(getattr(self.script.module, "accepted_hazards", {}))


@dataclass(frozen=True)
class RenderedHistory:
    """Every revision's SQL, ancestors first, and what env.py said of the project."""

    revisions: tuple[RenderedRevision, ...]
    version_table: str
    """Qualified as in a catalog snapshot: `public.alembic_version`."""
    metadata: sa.MetaData | None
    """What autogenerate compares with, or None for a project without models."""
    folders: tuple[Path, ...]
    """Where the project keeps env.py and its revisions."""

    @property
    def own_tables(self) -> tuple[str, str]:
        """The tables of the workflow itself, which no comparison counts."""
        return (self.version_table, ledger.beside(self.version_table))

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for every revision and direction that cannot be rendered."""
        return tuple(
            f"The {direction} of revision {each.script.revision} "
            f"({Path(each.script.path).name}) cannot be rendered: {rendering.error}."
            for each in self.revisions
            for direction, rendering in (("upgrade", each.upgrade), ("downgrade", each.downgrade))
            if rendering.error and (direction == "upgrade" or not rendering.is_missing)
        )


def render(history: History) -> RenderedHistory:
    """Render every revision both ways.

    A revision that cannot be rendered carries its error and does not stop the others.
    Raises UsageError when env.py itself fails.
    """
    found: list[RenderedHistory] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        ups = render_steps(configured, [(each, True) for each in history.revisions])
        # a head that another branch depends on is not in the version table
        stored = history.scripts.revision_map._real_heads
        downs = render_steps(
            configured, [(each, False) for each in reversed(history.revisions)], stored
        )
        pairs = zip(history.revisions, ups, reversed(downs), strict=True)
        revisions = tuple(RenderedRevision(*pair) for pair in pairs)
        metadata = configured.opts.get("target_metadata")
        folders = (Path(history.scripts.dir), *map(Path, history.scripts.version_locations or ()))
        found.append(RenderedHistory(revisions, _version_table(configured), metadata, folders))
        return ()

    run_env(history, work)
    return found[0]


def render_path(
    history: History, path: Callable[[], list[RevisionStep]], start: tuple[str, ...]
) -> list[tuple[RevisionStep, Rendering]]:
    """Render the steps of `path`, as Alembic would run them on a database at `start`."""
    found: list[tuple[RevisionStep, Rendering]] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        with complete():
            steps = path()
        pairs = [(step.revision, step.is_upgrade) for step in steps]
        found.extend(zip(steps, render_steps(configured, pairs, start), strict=True))
        return ()

    run_env(history, work)
    return found


def render_steps(
    configured: MigrationContext, steps: Sequence[tuple[Script, bool]], heads: Iterable[str] = ()
) -> list[Rendering]:
    """Render each (revision, is it an upgrade) in turn, on a database that starts at `heads`."""
    assert configured.script is not None
    revision_map = configured.script.revision_map
    recorder = _Recorder()
    context = _offline_context(configured, recorder)
    bookkeeper = _Bookkeeper(context, heads)
    with Operations.context(context):
        return [_render_step(_Step(revision_map, *step), recorder, bookkeeper) for step in steps]


def _version_table(context: MigrationContext) -> str:
    schema = context.version_table_schema or "public"
    quote = offline_dialect().identifier_preparer.quote
    return f"{quote(schema)}.{quote(context.version_table)}"


def _render_step(step: "_Step", recorder: "_Recorder", bookkeeper: "_Bookkeeper") -> Rendering:
    prologue = bookkeeper.tables() if step.is_upgrade and not bookkeeper.heads else ()
    # what an earlier revision made, Alembic would not make again: here each stands for itself
    bookkeeper.context.impl.memo.clear()
    failure: dict[str, Any] = {}
    try:
        with bookkeeper.context.begin_transaction(_per_migration=True):
            with time_limit(TIME_LIMIT_S):
                step.run()
    except (
        Exception,
        SystemExit,
        TimeLimitError,
    ) as problem:  # the others are rendered all the same
        failure = _failure(step, problem)
    blocks = recorder.take()
    bookkeeper.update_to_step(step)
    bookkeeper.record(step, None if failure else _digest(blocks))
    versions = [text for block in recorder.take() for text in block.statements]
    joined = _joined(prologue, () if failure else blocks, versions)
    return Rendering(joined, **failure, bookkeeping=frozenset((*prologue, *versions)))


def _digest(blocks: Sequence[Block]) -> str:
    """Tell the revision's own statements apart from others, and how they are to be run."""
    own = (
        ("BEGIN", *each.statements) if each.transactional else each.statements for each in blocks
    )
    return ledger.statements_digest([text for texts in own for text in texts])


def _failure(step: "_Step", problem: BaseException) -> dict[str, Any]:
    """Tell a downgrade that says why there is none from a revision that has no SQL."""
    said = repeatable(str(problem))
    is_word = isinstance(problem, NotImplementedError | RuntimeError) or type(problem) is Exception
    if not step.is_upgrade and is_word and said:
        return {"refusal": said}
    is_missing = isinstance(problem, NotImplementedError) and (not step.is_upgrade or not said)
    return {"error": f"{type(problem).__name__}: {said}".rstrip(": "), "is_missing": is_missing}


def repeatable(said: str) -> str:
    """Tell what was said, without what differs from machine to machine: it will be committed."""
    for pattern, instead in _MACHINE:
        said = pattern.sub(instead, said)
    said = said.strip()
    return said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID].rstrip()} ..."


_MACHINE = (
    (re.compile(r"\(Background on this error at: .*\)"), ""),
    (re.compile(r" at 0x[0-9a-f]+\b"), ""),
    (re.compile(r"(?<![\w:/.])/(?:[^\s'\"():,]+/)+"), ""),  # folders of an absolute path
)

_MOST_SAID = 300


def _joined(
    prologue: Sequence[str], blocks: Sequence[Block], versions: Sequence[str]
) -> tuple[Block, ...]:
    """Put the version table's statements where they belong.

    One transaction holds everything, so that a crash undoes both; behind an autocommit block
    the version moves last and by itself.
    """
    if all(block.transactional for block in blocks):
        body = [text for block in blocks for text in block.statements]
        return (Block((*prologue, *body, *versions), True),)
    if blocks[-1].transactional:
        last = Block((*blocks[-1].statements, *versions), True)
        joined = (*blocks[:-1], last)
    else:
        joined = (*blocks, Block(tuple(versions), len(versions) > 1))
    return (Block(tuple(prologue), False), *joined) if prologue else joined


class _Step(RevisionStep):
    """One revision in one direction; a missing function is found when it is run, not before."""

    def __init__(self, revision_map: Any, revision: Script, is_upgrade: bool) -> None:
        self.revision_map = revision_map
        self.revision = revision
        self.is_upgrade = is_upgrade
        self.migration_fn = self.run

    def run(self) -> None:
        name = "upgrade" if self.is_upgrade else "downgrade"
        function = getattr(self.revision.module, name, None)
        if function is None:
            raise NotImplementedError
        function()

    # Alembic takes these from sets: at a merge, each run would write another SQL for the same.

    def merge_branch_idents(self, heads: Any) -> tuple[list[str], str, str]:
        deleted, moved, to = super().merge_branch_idents(heads)
        *deleted, moved = sorted((*deleted, moved))
        return deleted, moved, to

    def _unmerge_to_revisions(self, heads: Any) -> tuple[str, ...]:
        return tuple(sorted(super()._unmerge_to_revisions(heads)))


class _Bookkeeper(HeadMaintainer):
    """Keeps the heads as Alembic does, and writes the statements in our layout."""

    def tables(self) -> tuple[str, ...]:
        """`IF NOT EXISTS` is what Alembic's online mode does: a downgrade to base leaves them."""
        create = CreateTable(self.context._version, if_not_exists=True)
        version_table = tidy(str(create.compile(dialect=self.context.dialect)).strip())
        return (version_table, ledger.create_sql(ledger.alembic_table(self.context)))

    def record(self, step: "_Step", digest: str | None) -> None:
        """Write the ledger's line, behind the version."""
        table, revision = ledger.alembic_table(self.context), step.revision.revision
        self._emit(ledger.file_sql(table, revision, digest, is_upgrade=step.is_upgrade))

    def update_to_step(self, step: Any) -> None:
        down = step.revision._normalized_down_revisions
        if not step.is_upgrade and len(down) == 1 and self.heads == {step.revision.revision}:
            # Alembic walks all ancestors to find this out: quadratic over a long history
            self._update_version(step.revision.revision, down[0])
        else:
            super().update_to_step(step)
        for callback in self.context.on_version_apply_callbacks:
            callback(ctx=self.context, step=step.info, heads=set(self.heads), run_args={})

    def _insert_version(self, version: str) -> None:
        self.heads.add(version)
        self._emit(f"INSERT INTO {self._table} (version_num)\nVALUES ('{version}')")

    def _delete_version(self, version: str) -> None:
        self.heads.remove(version)
        self._emit(f"DELETE FROM {self._table}\nWHERE {self._table}.version_num = '{version}'")

    def _update_version(self, from_: str, to_: str) -> None:
        self.heads.remove(from_)
        self.heads.add(to_)
        self._emit(
            f"UPDATE {self._table}\nSET version_num = '{to_}'\n"
            f"WHERE {self._table}.version_num = '{from_}'"
        )

    @property
    def _table(self) -> str:
        return self.context.dialect.identifier_preparer.format_table(self.context._version)

    def _emit(self, sql: str) -> None:
        self.context.impl.static_output(sql)


class _Recorder:
    """Stands where Alembic's `impl` writes text, and keeps statements instead."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._statements: list[str] = []
        self._transactional = False

    def begin(self) -> None:
        self._close()
        self._transactional = True

    def commit(self) -> None:
        self._close()
        self._transactional = False

    def add(self, sql: str) -> None:
        self._statements.extend(tidy(text) for text in split(sql))

    def take(self) -> tuple[Block, ...]:
        self._close()
        self._transactional = False
        taken, self._blocks = tuple(self._blocks), []
        return taken

    def _close(self) -> None:
        if self._statements:
            self._blocks.append(Block(tuple(self._statements), self._transactional))
        self._statements = []


def _offline_context(configured: MigrationContext, recorder: _Recorder) -> MigrationContext:
    """Return a context with env.py's options, and the dialect and output that make SQL faithful."""
    dialect = offline_dialect()
    options = configured.opts | {
        "as_sql": True,
        "literal_binds": True,
        "transaction_per_migration": True,
        "transactional_ddl": None,
        "starting_rev": None,
    }
    environment = configured.environment_context
    context = MigrationContext(dialect, None, options, environment)
    if environment is not None:
        environment._migration_context = context
    impl: Any = context.impl
    impl.emit_begin, impl.emit_commit = recorder.begin, recorder.commit
    impl.static_output = recorder.add
    impl._exec = lambda construct, *args, **kw: recorder.add(
        _compiled(construct, dialect, *args, **kw)
    )
    impl.connection = MockConnection(  # what `op.get_bind()` gives
        dialect, lambda construct, rows=None: _all_executed(impl, construct, rows)
    )
    impl.bulk_insert = lambda table, rows, multiinsert=True: [
        impl._exec(_insert(table, row)) for row in rows
    ]
    return context


def _all_executed(impl: Any, construct: Any, rows: Any) -> None:
    """Write what `connection.execute(statement, parameters)` would send: a statement a row."""
    for row in [rows or {}] if isinstance(rows or {}, Mapping) else rows:
        impl._exec(_with_values(construct, row) if row else construct)


def _with_values(construct: Any, row: Mapping[str, Any]) -> Any:
    if isinstance(construct, sa.TextClause):
        return construct.bindparams(**row)
    if isinstance(construct, sa.Insert):
        return construct.values(row)
    if isinstance(construct, sa.Update):
        columns = {name: value for name, value in row.items() if name in construct.table.c}
        construct = construct.values(columns) if columns else construct
    return construct.params(row)


def _compiled(
    construct: Any,
    dialect: sa.Dialect,
    execution_options: object = None,
    multiparams: Sequence[Mapping[str, Any]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> str:
    """Return the text that the driver would send, with every value written as a literal."""
    if multiparams or params:
        raise TypeError("parameters given beside the statement have no offline form")
    if isinstance(construct, str):
        construct = sa.text(construct)
    literal = {} if isinstance(construct, DDLElement) else {"literal_binds": True}
    compiled = construct.compile(dialect=dialect, compile_kwargs=literal)
    unbound = sorted({*getattr(compiled, "binds", {}), *_without_value(construct)})
    if unbound:
        raise CompileError(f"the value of {', '.join(unbound)} has no literal form")
    return str(compiled)


def _without_value(construct: sa.ClauseElement) -> Iterable[str]:
    """Find parameters without a value: online they fail, as literals they would be NULL."""
    for element in visitors.iterate(construct):
        if isinstance(element, sa.BindParameter) and element.required:
            yield element.key


def _insert(table: Any, row: Mapping[str, Any]) -> sa.Insert:
    """Return an INSERT of one row, each value typed by its column, else by itself."""
    types = {name: table.c[name].type for name in row}
    insert: sa.Insert = table.insert().inline()
    return insert.values(
        {
            name: sa.literal(value, None if isinstance(types[name], NullType) else types[name])
            if not isinstance(value, sa.ClauseElement)
            else value
            for name, value in row.items()
        }
    )
