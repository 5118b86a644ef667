"""The run over a fleet: the canary first, then several databases at once, each in a thread.

The calling thread begins them and receives their events; no other shows anything. Threads are
daemons: when that thread is interrupted the process ends, and servers roll back what is open.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from queue import SimpleQueue
from typing import Any, TypeAlias

from msgspec import Struct

from pybase.migrate.fleet._members import Fleet, Member
from pybase.migrate.fleet._reporter import Event, Receive

Work: TypeAlias = Callable[[Member, Receive], Any]
"""Does what is to be done to a database, and returns the value of its outcome."""


class State(StrEnum):
    """How the run over one database ended."""

    DONE = "done"
    NOTHING = "nothing-to-do"
    FAILED = "failed"
    NOT_BEGUN = "not-begun"


class Outcome(Struct, frozen=True):
    """The end of the work on one database. `value` is what the work returned, 0 for nothing."""

    member: Member
    state: State
    value: Any = None
    seconds: float = 0.0
    error: BaseException | None = None


class Limits(Struct, frozen=True):
    """How many databases at once, and after how many that failed no other is begun."""

    jobs: int = 8
    max_failures: int | None = None


def run(
    fleet: Fleet,
    work: Work,
    limits: Limits,
    receive: Receive,
    known: Mapping[str, Outcome] | None = None,
) -> list[Outcome]:
    """Work on each database of a fleet; returns the outcomes in its order.

    The others are begun when the canary is done. Those whose outcome is `known` are not worked on.
    With one job, this thread does the work.
    """
    outcomes = dict(known or {})
    go_over([fleet.canary], work, Limits(1), receive, outcomes)
    if outcomes[fleet.canary.name].state is not State.FAILED:
        go_over(fleet.members, work, limits, receive, outcomes)
    for member in fleet.members:
        if member.name not in outcomes:
            outcomes[member.name] = Outcome(member, State.NOT_BEGUN)
            receive(Event(member, "end", outcome=outcomes[member.name]))
    return [outcomes[member.name] for member in fleet.members]


def go_over(
    members: Iterable[Member],
    work: Work,
    limits: Limits,
    receive: Receive,
    outcomes: dict[str, Outcome],
) -> None:
    """Work on those without an outcome until too many have failed, and add their outcomes."""
    events: SimpleQueue[Event] = SimpleQueue()
    left = deque(member for member in members if member.name not in outcomes)
    running = 0
    while left or running:
        while left and running < limits.jobs and not _is_over(limits, outcomes):
            member = left.popleft()
            receive(Event(member, "begin"))
            if limits.jobs == 1:
                outcomes[member.name] = outcome = _worked_on(member, work, receive)
                receive(Event(member, "end", outcome=outcome))
            else:
                running += 1
                threading.Thread(
                    target=_put_outcome, args=(member, work, events.put), daemon=True
                ).start()
        if not running:
            return
        event = events.get()
        if event.kind == "end":
            running -= 1
            outcomes[event.member.name] = event.outcome
        receive(event)


def _is_over(limits: Limits, outcomes: Mapping[str, Outcome]) -> bool:
    failed = sum(outcome.state is State.FAILED for outcome in outcomes.values())
    return limits.max_failures is not None and failed > limits.max_failures


def _put_outcome(member: Member, work: Work, put: Receive) -> None:
    put(Event(member, "end", outcome=_worked_on(member, work, put)))


def _worked_on(member: Member, work: Work, receive: Receive) -> Outcome:
    """Do the work on one database; an error of it is its own, and stops no other."""
    started = time.monotonic()
    try:
        value = work(member, receive)
    except Exception as error:
        seconds = time.monotonic() - started
        return Outcome(member, State.FAILED, seconds=seconds, error=error)
    state = State.DONE if value else State.NOTHING
    return Outcome(member, state, value, time.monotonic() - started)
