"""Revisions whose SQL differs from run to run: found by rendering them in another process.

There the order of a set is another, and so are the date, the user, and most of the environment.
"""

import ast
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec

from pybase.core.settings import Settings
from pybase.migrate.record import Direction, Script, ScriptStatus

REASON = (
    "a value in it is another one each time it is rendered; write the value into the revision, or "
    "SQL such as gen_random_uuid() and now()"
)
"""Without the value: the same revision gives the same text on every machine."""

TIME_LIMIT_S = 60

_SAME = frozenset(("alembic", "sqlalchemy", "typing", "collections", "__future__", "textwrap"))
"""Packages that give no value of their own."""

_NAMES = frozenset(("set", "frozenset", "hash", "__import__", "open", "exec"))

_KEPT = ("PATH", "HOME", "PYTHON", "VIRTUAL_ENV", "LANG", "LC_", "LD_", "TMP", "TEMP", "SYSTEM")
"""Variables, or the beginnings of their names, that a process may need to start."""

Step = tuple[str, Direction]


def may_vary(path: Path) -> bool:
    """Whether a revision file has a set, or imports what may give a value of its own."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (SyntaxError, ValueError):
        return False
    return any(map(_may_vary, nodes))


def _may_vary(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name.partition(".")[0] not in _SAME for name in names)
        case ast.ImportFrom(module=module, level=level):
            return level > 0 or (module or "").partition(".")[0] not in _SAME
        case ast.Name(id=name):
            return name in _NAMES
    return isinstance(node, ast.Set | ast.SetComp)


def without_varying(settings: Settings, scripts: Mapping[Step, Script]) -> Iterator[Script]:
    """Yield each script, or in its place that it cannot be rendered, where another run differs.

    What cannot be rendered in another process is not compared.
    """
    others: dict[Step, Script] = {}
    for environment in (_reduced_environment(), dict(os.environ)) if scripts else ():
        steps = [step for step, script in scripts.items() if script.has_sql and step not in others]
        for step, script in zip(steps, _rendered_again(settings, steps, environment), strict=False):
            if script.has_sql:
                others[step] = script
    for step, script in scripts.items():
        yield if_same(step, script, others.get(step, script))


def if_same(step: Step, script: Script, other: Script) -> Script:
    """Return the script of a step, or the reason where another run has rendered other SQL."""
    difference = script.has_sql and other.has_sql and _difference(script.texts, other.texts)
    if not difference:
        return script
    _report(step, *difference)
    return Script(status=ScriptStatus.PYTHON, reason=REASON)


def _difference(texts: Sequence[str], others: Sequence[str]) -> tuple[str, str] | None:
    pairs = zip((*texts, ""), (*others, ""), strict=False)
    return next(((text, other) for text, other in pairs if text != other), None)


def _report(step: Step, text: str, other: str) -> None:
    pairs = enumerate(zip(text, other, strict=False))
    start = next((place for place, (one, two) in pairs if one != two), min(len(text), len(other)))
    start = max(start - _BEFORE, 0)
    parts = (" ".join(each[start : start + _LONGEST].split()) for each in (text, other))
    logging.getLogger(__name__).warning(
        "The %s of revision %s is rendered in two ways: ...%s... and ...%s...",
        *(step[1].value, step[0], *parts),
    )


_BEFORE, _LONGEST = 20, 80


def _rendered_again(
    settings: Settings, steps: Sequence[Step], environment: Mapping[str, str]
) -> Iterable[Script]:
    """Render steps in another process; returns nothing where it fails."""
    project = (str(settings.config_path), settings.section, *settings.x)
    command = [sys.executable, "-m", "pybase.migrate.revisions._again", *project]
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(steps),
            env={**environment, "PYTHONHASHSEED": seed, "TZ": _other_day()},
            capture_output=True,
            check=True,
            timeout=TIME_LIMIT_S,
        )
        return msgspec.json.decode(done.stdout, type=list[Script])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        return ()


def _reduced_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT)}
    return kept | {"USER": "other", "LOGNAME": "other", "HOSTNAME": "other"}


def _other_day() -> str:
    """Return a time zone in which it is another day than here."""
    here = datetime.now().astimezone().date()
    is_other = datetime.now(timezone(timedelta(hours=14))).date() != here
    return "OTHER-14" if is_other else "OTHER+12"  # which POSIX counts to the west
