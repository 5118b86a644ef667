"""The way of a makemigration: compare, settle renames, plan, write, try, and put in place."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from pybase.errors import CheckFailedError, UsageError
from pybase.migrate import build, catalog, scratch, sqlfiles
from pybase.migrate.autogenerate import backfill, compare, renames, source
from pybase.migrate.autogenerate.compare import Scope
from pybase.migrate.autogenerate.parts import Part, Plan, Stage, Step
from pybase.migrate.autogenerate.plan import Planner
from pybase.migrate.autogenerate.probe import probing
from pybase.migrate.autogenerate.renames import Rename
from pybase.migrate.autogenerate.request import Outcome, Request
from pybase.migrate.autogenerate.side import Side
from pybase.migrate.autogenerate.write import Draft, draft, put_in_place, workshop
from pybase.migrate.build import Built
from pybase.migrate.catalog import Change
from pybase.migrate.history import History
from pybase.migrate.lint import hazard_lines
from pybase.migrate.render import RenderedHistory, render
from pybase.migrate.statements import split

_ATTEMPTS = 30


@dataclass(frozen=True)
class _Comparison:
    """Both sides, after the renames that were settled, and what still differs."""

    old: Side
    new: Side
    changes: list[Change]
    renamed: list[Part]


def make(history: History, request: Request, title: str) -> Outcome | None:
    """Write what leads from revisions to models; None when they agree."""
    rendered = render(history)
    wanted = compare.scope(history)
    with _at_head(history, rendered) as url:
        first = compare.read_url(url, rendered)
        with compare.models_database(history, rendered, wanted, first) as models_url:
            models = compare.read_url(models_url, rendered)
            found = _renamed(url, rendered, wanted, first, models, request)
            if not found.changes and not found.renamed:
                return None
            with probing(url, models_url) as probe:
                plan = Planner(found.old, found.new, found.changes, probe, request.single).run()
    plan.parts[:0] = found.renamed
    with workshop(history) as folder:
        return _tried(history, wanted, models, plan, request, title, folder)


def _at_head(history: History, rendered: RenderedHistory):  # type: ignore[no-untyped-def]
    """Return a database at head, by the rehearsal where a revision has no SQL."""
    if rendered.problems:
        build.build(history)
    return compare.revisions_database(history, rendered)


# --- renames ----------------------------------------------------------------------------------


def _renamed(
    url: str,
    rendered: RenderedHistory,
    wanted: Scope,
    old: Side,
    new: Side,
    request: Request,
) -> _Comparison:
    """Carry out every rename that is told, asked for or plain on the scratch database."""
    flags = list(request.renames)
    parts: list[Part] = []
    is_open = not request.no_rename
    while True:
        changes = compare.gap(old, new, wanted)
        told = renames.chosen(old, new, flags)[:1]
        taken = [rename for _, rename in told]
        flags = [flag for flag in flags if flag not in {flag for flag, _ in told}]
        if (not taken and not request.no_rename) or (not taken and parts):
            taken = renames.derived(old, new, changes)
        if not taken and is_open and not flags:
            taken = renames.settle(renames.candidates(old, new, changes), request.ask)
            is_open = bool(taken) and request.ask is not None
        if not taken:
            break
        parts += _carry_out(url, old, taken)
        old = compare.read_url(url, rendered)
    for flag in flags:
        renames.parse(old, new, flag)  # raises: nothing is called so
    return _Comparison(old, new, changes, parts)


def _carry_out(url: str, old: Side, taken: Sequence[Rename]) -> list[Part]:
    """Rename on the scratch database; the steps that do the same in a revision."""
    parts = []
    with psycopg.connect(url, autocommit=True) as connection:
        for rename in taken:
            steps = [*renames.schema_parts(old, rename), renames.part(rename)]
            statements = [*renames.schema_sql(old, rename), *renames.sql(rename)]
            for statement in statements:
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    raise UsageError(
                        f"{rename.flag} cannot be done: {error.diag.message_primary}.",
                        "Nothing was written.",
                    ) from error
            parts += steps
    return parts


# --- trying -----------------------------------------------------------------------------------


def _tried(
    history: History,
    wanted: Scope,
    models: Side,
    plan: Plan,
    request: Request,
    title: str,
    folder: Path,
) -> Outcome:
    """Write, rehearse, and take out what a server refuses, until the rest stands."""
    unsolved = list(plan.unsolved)
    for _ in range(_ATTEMPTS):
        steps = plan.steps(single=request.single) or [Step(())]
        written = draft(history, folder, title, steps)
        built = build.build(written.history)
        failure = _failure(written, built)
        if failure is None:
            break
        place, said = failure
        bad = steps[place].parts
        if not bad:
            raise CheckFailedError(said, "Nothing was written.")
        if len(bad) == 1:
            unsolved.append(f"{bad[0].title}: {said}")
            plan.parts = [each for each in plan.parts if each is not bad[0]]
        else:
            apart = {id(each) for each in bad}
            plan.parts = [
                replace(each, alone=True) if id(each) in apart else each for each in plan.parts
            ]
    with scratch.at_head(history.settings, built.rendered) as url:
        end = compare.read_url(url, built.rendered)
    rest = compare.gap(end, models, wanted)
    if steps == [Step(())] and not rest:
        raise CheckFailedError("\n".join(unsolved), "Nothing was written.")
    return _finished(
        written, built, steps, _told(rest, unsolved), compare.left_alone(end, models, wanted)
    )


def _failure(written: Draft, built: Built) -> tuple[int, str] | None:
    """Return the first new revision that a server refused, and its words."""
    reports = dict(
        zip((each.script.revision for each in built.rendered.revisions), built.reports, strict=True)
    )
    rendered = {each.script.revision: each for each in built.rendered.revisions}
    for place, revision in enumerate(written.ids):
        if rendered[revision].upgrade.error:
            return place, rendered[revision].upgrade.error
        for direction in (reports[revision].upgrade, reports[revision].downgrade):
            for finding in direction.findings:
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


def _told(rest: Sequence[Change], unsolved: Sequence[str]) -> str:
    lines = [*unsolved]
    if rest:
        lines.append(catalog.describe(rest, before="revisions", after="models"))
        lines += [
            f"    {side}  {definition}"
            for change in rest
            if change.is_one_sided
            for side, definition in (("revisions", change.before), ("models", change.after))
            if definition is not None
        ]
    return "\n".join(lines)


def _finished(
    written: Draft, built: Built, steps: Sequence[Step], gap: str, alone: Sequence[str]
) -> Outcome:
    """Put everything in place and tell what it is."""
    settings = written.history.settings
    sql = sqlfiles.compose(built.rendered.revisions, built.reports, built.schema)
    new = set(written.ids)
    hazards = [
        f"{line.code} on {line.relation}: {line.message}"
        if line.relation
        else f"{line.code}: {line.message}"
        for lines in hazard_lines(settings, built, sql)
        for line in lines
        if line.revision in new and line.accepted is None
    ]
    effects = [
        row
        for each, report in zip(built.rendered.revisions, built.reports, strict=True)
        if each.script.revision in new
        for row in _effects(report)
    ]
    revisions, changed = put_in_place(written, sql)
    return Outcome(
        tuple(revisions), tuple(changed), tuple(steps), tuple(dict.fromkeys(effects)),
        tuple(dict.fromkeys(hazards)), tuple(alone), gap,
    )  # fmt: skip


def _effects(report) -> list[str]:  # type: ignore[no-untyped-def]
    from pybase.migrate.comments import report_rows

    return [
        f"{name}  {text}" for name, text in report_rows(replace(report.upgrade, findings=()), {})
    ]


# --- by hand ----------------------------------------------------------------------------------


def make_by_hand(history: History, request: Request, title: str) -> Outcome:
    """Write one revision that somebody fills in, or that runs SQL they wrote."""
    if request.sql_only is not None:
        step = _sql_step(request.sql_only)
    elif request.data:
        step = _data_step()
    else:
        step = Step(())
    with workshop(history) as folder:
        written = draft(history, folder, title, [step])
        built = build.build(written.history)
        failure = _failure(written, built)
        if failure is not None and request.sql_only is not None:
            raise CheckFailedError(f"The SQL fails: {failure[1]}", "Nothing was written.")
        return _finished(written, built, [step] if step.parts else [], "", ())


def _sql_step(sql: str) -> Step:
    statements = split(sql)
    if not statements:
        raise UsageError("The file holds no SQL.", "Write a statement into it.")
    up = tuple(source.execute(each) for each in statements)
    down = ('raise NotImplementedError("TODO: undo it, or say why the way back does not exist.")',)
    return Step((Part(Stage.OTHER, "Run SQL", up, down),))


def _data_step() -> Step:
    statement = backfill.loop("TABLE_NAME", "COLUMN_NAME", "RULE", "COLUMN_NAME IS NULL")
    return Step((Part(Stage.BACKFILL, "Fill", (source.block(statement),), ()),))
