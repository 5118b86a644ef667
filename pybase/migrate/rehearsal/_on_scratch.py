"""Revisions that look at their database, rendered on a scratch database at their parent.

One walk through the history passes all of them. Their SQL is kept by what it depends on: all that
was run before, and the revision. So where nothing has changed, no server is needed.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import psycopg

from pybase.core import cache
from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.database import first_line
from pybase.migrate.record import Direction, Script, ScriptStatus
from pybase.migrate.rehearsal import scratch
from pybase.migrate.rehearsal._execution import execute_apart, execute_framed
from pybase.migrate.revisions import (
    AlembicScript,
    History,
    OnScratch,
    OwnScripts,
    RenderedHistory,
    Renderer,
    Step,
    if_same,
)
from pybase.migrate.revisions import render as render_offline
from pybase.postgres import connect_scratch, database_name


def render(history: History) -> RenderedHistory:
    """Render every revision in both directions, as Alembic would run it on a database.

    Raises UsageError when env.py fails, DatabaseError when there is no scratch server for those
    revisions that need one.
    """
    return render_offline(history, on_scratch(history))


def on_scratch(history: History) -> OnScratch:
    """Return what renders the revisions of a history that need a database."""
    return partial(_render_on_scratch, history)


def _render_on_scratch(history: History, renderer: Renderer, own: OwnScripts) -> None:
    """Put the SQL of those that could not be rendered without a database in its place."""
    steps = own.unrendered
    chains = list(_chains(history, renderer, own))
    places = {script: place for place, script in enumerate(history.revisions)}

    def key(step: Step) -> str:
        place = places[step[0]] + (0 if step[1].is_upgrade else 1)
        return digest(f"{chains[place]} {own.inputs[step]}".encode())

    def make(missing: list[int], known: dict[int, Script]) -> list[Script]:
        for place, script in known.items():
            own[steps[place]] = script
        needed = {steps[place] for place in missing}
        _Walk(history.settings, renderer, own, needed).through(history.revisions, chains)
        return [own[steps[place]] for place in missing]

    scripts = cache.cached(history.settings, "on-scratch", [*map(key, steps)], make, Script)
    own.update(zip(steps, scripts, strict=True))


def _chains(history: History, renderer: Renderer, own: OwnScripts) -> Iterator[str]:
    """Yield a digest of all that was run before each revision, and one of all."""
    chain = digest("\0".join(renderer.setup.texts).encode())
    yield chain
    for script in history.revisions:
        step = script, Direction.UPGRADE
        chain = digest(f"{chain} {own[step].digest or own.inputs[step]}".encode())
        yield chain


class _Walk:
    """A scratch database that is led over a history, and what is rendered on the way."""

    def __init__(
        self, settings: Settings, renderer: Renderer, own: OwnScripts, needed: set[Step]
    ) -> None:
        self._settings = settings
        self._renderer = renderer
        self._own = own
        self._needed = needed
        self._failed = ""

    def through(self, revisions: Sequence[AlembicScript], chains: Sequence[str]) -> None:
        """Render what is needed; begin as far as a database exists, and leave one at the last."""
        places = [i for i, script in enumerate(revisions) if self._is_needed(script)]
        first, last = places[0], places[-1]
        templates = [f"parent_{chain}" for chain in chains]
        with scratch.started(self._settings):
            start = max(scratch.furthest(self._settings, templates[: first + 1]) - 1, 0)
            for end in (end for end in (last, last + 1) if end > start):
                with scratch.clone(self._settings, templates[start] if start else None) as url:
                    if start == 0:
                        self._run(url, self._renderer.setup)
                    for script in revisions[start:end]:
                        self._pass(url, script)
                    if end == last and not self._failed:
                        scratch.keep(self._settings, url, templates[end])
                        start = end
                    elif end == last:
                        self._pass(url, revisions[last])
                        return

    def _is_needed(self, script: AlembicScript) -> bool:
        return any((script, direction) in self._needed for direction in Direction)

    def _pass(self, url: str, script: AlembicScript) -> None:
        """Lead the database over a revision."""
        up, down = ((script, direction) for direction in Direction)
        if not self._own[up].has_sql:
            self._render(url, up)
        elif error := self._failure(url, self._own[up]):
            self._fail(script, first_line(error))
        if down in self._needed:
            with scratch.clone(self._settings, database_name(url)) as copy:
                self._render(copy, down)

    def _render(self, url: str, step: Step) -> None:
        if not self._failed:
            again = self._tried(url, step) if step in self._needed else None
            script, has_run = self._renderer.on_scratch(url, *step)
            script = (
                script if again is None else if_same((step[0].revision, step[1]), script, again)
            )
        else:
            reason = f"{self._own[step].reason}, and {self._failed}"
            script, has_run = Script(status=ScriptStatus.PYTHON, reason=reason), False
        if step in self._needed:
            self._own[step] = script
        if not has_run and step[1].is_upgrade:
            self._fail(step[0], script.reason)

    def _fail(self, script: AlembicScript, reason: str) -> None:
        """Note the first revision after which the database is not that of its history."""
        failed = f"revision {script.revision}, before it, cannot be run on a scratch database"
        self._failed = self._failed or f"{failed} ({reason})"

    def _tried(self, url: str, step: Step) -> Script:
        """Render a step on a copy of the database, at another time."""
        with scratch.clone(self._settings, database_name(url)) as copy:
            return self._renderer.on_scratch(copy, *step)[0]

    def _failure(self, url: str, script: Script) -> psycopg.Error | None:
        """Run a script; returns why it leaves another schema than elsewhere, if it does."""
        error = self._run(url, script)
        return None if isinstance(error, psycopg.errors.UndefinedObject) else error

    def _run(self, url: str, script: Script) -> psycopg.Error | None:
        with connect_scratch(url, autocommit=True) as connection:
            error = execute_framed(connection, script)
            if error is not None:  # such as a GRANT to a role that only another server has
                connection.rollback()
                return execute_apart(connection, script)
        return None
