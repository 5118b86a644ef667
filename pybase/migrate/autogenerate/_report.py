"""What makemigration says when it is done: files, what they do, what is owed, what comes next."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate.autogenerate._operations import Step
from pybase.migrate.autogenerate._request import Outcome

_MOST_FILES = 5
"""SQL files that are listed one by one."""


def lines(outcome: Outcome, settings: Settings) -> Iterator[str]:
    """Yield the lines to print, the most wanted last."""
    yield from _files(outcome, settings)
    yield from _section("What it does", _steps(outcome))
    yield from _section("Seen on a scratch database", _effects(outcome))
    yield from _section("DATA THAT GO", outcome.losses)
    yield from _section("Hazards", outcome.hazards)
    yield from _section("Accepted for the way back only", outcome.way_back)
    yield from _section("Yours to decide before it is merged", dict.fromkeys(outcome.decisions))
    yield from _section("Left alone, as no model declares it", outcome.left_alone)
    yield ""
    if outcome.is_complete:
        yield "Read it, then apply it: nox -s migrate"
        return
    yield style("NOT COMPLETE.", "bold red") + (
        " With these revisions the database is not what the models say:"
    )
    yield from (f"  {line}" for line in outcome.gap.splitlines())
    yield "Finish the last revision by hand, then `nox -s sql` and `nox -s check`."


def _files(outcome: Outcome, settings: Settings) -> Iterator[str]:
    for path in outcome.revisions:
        yield f"{style('wrote', 'green')}  {_relative(path, settings)}"
    is_long = len(outcome.sql) > _MOST_FILES
    inside = [name for name in outcome.sql if is_long and not name.startswith("../")]
    for name in outcome.sql:
        if name not in inside:
            yield f"{style('wrote', 'green')}  {settings.written_name(name)}"
    if inside:
        files = counted(len(inside), "file")
        yield f"{style('wrote', 'green')}  {settings.options.sql}/  ({files})"


def _steps(outcome: Outcome) -> Iterator[str]:
    for path, step in zip(outcome.revisions, outcome.steps, strict=False):
        revision = next((word for word in path.stem.split("_") if len(word) == 12), path.stem)
        yield f"{style(revision, 'magenta')}  {_told(step)}"


def _effects(outcome: Outcome) -> list[str]:
    return table([each.split("  ", 1) for each in outcome.effects])


def _told(step: Step) -> str:
    titles = dict.fromkeys(part.title for part in step.parts)
    first, *others = titles or ("Nothing: it is yours to fill in",)
    told = "; ".join([first, *(f"{title[0].lower()}{title[1:]}" for title in others)])
    return f"{told} (outside a transaction)" if step.autocommit else told


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    if found:
        yield ""
        yield style(f"{title}:", "bold red" if title == "DATA THAT GO" else "bold")
        yield from (f"  {each}" for each in found)


def _relative(path: Path, settings: Settings) -> Path:
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
