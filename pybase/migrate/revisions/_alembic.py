"""Alembic's private parts: the only module that touches them.

Tried with Alembic 1.20; `pyproject.toml` has the upper bound, and `.ci/newest-alembic` tries the
newest release.
"""

import _imp
import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from alembic.config import Config
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory
from alembic.script.base import _only_source_rev_file
from alembic.script.revision import RevisionMap
from alembic.script.write_hooks import _run_hooks
from alembic.util import load_python_file
from sqlalchemy import Connection, Dialect
from sqlalchemy.schema import CreateTable

from pybase.core import cache
from pybase.core.configuration import invalid_ini, read_ini
from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.record import Direction
from pybase.migrate.revisions._declared import Declared, declared, loading, require_consistent

_KIND = "revisions"


class _LazyModule(ModuleType):
    """A revision whose attributes are known from the last run; its code runs when it is needed."""

    def __init__(self, path: Path, attributes: Declared) -> None:
        super().__init__(path.stem, attributes.doc)
        vars(self).update(msgspec.structs.asdict(attributes), _unread=path)

    def __getattr__(self, name: str) -> Any:
        path = None if name.startswith("_") else vars(self).pop("_unread", None)
        if path is None:  # read already, or what Alembic only asks for, as an encoding
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with loading(path):
            module = load_python_file(path.parent, path.name)
        vars(self).update(vars(module))
        return getattr(self, name)


def read_config(settings: Settings) -> Config:
    """Return alembic.ini for Alembic, which would not read one in a folder with `%` in its name.

    Raises UsageError.
    """
    config = Config(
        settings.config_path if settings.config_path.is_file() else None,
        settings.root / "pyproject.toml",
        ini_section=settings.section,
    )
    vars(config)["file_config"] = read_ini(settings)  # it is computed once
    return config


def load(config: Config, settings: Settings) -> ScriptDirectory:
    """Index all revisions. The code of a file that has not changed since is not run.

    Raises UsageError, and what Alembic raises.
    """
    # unchecked bytecode may have come with the checkout, and be of other code than was reviewed
    _imp.check_hash_based_pycs = "always"
    scripts = _directory(config, settings)
    if not scripts.sourceless:
        paths = list(_files(scripts))
        loaded: dict[int, Script] = {}

        def make(missing: list[int], _known: object) -> list[Declared]:
            made = [_load(paths[place]) for place in missing]
            loaded.update(zip(missing, (script for script, _ in made), strict=True))
            return [attributes for _, attributes in made]

        keys = [digest(bytes(path) + b"\0" + path.read_bytes()) for path in paths]
        known = cache.cached(settings, _KIND, keys, make, Declared)
        require_consistent(dict(zip(paths, known, strict=True)))

        def generate() -> Iterator[Script]:
            for place, path in enumerate(paths):
                attributes = known[place]
                if place in loaded:
                    yield loaded[place]
                else:
                    yield Script(_LazyModule(path, attributes), attributes.revision, path)

        scripts.revision_map = RevisionMap(generate)
    _ = scripts.revision_map.heads  # reads all of them
    return scripts


def _directory(config: Config, settings: Settings) -> ScriptDirectory:
    try:
        scripts = ScriptDirectory.from_config(config)
        folders = scripts._version_locations if scripts.version_locations else ()
    except Exception as error:  # of a value in alembic.ini, or of a package that it names
        raise invalid_ini(settings, str(error)) from error
    if folders and not any(folder.is_dir() for folder in folders):  # git keeps no empty ones
        raise invalid_ini(settings, f"version_locations names no folder: {folders[0]}")
    return scripts


def _load(path: Path) -> tuple[Script, Declared]:
    with loading(path):
        module = load_python_file(path.parent, path.name)
    attributes = declared(path, module)
    return Script(module, attributes.revision, path), attributes


def _files(scripts: ScriptDirectory) -> Iterator[Path]:
    """Return every file that Alembic would read as a revision, once."""
    listed = set()
    resolved = functools.cache(Path.resolve)  # a folder: each file would take 0.1 s of 1,000
    for folder in filter(Path.exists, map(Path, scripts._version_locations)):
        for file in Script._list_py_dir(scripts, folder):
            path = file.resolve() if file.is_symlink() else resolved(file.parent) / file.name
            if _only_source_rev_file.match(path.name) and path not in listed:
                listed.add(path)
                yield path


def with_folder(config: Config, folder: Path) -> tuple[ScriptDirectory, list[Path]]:
    """Index the revisions of one more folder, too; returns the folders of the configuration."""
    scripts = ScriptDirectory.from_config(config)
    scripts.hooks = []
    scripts.messaging_opts = {"quiet": True}
    locations = list(scripts._version_locations)
    scripts.version_locations = [*map(str, locations), str(folder)]
    vars(scripts).pop("_version_locations", None)  # what was computed of those before
    return scripts, locations


def run_hooks(path: Path, hooks: list[Mapping[str, str]]) -> None:
    """Run the post-write hooks of a project on a new revision. Raises what they raise."""
    _run_hooks(path, hooks)


def parents(script: Script) -> tuple[str, ...]:
    """Return the ids that a revision follows or depends on, as Alembic normalizes them."""
    return tuple(script._normalized_down_revisions)


def path(
    scripts: ScriptDirectory, current: tuple[str, ...], destination: str, direction: Direction
) -> tuple[Script, ...]:
    """Return the revisions from `current` to `destination`, in order; raises what Alembic does."""
    find = scripts._upgrade_revs if direction.is_upgrade else scripts._downgrade_revs
    return tuple(step.revision for step in find(destination, current))  # type: ignore[arg-type]


def real_heads(scripts: ScriptDirectory) -> tuple[str, ...]:
    """Return the heads that a database at `heads` has: not one that another branch depends on."""
    return scripts.revision_map._real_heads


def step(scripts: ScriptDirectory, script: Script, direction: Direction) -> RevisionStep:
    """Return Alembic's own step for one direction of a revision."""
    revision_step = RevisionStep(scripts.revision_map, script, direction.is_upgrade)
    revision_step.migration_fn = function(script, direction)
    return revision_step


def function(script: Script, direction: Direction) -> Any:
    """Return the function of one direction as its file defines it; None where it has none.

    The file is run again: an earlier run of the function may have changed what its module holds.
    """
    path = Path(script.path)
    with loading(path):
        return getattr(load_python_file(path.parent, path.name), direction.value, None)


def stamp_steps(scripts: ScriptDirectory, heads: tuple[str, ...], target: str) -> list[StampStep]:
    """Return Alembic's steps that stamp a database at `heads`; raises what Alembic raises."""
    return scripts._stamp_revs(target, heads)


def step_info(scripts: ScriptDirectory, script: Script, direction: Direction) -> MigrationInfo:
    """Return what Alembic hands to `on_version_apply` for one direction of a revision."""
    return MigrationInfo(
        revision_map=scripts.revision_map,
        up_revisions=script.revision,
        down_revisions=parents(script),
        is_upgrade=direction.is_upgrade,
        is_stamp=False,
    )


def offline_context(
    configured: MigrationContext, dialect: Dialect, options: dict[str, Any]
) -> MigrationContext:
    """Return another context than the one that env.py configured, without a connection."""
    return _context(configured, dialect, None, options | {"as_sql": True})


def online_context(configured: MigrationContext, connection: Connection) -> MigrationContext:
    """Return one that runs revisions on a connection."""
    options = {"as_sql": False, "transaction_per_migration": True}
    return _context(configured, connection.dialect, connection, options)


def _context(
    configured: MigrationContext,
    dialect: Dialect,
    connection: Connection | None,
    options: dict[str, Any],
) -> MigrationContext:
    options = configured.opts | options | {"transactional_ddl": None, "starting_rev": None}
    if connection is not None:
        options.pop("literal_binds", None)
    return MigrationContext(dialect, connection, options, configured.environment_context)


@contextmanager
def used(context: MigrationContext, ask: Callable[[str], None] | None = None) -> Iterator[None]:
    """Let `alembic.context` use a context inside; `ask` is called with what a revision asks of it.

    That is what differs between the modes, or is the connection; Alembic may ask for both.
    """
    environment: Any = context.environment_context
    before = environment._migration_context, environment.context_opts
    environment._migration_context = context
    environment.context_opts = before[1] | {"as_sql": context.as_sql}
    if ask is not None:
        environment.is_offline_mode = lambda: ask("is_offline_mode()") or True
    try:
        with asked(context, ask), asked(context.impl, ask):
            yield
    finally:
        environment._migration_context, environment.context_opts = before
        vars(environment).pop("is_offline_mode", None)


@contextmanager
def asked(target: Any, ask: Callable[[str], None] | None) -> Iterator[None]:
    """Report the attributes of an object that the code of a revision reads inside."""
    kind: Any = type(target)

    def read(self: Any, name: str) -> Any:
        if ask is not None and name in _ASKED:
            asker = str(sys._getframe(1).f_globals.get("__name__"))
            if name == "bind" or not asker.startswith(("alembic.", "sqlalchemy.")):
                ask(_ASKED[name])
        return kind.__getattribute__(self, name)

    names = {"__getattribute__": read, "supports_statement_cache": True}
    target.__class__ = type(kind.__name__, (kind,), names)
    try:
        yield
    finally:
        target.__class__ = kind


_ASKED = {
    "as_sql": "as_sql",
    "opts": "the options of its context",
    "bind": "the connection",
    "connection": "the connection",
    "server_version_info": "the version of the server",
}


def version_table(context: MigrationContext) -> Any:
    """Return the version table as a SQLAlchemy table."""
    return context._version


def create_version_table(context: MigrationContext) -> str:
    """Return the statement that creates the version table where it is missing.

    `IF NOT EXISTS` is what Alembic's online mode does: a downgrade to base leaves the table.
    """
    create = CreateTable(version_table(context), if_not_exists=True)
    return str(create.compile(dialect=context.dialect)).strip()


def execute_with(context: MigrationContext, execute: Any) -> None:
    """Let a context hand each statement to `execute`."""
    impl: Any = context.impl
    impl._exec = execute
