"""Validation: what was planned is written, rehearsed and compared before it is put in place.

A step that a server refuses is removed and named, never hidden.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from pybase.core.checkout import draft_folder
from pybase.core.errors import CheckFailedError
from pybase.migrate import catalog
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate._draft import (
    Draft,
    draft,
    in_place,
)
from pybase.migrate.autogenerate._operations import Plan, Step, Unit
from pybase.migrate.autogenerate._plan import divide, related
from pybase.migrate.autogenerate._request import Outcome, Request
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.autogenerate._scope import Scope
from pybase.migrate.catalog import Change
from pybase.migrate.record import WARNING, Direction, Record
from pybase.migrate.rehearsal import scratch
from pybase.migrate.revisions import History
from pybase.migrate.sqlfiles import (
    Built,
    LintFinding,
    Replaced,
    build,
    effect_words,
    files,
    hazard_findings,
    replaced,
)

_MOST = 30
"""Attempts, each without one more step that a server refused."""

_REFUSED = frozenset(
    {
        "rehearsal-failed",
        "uses-new-enum-value",
        "concurrently-in-transaction",
        "transaction-control",
    }
)


def write_validated(
    history: History, scope: Scope, models: Side, plan: Plan, title: str, request: Request
) -> Outcome:
    """Write, rehearse, and remove what a server refuses, until it accepts the rest.

    A single revision that fails is divided until it is known what fails. Raises CheckFailedError
    where nothing is left, or only the parts of a single revision succeed: nothing is written then.
    """
    unsolved = list(plan.unsolved)
    with draft_folder(history.settings) as folder:
        single, refusal = request.single, ""
        for _ in range(_MOST):
            steps = divide(plan, single=single) or [Step(())]
            written = draft(history, folder, title, steps, request.head)
            built = build(written.history)
            failure = first_failure(written, built)
            if failure is not None:
                place, message = failure
                if not single:
                    _remove(plan, steps[place], message, unsolved)
                elif refusal:
                    raise CheckFailedError(message, _DIVIDED, code="single-fails")
                single, refusal = False, message
            elif single == request.single:
                break
            else:
                single = True
        else:
            raise CheckFailedError(refusal, _BY_HAND, code="plan-fails")
        with scratch.at_head(history.settings, built.rendered) as url:
            end = compare.read_url(url, built.rendered, scope)
        rest = compare.gap(end, models, scope)
        if steps == [Step(())]:
            raise CheckFailedError(_gap_text(rest, unsolved), _BY_HAND, code="nothing-possible")
        unsolved += _wrong_downgrades(written, built)
        alone = compare.left_alone(end, models, scope)
        return finish(written, built, steps, _gap_text(rest, unsolved), alone)


_DIVIDED = (
    "Nothing was written. Each change succeeds by itself: run the same command without --single."
)
_BY_HAND = (
    "Nothing was written. Write this change yourself: "
    'nox -s makemigration -- "what changes" --empty'
)


def _remove(plan: Plan, step: Step, message: str, unsolved: list[str]) -> None:
    """Remove what a server refused, with all that is related: no half of a change is written.

    A step of several units is divided first, to find which of them it is.
    """
    if not step.parts:
        raise CheckFailedError(message, "Nothing was written.", code="revision-fails")
    refused = {id(part) for part in step.parts}
    units = [unit for unit in plan.units if any(id(part) in refused for part in unit.parts)]
    groups = {part.group if part.is_undivided else "" for part in step.parts}
    if len(units) > 1 and (len(groups) > 1 or "" in groups):
        plan.units = [_apart(unit, refused) if unit in units else unit for unit in plan.units]
        return
    unsolved.append(f"{step.title}: {message}")
    gone = {id(other) for unit in units for other in related(plan, unit)}
    plan.units = [unit for unit in plan.units if id(unit) not in gone]


def _apart(unit: Unit, refused: Collection[int]) -> Unit:
    parts = (
        replace(part, alone=True, group=part.group if part.is_undivided else "")
        if id(part) in refused
        else part
        for part in unit.parts
    )
    return replace(unit, parts=tuple(parts))


def _records(written: Draft, built: Built) -> Iterator[Record]:
    """Yield the record of each new revision."""
    return (record for record in built.records if record.revision.id in written.ids)


def first_failure(written: Draft, built: Built) -> tuple[int, str] | None:
    """Return the place of the first new revision that a server refused, and the message."""
    for place, record in enumerate(_records(written, built)):
        script = record.scripts.upgrade
        findings = (f for _, effects in record.report.effects for f in effects.findings)
        refused = (finding.message for finding in findings if finding.code in _REFUSED)
        message = script.reason if not script.has_sql else next(refused, None)
        if message:
            return place, message
    return None


def _wrong_downgrades(written: Draft, built: Built) -> Iterator[str]:
    for record in _records(written, built):
        for finding in record.report.effects.downgrade.findings:
            if finding.code in ("downgrade-wrong", "downgrade-empty"):
                yield f"Revision {record.revision.id}: {finding.message}"


def _gap_text(rest: Sequence[Change], unsolved: Sequence[str]) -> str:
    lines = [*unsolved]
    if rest:
        lines.append(catalog.describe(rest, before="revisions", after="models"))
    for change in rest:
        for side, definition in (("revisions", change.before), ("models", change.after)):
            if change.is_one_sided and definition is not None:
                lines.append(f"    {change.identity} in {side}: {definition}")
    return "\n".join(lines)


# --- the outcome ------------------------------------------------------------------------------


def _in_place(written: Draft, built: Built) -> Built:
    """Return the records with the paths that the new revisions will have."""
    root, folder = written.history.settings.root, written.destination
    path = folder.relative_to(root) if folder.is_relative_to(root) else folder

    def moved(record: Record) -> Record:
        name = Path(record.revision.path).name
        return replace(record, revision=replace(record.revision, path=(path / name).as_posix()))

    records = (moved(r) if r.revision.id in written.ids else r for r in built.records)
    return replace(built, records=tuple(records))


def without(history: History) -> Outcome:
    """Return the outcome where revisions are gone and the models need no other: their SQL goes."""
    settings = history.settings
    sql = replaced(settings, files(settings, build(history)))
    return Outcome(sql=_written(sql), contents=sql.contents)


def _written(sql: Replaced) -> tuple[str, ...]:
    return tuple(change.path for change in sql.changes if change.reason != "orphaned")


_DOWN = Direction.DOWNGRADE.value


def _hazard_text(line: LintFinding) -> str:
    place = f" on {line.relation}" if line.relation else ""
    return f"{line.code}{place}: {line.message}"


def finish(
    written: Draft, built: Built, steps: Sequence[Step], gap: str, alone: Iterable[str]
) -> Outcome:
    """Return the outcome with all files to write."""
    settings = written.history.settings
    records = list(_records(written, built))
    found = [
        line
        for record in records
        for line in hazard_findings(settings, record, record.revision.stem)
    ]
    waits = [line for line in found if line.level == WARNING and line.direction == _DOWN]
    hazards = [_hazard_text(line) for line in found if line not in waits]
    effects = [
        (effect.table.label, "; ".join(effect_words(effect)))
        for record in records
        for effect in record.report.effects.upgrade.tables
    ]
    losses = [loss.label for record in records for loss in record.report.effects.upgrade.losses]
    revisions = in_place(written)
    sql = replaced(settings, files(settings, _in_place(written, built)))
    return Outcome(
        revisions=tuple(revisions),
        sql=_written(sql),
        contents={**revisions, **sql.contents},
        steps=tuple(steps),
        effects=tuple(dict.fromkeys(effects)),
        hazards=tuple(dict.fromkeys(hazards)),
        left_alone=tuple(alone),
        gap=gap,
        losses=tuple(dict.fromkeys(losses)),
        downgrade_only=tuple(sorted({line.key for line in waits})),
    )
