"""The revisions of one Alembic configuration: read once, asked often.

Owns the ScriptDirectory: order, heads, ancestry, and what stands in a revision file. It opens no
database and renders nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from pybase.core.errors import CheckFailedError, PybaseError, UsageError
from pybase.core.settings import Settings
from pybase.migrate.revisions import _git as branch
from pybase.migrate.revisions import _sandbox as leash


@dataclass(frozen=True)
class History:
    """All revisions of a project, and the Alembic objects that read them."""

    settings: Settings
    config: Config
    scripts: ScriptDirectory

    @cached_property
    def revisions(self) -> tuple[Script, ...]:
        """Every revision, ancestors first, in the order in which `upgrade heads` runs them."""
        with explained(self):
            found = list(self.scripts.iterate_revisions("heads", "base"))
        return tuple(reversed(found))

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """The ids of the heads; one, in a healthy history, and none in an empty one."""
        return tuple(self.scripts.get_heads())

    def get(self, identifier: str) -> Script:
        """Return the revision that a full or partial id, `head` or a label names.

        Raises UsageError when there is none, or more than one.
        """
        with explained(self):
            found = self.scripts.get_revision(identifier)
        if found is None:
            raise unknown_revision(self, identifier)
        return found

    def require_one_head(self) -> str:
        """Return the id of the only head. Raises CheckFailedError that names all of them."""
        if len(self.heads) > 1:
            files = "\n".join(f"  {self._told(self.get(head))}" for head in self.heads)
            raise CheckFailedError(
                f"The history has {len(self.heads)} heads:\n{files}",
                "Put yours after the other with `nox -s rebase`, or join them with "
                '`alembic merge heads -m "join ..."`.',
            )
        if not self.heads:
            raise CheckFailedError(
                "There are no revisions yet.", 'Write the first: nox -s makemigration -- "msg"'
            )
        return self.heads[0]

    def upgrade_path(self, current: tuple[str, ...], destination: str) -> tuple[Script, ...]:
        """Return what an upgrade to `destination` would run on a database at `current`, in order.

        Raises UsageError for a destination that is none, CheckFailedError for `head` where there
        are two, and when the database is at a revision that is not in this checkout.
        """
        if destination == "head":
            self.require_one_head()
        return self._path(current, destination, is_upgrade=True)

    def downgrade_path(self, current: tuple[str, ...], destination: str) -> tuple[Script, ...]:
        """Return what a downgrade to `destination` would undo, in order. Raises as upgrade_path."""
        return self._path(current, destination, is_upgrade=False)

    def _path(
        self, current: tuple[str, ...], destination: str, *, is_upgrade: bool
    ) -> tuple[Script, ...]:
        self.require_known(current)
        with explained(self):
            steps = self.steps(current, destination, is_upgrade=is_upgrade)
        return tuple(step.revision for step in steps)

    def steps(
        self, current: tuple[str, ...], destination: str, *, is_upgrade: bool
    ) -> list[RevisionStep]:
        """Return Alembic's own steps from `current` to `destination`; raises what Alembic does."""
        find = self.scripts._upgrade_revs if is_upgrade else self.scripts._downgrade_revs
        with complete():
            found: list[RevisionStep] = find(destination, current)  # type: ignore[arg-type]
        return found

    def require_known(self, current: tuple[str, ...]) -> None:
        """Refuse a database that is ahead of this checkout, with CheckFailedError."""
        from pybase.migrate.database import (
            _connect as target,  # psycopg: to read a history takes no database
        )

        target.require_known(current, {script.revision for script in self.revisions})

    def _told(self, script: Script) -> str:
        """Name a revision's file, and who wrote it where git knows."""
        name = branch.author(self.settings, Path(script.path))
        return f"{self.path(script)}, by {name}" if name else str(self.path(script))

    def path(self, script: Script) -> Path:
        """Return the revision's file, relative to the project's root where it lies inside."""
        path, root = Path(script.path), self.settings.root
        for file, folder in ((path, root), (path.resolve(), root.resolve())):
            if file.is_relative_to(folder):
                return file.relative_to(folder)
        return path


def read(settings: Settings) -> History:
    """Load alembic.ini and index its revisions. No revision is rendered, no database opened.

    Raises UsageError for a configuration or a revision file that cannot be loaded.
    """
    config = Config(str(settings.config_path))
    with explained():
        scripts = ScriptDirectory.from_config(config)
    history = History(settings, config, scripts)
    with explained(history), leash.without_terminal(), leash.connections(leash.nowhere):
        try:
            _ = scripts.revision_map.heads
        except (CommandError, PybaseError):
            raise
        except Exception as error:  # the module of some revision, with any error at all
            raise _broken_revision(error) from error
    return history


@contextmanager
def explained(history: History | None = None) -> Iterator[None]:
    """Turn Alembic's CommandError into a UsageError with the same sentence and a mend."""
    try:
        yield
    except CommandError as error:
        text = str(error).rstrip(".") + "."
        raise UsageError(text, "See what there is: nox -s history") from error


@contextmanager
def complete() -> Iterator[None]:
    """Name the revision without upgrade() or downgrade(), which Alembic looks up in a path."""
    try:
        yield
    except AttributeError as error:
        raise CheckFailedError(
            f"A revision on the way is not complete: {error}.", "Nothing was run."
        ) from error


def unknown_revision(history: History, identifier: str) -> UsageError:
    """Return the error for an identifier that names no revision."""
    return UsageError(f"No revision is called {identifier!r}.", "See what there is: nox -s history")


def _broken_revision(error: Exception) -> UsageError:
    trace = error.__traceback__
    place = ""
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if "versions" in filename:
            place = f" in {Path(filename).name}, line {trace.tb_lineno}"
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        place = f" in {Path(error.filename).name}, line {error.lineno}"
    return UsageError(
        f"A revision cannot be loaded: {type(error).__name__}: {error}{place}.",
        "Mend that file; nothing was changed.",
    )
