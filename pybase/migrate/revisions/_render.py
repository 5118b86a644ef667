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
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script as AlembicScript
from msgspec import Struct
from msgspec.structs import replace

from pybase.core import cache
from pybase.core.files import digest
from pybase.core.inputs import inputs_digest, record_inputs
from pybase.migrate.database import Ledger
from pybase.migrate.record import (
    Direction,
    Directions,
    Revision,
    Script,
    ScriptStatus,
    VersionTable,
)
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._history import History, complete
from pybase.migrate.revisions._renderer import Renderer, Step
from pybase.migrate.revisions._run_env import models_metadata, run_env
from pybase.migrate.revisions._varying import REASON as VARIES
from pybase.migrate.revisions._varying import may_vary, without_varying
from pybase.migrate.sql import quote

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


OnScratch: TypeAlias = Callable[[Renderer, "OwnScripts"], None]
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
    on_scratch: OnScratch,
) -> list[RevisionSql]:
    """Render a path of revisions as Alembic would run it on a database at `start`."""
    rendered: list[RevisionSql] = []

    def work(_heads: object, configured: MigrationContext) -> Iterable[RevisionStep]:
        with complete():
            steps = [(script, direction) for script in path()]
        renderer = Renderer(history, configured)
        own = OwnScripts({step: renderer.own(*step) for step in steps})
        if own.unrendered:
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


def _own_scripts(history: History, renderer: Renderer, folders: Sequence[Path]) -> OwnScripts:
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
