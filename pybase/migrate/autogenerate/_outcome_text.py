"""Text of an outcome: files, what they do, decisions, the next command."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.migrate.autogenerate._operations import Step
from pybase.migrate.autogenerate._request import Outcome
from pybase.migrate.autogenerate._titles import described

_MOST_FILES = 6
"""SQL files that are listed one by one."""


def describe(outcome: Outcome, settings: Settings) -> str:
    """Return what was written, what it does and what is left to do, the most important last."""
    return "\n".join(_lines(outcome, settings))


def _lines(outcome: Outcome, settings: Settings) -> Iterator[str]:
    yield from _files(outcome, settings)
    yield from _section("What it does", _steps(outcome))
    width = max((len(name) for name, _ in outcome.effects), default=0)
    effects = (f"{name:{width}}  {text}" for name, text in outcome.effects)
    yield from _section("Observed on a scratch database", effects)
    yield from _section("DATA LOST", outcome.losses)
    yield from _section("Hazards", outcome.hazards)
    yield from _section("Layout, as sql-lint reports it", outcome.layout)
    yield from _section("In the downgrade, which can wait for a quiet hour", outcome.downgrade_only)
    yield from _section("To decide before it is merged", dict.fromkeys(outcome.decisions))
    yield from _section("Left alone, because no model declares it", outcome.left_alone)
    yield ""
    if not outcome.revisions:
        yield "The models need no revision of this branch any more."
        return
    if outcome.is_complete:
        yield "Read it, then apply it: nox -s migrate"
        return
    yield "NOT COMPLETE. With these revisions the database differs from the models:"
    yield from (f"  {line}" for line in outcome.gap.splitlines())
    yield "Complete the last revision by hand, then `nox -s sql` and `nox -s check`."


def _files(outcome: Outcome, settings: Settings) -> Iterator[str]:
    yield from (f"removed  {_inside(path, settings)}" for path in outcome.removed)
    yield from (f"wrote  {_inside(path, settings)}" for path in outcome.revisions)
    is_long = len(outcome.sql) > _MOST_FILES
    inside = [name for name in outcome.sql if is_long and not name.startswith("../")]
    for name in outcome.sql:
        if name not in inside:
            yield f"wrote  {settings.written_name(name)}"
    if inside:
        yield f"wrote  {settings.options.sql}/  ({counted(len(inside), 'file')})"


def _inside(path: Path, settings: Settings) -> Path:
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path


def _steps(outcome: Outcome) -> Iterator[str]:
    for path, step in zip(outcome.revisions, outcome.steps, strict=False):
        revision = next((word for word in path.stem.split("_") if len(word) == 12), path.stem)
        yield f"{revision}  {_description(step)}"


def _description(step: Step) -> str:
    text = described(step) if step.parts else "Nothing: fill it in"
    return f"{text} (outside a transaction)" if step.autocommit else text


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [f"  {item}" for item in items]
    if lines:
        yield from ("", f"{title}:", *lines)
