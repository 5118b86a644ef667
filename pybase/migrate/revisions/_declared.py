"""What revision files declare, read strictly: types, ids, and parents that exist.

Alembic reads the same values unchecked: a wrong type is a traceback, and of two revisions with one
id it runs one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_type_hints

import msgspec

from pybase.core.errors import UsageError
from pybase.migrate.revisions._sandbox import time_limit

LOAD_LIMIT_S = 60
"""A revision file that is not imported by then waits for something that does not happen."""

_Ids = str | tuple[str, ...] | None

_FORMS = {
    "revision": "a text",
    "down_revision": "None, an id, or a tuple of ids",
    "depends_on": "None, an id, or a tuple of ids",
    "branch_labels": "None, a label, or a tuple of labels",
    "accepted_hazards": 'a dictionary of texts, as {"drops-column on cities": "no reader since"}',
    "doc": "a docstring in UTF-8",
}

_SYMBOLS = frozenset("@-+:'")
"""Alembic gives the first four a meaning, and puts ids between quotes as they are."""

_WORDS = frozenset(("head", "heads", "base", "current"))
_LONGEST = 200


class Declared(msgspec.Struct, frozen=True):
    """What Alembic reads of a revision file before it runs it."""

    revision: str
    down_revision: _Ids
    depends_on: _Ids = None
    branch_labels: _Ids = None
    doc: str | None = None
    accepted_hazards: dict[str, str] = {}


_TYPES = get_type_hints(Declared)
_REQUIRED = Declared.__struct_fields__[:2]
_MISSING = object()


@contextmanager
def loading(path: Path) -> Iterator[None]:
    """Turn all that the code of a revision file raises, or its exit, into a UsageError."""
    try:
        with time_limit(LOAD_LIMIT_S):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = error.msg if isinstance(error, SyntaxError) else error
        reason = " ".join(f"{type(error).__name__}: {message}".split())
        raise UsageError(
            f"{path.name} cannot be loaded: {_cut(reason).rstrip(': ')}{_line(error, path)}.",
            "Correct that file; nothing was changed. Run again with --traceback to see where.",
            code="broken-revision",
        ) from error


def _line(error: BaseException, path: Path) -> str:
    """Return the last line of the file that the error passed through."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == path.name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" (line {line})" if line else ""


def declared(path: Path, module: object) -> Declared:
    """Return what the module of a revision file declares. Raises UsageError."""
    values = {name: getattr(module, name) for name in _FORMS if hasattr(module, name)}
    values["doc"] = getattr(module, "__doc__", None)
    for name, form in _FORMS.items():
        if name in values or name in _REQUIRED:
            values[name] = _converted(path, name, values.get(name, _MISSING), form)
    result = msgspec.convert(values, Declared)
    _require_name(path, result.revision)
    for label in _several(result.branch_labels):
        _require_name(path, label.replace("-", "_"))
    return result


def _converted(path: Path, name: str, value: object, form: str) -> object:
    try:
        converted = msgspec.convert(value, _TYPES[name])
        msgspec.json.encode(converted)  # which refuses lone surrogates
    except (ValueError, TypeError, AttributeError) as error:
        problem = "is missing" if value is _MISSING else f"is {_cut(repr(value))}"
        raise UsageError(
            f"In {path.name}, {name} {problem}.", f"Write {form}.", code="invalid-declaration"
        ) from error
    return converted


def _require_name(path: Path, name: str) -> None:
    is_clean = name.isprintable() and name == name.strip() and not _SYMBOLS & set(name)
    if not name or not is_clean or name in _WORDS:
        raise UsageError(
            f"In {path.name}, {_cut(repr(name))} cannot be an id or a label.",
            "Use letters, digits and _, as Alembic does, and no word such as head or base.",
            code="invalid-id",
        )


def require_consistent(revisions: Mapping[Path, Declared]) -> None:
    """Refuse an id that two files have, and a parent that none has, with UsageError."""
    files: dict[str, Path] = {}
    for path, revision in revisions.items():
        if revision.revision in files:
            raise UsageError(
                f"{files[revision.revision].name} and {path.name} have the same id, "
                f"{revision.revision}.",
                "Delete one of them, or give it an id of its own: Alembic would run one only.",
                code="duplicate-revision",
            )
        files[revision.revision] = path
    labels = {label for r in revisions.values() for label in _several(r.branch_labels)}
    for path, revision in revisions.items():
        needed = [name for name in _several(revision.down_revision) if name not in files]
        needed += [n for n in _several(revision.depends_on) if not _is_known(n, files, labels)]
        if needed:
            raise UsageError(
                f"{path.name} follows {_cut(repr(needed[0]))}, which no revision file has as id.",
                "Fetch the branch that has it, or correct down_revision and depends_on.",
                code="missing-parent",
            )


def _is_known(name: str, ids: Collection[str], labels: Collection[str]) -> bool:
    """Whether depends_on may hold a name: an id, the beginning of one, or a label."""
    end = name.partition("@")[0]
    return end in labels or any(known.startswith(end) for known in ids if end)


def _several(names: _Ids) -> Sequence[str]:
    return (names,) if isinstance(names, str) else names or ()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
