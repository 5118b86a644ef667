"""`migrate`, `downgrade` and `backfill` on a fleet: the work on each database, and its outcome."""

import argparse
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from pybase.cli import _terminal as terminal
from pybase.cli._common import show_json
from pybase.cli._fleet._common import (
    Failure,
    announced_fleet,
    as_json,
    exit_code,
    failure,
    limits_of,
    list_failures,
)
from pybase.cli._fleet._display import Display
from pybase.cli._reporter import TerminalReporter
from pybase.core.errors import UsageError
from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.migrate import deploy
from pybase.migrate.fleet import (
    Event,
    Fleet,
    Limits,
    Member,
    MemberReporter,
    Outcome,
    State,
    Status,
    needs_alembic,
    read_statuses,
    run,
    shared_source,
)
from pybase.migrate.record import Direction


class Task(Struct, frozen=True):
    """What a verb does to each database: `work` returns how many revisions, or rows, it changed.

    Without a direction, it is not known before which databases have anything to do.
    """

    work: Callable[[deploy.Source, MemberReporter, str], int]
    words: str
    direction: Direction | None = None
    target: str | None = None


def run_on_fleet(args: argparse.Namespace, settings: Settings, task: Task) -> int:
    """Do a task on each database of a fleet; returns the exit code.

    1 where any has failed, 3 where that was only for the server.
    """
    _require_possible(args)
    fleet = announced_fleet(args, settings)
    source = _source(args, settings, fleet)
    outcomes = _run(args, fleet, source, task)
    failures = [
        failure(args, fleet, outcome.member, outcome.error)
        for outcome in outcomes
        if outcome.error is not None
    ]
    _report(args, outcomes, failures)
    return exit_code(failures)


def _require_possible(args: argparse.Namespace) -> None:
    """Refuse the options that have no meaning for a fleet with UsageError."""
    options = ("sql", "python_revisions", "check_drift")
    given = {name for name in options if getattr(args, name, False)}
    refused = given & ({"sql", "check_drift"} if args.schemas else {"sql"})
    if refused:
        raise UsageError(
            f"--{min(refused).replace('_', '-')} is for one database.",
            "Run it without --fleet and --schemas.",
            code="not-for-fleet",
        )
    target = getattr(args, "target", None) or ""
    if re.fullmatch(r"(?:[^@]*@)?[+-]\d+", target):
        raise UsageError(
            f"{target} is a number of steps, which the same command would take again on a fleet.",
            "Name the revision that is to be reached.",
            code="relative-target",
        )


def _source(args: argparse.Namespace, settings: Settings, fleet: Fleet) -> deploy.Source:
    """Return what is run: what was reviewed, or the Python that is asked for by name."""
    is_python = getattr(args, "python_revisions", False)
    find = deploy.python_source if is_python else deploy.committed_source
    return shared_source(fleet, find(settings, fleet.canary.database, TerminalReporter()))


def _run(
    args: argparse.Namespace, fleet: Fleet, source: deploy.Source, task: Task
) -> list[Outcome]:
    """Work on those that are not at the target yet, as far as that is known."""
    limits, known = limits_of(args), dict[str, Outcome]()
    destination = task.target or source.latest
    is_serial = not deploy.is_quiet(source)
    if task.direction is not None:
        statuses = read_statuses(fleet, source, limits, destination, task.direction)
        is_serial = args.check_drift or needs_alembic(source, statuses.values(), task.direction)
        known = {} if args.check_drift else _settled(fleet, statuses)
    if is_serial and limits.jobs > 1:
        terminal.note("Alembic is needed: one database after the other.")
        limits = Limits(1, limits.max_failures)
    shows_data = args.show_data
    with Display(args, fleet, task.words) as display:
        for outcome in known.values():
            display.receive(Event(outcome.member, "end", outcome=outcome))

        def work(member: Member, receive: Callable[[Event], None]) -> int:
            own = source.of(member.database)
            return task.work(own, MemberReporter(member, receive, shows_data), destination)

        return run(fleet, work, limits, display.receive, known)


def _settled(fleet: Fleet, statuses: dict[str, Status]) -> dict[str, Outcome]:
    """Return the outcomes of those that have nothing to do, or cannot be worked on."""
    known = {}
    for member in fleet.members:
        status = statuses[member.name]
        if status.error is not None:
            known[member.name] = Outcome(member, State.FAILED, error=status.error)
        elif status.path == ():
            known[member.name] = Outcome(member, State.NOTHING, 0)
    return known


def _report(
    args: argparse.Namespace, outcomes: Sequence[Outcome], failures: Sequence[Failure]
) -> None:
    """List the failures, and what there was of each state."""
    list_failures(failures)
    if failures:
        again = "Run the same command again: what is done is not done again."
        terminal.note(f"\nFailed: {', '.join(item.member.name for item in failures)}. {again}")
    if args.format == "json":
        errors = {item.member.name: item.error for item in failures}
        show_json(
            {
                "databases": [
                    as_json(
                        outcome.member,
                        errors.get(outcome.member.name),
                        state=outcome.state.value,
                        changed=outcome.value or 0,
                        seconds=round(outcome.seconds, 3),
                    )
                    for outcome in outcomes
                ]
            }
        )
        return
    counts = {state: sum(outcome.state is state for outcome in outcomes) for state in State}
    listed = ", ".join(f"{n} {state.value.replace('-', ' ')}" for state, n in counts.items() if n)
    terminal.result(f"{counted(len(outcomes), 'database')}: {listed}.")
