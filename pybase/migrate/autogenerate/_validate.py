"""What was planned is written, rehearsed and compared; only then does it count.

Owns the proof. A step that a server refuses is taken out and named, never hidden.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pybase.core.errors import CheckFailedError
from pybase.migrate import catalog
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate._compare import Scope
from pybase.migrate.autogenerate._operations import Plan, Step
from pybase.migrate.autogenerate._request import Outcome
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.autogenerate._write import Draft, accepting, draft, put_in_place
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


@dataclass(frozen=True)
class Attempt:
    """Everything that an attempt needs again."""

    history: History
    wanted: Scope
    models: Side
    title: str
    single: bool
    folder: Path

    def run(self, plan: Plan) -> Outcome:
        """Write, rehearse, and take out what a server refuses, until the rest stands."""
        unsolved = list(plan.unsolved)
        for _ in range(_MOST):
            steps = plan.steps(single=self.single) or [Step(())]
            written = draft(self.history, self.folder, self.title, steps)
            built = build.build(written.history)
            refused = failure(written, built)
            if refused is None:
                break
            _take_out(plan, steps[refused[0]], refused[1], unsolved)
        with scratch.at_head(self.history.settings, built.rendered) as url:
            end = compare.read_url(url, built.rendered)
        rest = compare.gap(end, self.models, self.wanted)
        if steps == [Step(())] and not rest:
            raise CheckFailedError("\n".join(unsolved), "Nothing was written.")
        unsolved += _wrong_ways_back(written, built)
        alone = compare.left_alone(end, self.models, self.wanted)
        return finished(written, built, steps, _told(rest, unsolved), alone)


def _take_out(plan: Plan, step: Step, said: str, unsolved: list[str]) -> None:
    """Take a refused step out of the plan; of several together, find out which it is."""
    if not step.parts:
        raise CheckFailedError(said, "Nothing was written.")
    if len(step.parts) == 1:
        unsolved.append(f"{step.parts[0].title}: {said}")
        plan.parts = [each for each in plan.parts if each is not step.parts[0]]
        return
    apart = {id(each) for each in step.parts}
    plan.parts = [replace(each, alone=True) if id(each) in apart else each for each in plan.parts]


def _new(written: Draft, built: Built) -> Iterator[tuple[str, RevisionReport]]:
    """Yield the new revisions, in order, each with its report."""
    new = set(written.ids)
    for each, report in zip(built.rendered.revisions, built.reports, strict=True):
        if each.script.revision in new:
            yield each.script.revision, report


def failure(written: Draft, built: Built) -> tuple[int, str] | None:
    """Return the first new revision that a server refused, by its place, and its words."""
    errors = {each.script.revision: each.upgrade.error for each in built.rendered.revisions}
    for place, (revision, report) in enumerate(_new(written, built)):
        if errors[revision]:
            return place, errors[revision]
        for finding in (*report.upgrade.findings, *report.downgrade.findings):
            if finding.code in _REFUSED:
                return place, finding.message
    return None


_REFUSED = frozenset(
    {
        "rehearsal-failed",
        "uses-new-enum-value",
        "concurrently-in-transaction",
        "transaction-control",
    }
)


def _wrong_ways_back(written: Draft, built: Built) -> Iterator[str]:
    for revision, report in _new(written, built):
        for finding in report.downgrade.findings:
            if finding.code in ("downgrade-wrong", "downgrade-empty"):
                yield f"Revision {revision}: {finding.message}"


def _told(rest: Sequence[Change], unsolved: Sequence[str]) -> str:
    lines = [*unsolved]
    if rest:
        lines.append(catalog.describe(rest, before="revisions", after="models"))
    for change in rest:
        for side, definition in (("revisions", change.before), ("models", change.after)):
            if change.is_one_sided and definition is not None:
                lines.append(f"    {change.identity} in {side}: {definition}")
    return "\n".join(lines)


# --- what is told -----------------------------------------------------------------------------

_ON_THE_WAY_BACK = frozenset(
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
"""Hazards that make others wait: a downgrade may have them, as nobody is made to run it."""

REASON = "on the way back only, which is taken by hand and at a chosen hour"


def _accepted(report: RevisionReport) -> dict[str, str]:
    """Return what the way back needs accepted, and the way there does not."""
    forward = {each.code for each in report.upgrade.findings}
    return {
        f"{each.code} on {each.relation}" if each.relation else each.code: REASON
        for each in report.downgrade.findings
        if each.code in _ON_THE_WAY_BACK and each.code not in forward
    }


def finished(
    written: Draft, built: Built, steps: Sequence[Step], gap: str, alone: Iterable[str]
) -> Outcome:
    """Accept what only the way back needs, put everything in place, and tell what it is."""
    settings = written.history.settings
    accepted = {revision: _accepted(report) for revision, report in _new(written, built)}
    if any(accepted.values()):
        written = accepting(written, accepted)
        built = build.build(written.history)
    sql = build.files(settings, built)
    new = set(written.ids)
    hazards = [
        f"{line.code} on {line.relation}: {line.message}".replace(" on :", ":")
        for lines in hazard_lines(settings, built, sql)
        for line in lines
        if line.revision in new and line.accepted is None
    ]
    effects = [row for _, report in _new(written, built) for row in _effects(report)]
    revisions, changed = put_in_place(written, sql)
    return Outcome(
        revisions=tuple(revisions),
        sql=tuple(changed),
        steps=tuple(steps),
        effects=tuple(dict.fromkeys(effects)),
        hazards=tuple(dict.fromkeys(hazards)),
        left_alone=tuple(alone),
        gap=gap,
        way_back=tuple(sorted({key for keys in accepted.values() for key in keys})),
    )


def _effects(report: RevisionReport) -> Iterator[str]:
    upgrade = replace(report.upgrade, findings=(), losses=())
    for name, text in report_rows(upgrade, {}):
        yield f"{name}  {text}"
