"""What makemigration says when it is done: files, what they do, what is owed, what comes next."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pybase.migrate.autogenerate.request import Outcome
from pybase.settings import Settings


def lines(outcome: Outcome, settings: Settings) -> Iterator[str]:
    """Yield the lines to print, the most wanted last."""
    for path in outcome.revisions:
        yield f"wrote  {_relative(path, settings)}"
    for name in outcome.sql:
        yield f"wrote  {settings.options.sql}/{name}"
    summary = [part.title for step in outcome.steps for part in step.parts]
    yield from _section("Does", dict.fromkeys(summary))
    yield from _section("Seen on a scratch database", outcome.effects)
    yield from _section("Loses", outcome.losses)
    yield from _section("Hazards", outcome.hazards)
    yield from _section("Yours to decide", dict.fromkeys(outcome.decisions))
    yield from _section("Left alone, because no model declares it", outcome.left_alone)
    yield ""
    if outcome.is_complete:
        yield "Read it, then apply it: nox -s migrate"
        return
    yield "NOT COMPLETE: with these revisions the database is not yet what the models say."
    yield outcome.gap
    yield "Finish the revision by hand (its SQL: nox -s sql), or change the model."


def _section(title: str, items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"  {each}" for each in found)


def _relative(path: Path, settings: Settings) -> Path:
    return path.relative_to(settings.root) if path.is_relative_to(settings.root) else path
