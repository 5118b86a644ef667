"""Validation: what was planned is written, rehearsed and compared before it is put in place.

A step that a server refuses is removed and named, never hidden.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pybase.core.errors import CheckFailedError
from pybase.migrate import catalog
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate._draft import (
    Draft,
    accept_hazards,
    draft,
    draft_folder,
    put_in_place,
)
from pybase.migrate.autogenerate._operations import Plan, Step
from pybase.migrate.autogenerate._request import Outcome
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.autogenerate._scope import Scope
from pybase.migrate.catalog import Change
from pybase.migrate.record import RevisionReport
from pybase.migrate.rehearsal import _scratch as scratch
from pybase.migrate.revisions._history import History
from pybase.migrate.sqlfiles import _build as build
from pybase.migrate.sqlfiles._build import Built
from pybase.migrate.sqlfiles._header import report_rows
from pybase.migrate.sqlfiles._lint import hazard_lines

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
    history: History, scope: Scope, models: Side, plan: Plan, title: str, *, single: bool
) -> Outcome:
    """Write, rehearse, and remove what a server refuses, until it accepts the rest."""
    unsolved = list(plan.unsolved)
    with draft_folder(history) as folder:
        for _ in range(_MOST):
            steps = plan.steps(single=single) or [Step(())]
            written = draft(history, folder, title, steps)
            built = build.build(written.history)
            failure = first_failure(written, built)
            if failure is None:
                break
            _remove(plan, steps[failure[0]], failure[1], unsolved)
        with scratch.at_head(history.settings, built.rendered) as url:
            end = compare.read_url(url, built.rendered)
        rest = compare.gap(end, models, scope)
        if steps == [Step(())] and not rest:
            problem = "\n".join(unsolved)
            raise CheckFailedError(problem, "Nothing was written.", code="nothing-possible")
        unsolved += _wrong_downgrades(written, built)
        alone = compare.left_alone(end, models, scope)
        return finish(written, built, steps, _gap_text(rest, unsolved), alone)


def _remove(plan: Plan, step: Step, message: str, unsolved: list[str]) -> None:
    """Remove a refused step from the plan; divide one of several parts, to find which it is."""
    if not step.parts:
        raise CheckFailedError(message, "Nothing was written.", code="revision-fails")
    refused = {id(part) for part in step.parts}
    if len(step.parts) == 1:
        unsolved.append(f"{step.parts[0].title}: {message}")
        plan.parts = [part for part in plan.parts if id(part) not in refused]
        return
    plan.parts = [
        replace(part, alone=True, group="") if id(part) in refused else part for part in plan.parts
    ]


def _reports(written: Draft, built: Built) -> Iterator[tuple[str, str, RevisionReport]]:
    """Yield the id of each new revision, its error while it was rendered, and its report."""
    for revision, report in zip(built.rendered.revisions, built.reports, strict=True):
        if revision.script.revision in written.ids:
            yield revision.script.revision, revision.upgrade.error, report


def first_failure(written: Draft, built: Built) -> tuple[int, str] | None:
    """Return the place of the first new revision that a server refused, and the message."""
    for place, (_, error, report) in enumerate(_reports(written, built)):
        hazards = (*report.upgrade.findings, *report.downgrade.findings)
        refused = (hazard.message for hazard in hazards if hazard.code in _REFUSED)
        message = error or next(refused, None)
        if message:
            return place, message
    return None


def _wrong_downgrades(written: Draft, built: Built) -> Iterator[str]:
    for revision, _, report in _reports(written, built):
        for hazard in report.downgrade.findings:
            if hazard.code in ("downgrade-wrong", "downgrade-empty"):
                yield f"Revision {revision}: {hazard.message}"


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

_DOWNGRADE_ONLY = frozenset(
    {
        "rewrites-table",
        "sets-not-null",
        "validates-constraint",
        "builds-key",
        "adds-exclusion",
        "adds-required-column",
        "blocking-index-build",
        "blocking-index-drop",
        "many-blocking-locks",
    }
)
"""Hazards that make other sessions wait: a downgrade may have them, as its hour can be chosen."""

_REASON = "downgrade only, which is run by hand and at a chosen hour"


def _accepted(report: RevisionReport) -> dict[str, str]:
    """Return the hazards that the downgrade has and the upgrade has not, to be accepted."""
    forward = {hazard.code for hazard in report.upgrade.findings}
    return {
        f"{hazard.code} on {hazard.relation}" if hazard.relation else hazard.code: _REASON
        for hazard in report.downgrade.findings
        if hazard.code in _DOWNGRADE_ONLY and hazard.code not in forward
    }


def finish(
    written: Draft, built: Built, steps: Sequence[Step], gap: str, alone: Iterable[str]
) -> Outcome:
    """Accept what only the downgrade needs, put everything in place, and return the outcome."""
    settings = written.history.settings
    accepted = {revision: _accepted(report) for revision, _, report in _reports(written, built)}
    if any(accepted.values()):
        written = accept_hazards(written, accepted)
        built = build.build(written.history)
    sql = build.files(settings, built)
    hazards = [
        f"{line.code} on {line.relation}: {line.message}".replace(" on :", ":")
        for lines in hazard_lines(settings, built, sql)
        for line in lines
        if line.revision in written.ids and line.accepted is None
    ]
    effects = [row for _, _, report in _reports(written, built) for row in _effects(report)]
    revisions, changed = put_in_place(written, sql)
    return Outcome(
        revisions=tuple(revisions),
        sql=tuple(changed),
        steps=tuple(steps),
        effects=tuple(dict.fromkeys(effects)),
        hazards=tuple(dict.fromkeys(hazards)),
        left_alone=tuple(alone),
        gap=gap,
        downgrade_only=tuple(sorted({key for keys in accepted.values() for key in keys})),
    )


def _effects(report: RevisionReport) -> Iterator[tuple[str, str]]:
    yield from report_rows(replace(report.upgrade, findings=(), losses=()), {})
