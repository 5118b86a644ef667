"""What has to be so before the first statement runs on a real database.

Every check looks, and changes nothing. A red concern stops the run before any change, a yellow one
is told and the run goes on. All of them are told at once; `--force NAME` leaves a check out.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from pybase.core.errors import CheckFailedError, DatabaseError, PybaseError, UsageError
from pybase.core.style import style
from pybase.migrate.database import _table_sizes as live
from pybase.migrate.deploy import _blocking_sessions as holders
from pybase.migrate.deploy import _privileges as rights
from pybase.migrate.deploy._check_result import Colour, Concern, Situation
from pybase.migrate.sqlfiles import _headers as headers

if TYPE_CHECKING:
    from pybase.migrate.revisions._history import History

OLDEST, FULLY_FROM, TESTED_TO = 14, 16, 18
"""Major versions of PostgreSQL: the oldest that works, and those that our tests run on."""

Check: TypeAlias = Callable[[Situation], Iterator[Concern]]


def path(
    history: "History", at: tuple[str, ...], destination: str, *, is_upgrade: bool = True
) -> tuple[list[headers.Header], list[Concern]]:
    """Return what would run, by its committed SQL, and what the history has to say against it.

    Raises UsageError for a destination that is none.
    """
    find = history.upgrade_path if is_upgrade else history.downgrade_path
    try:
        scripts = find(at, destination)
    except CheckFailedError as error:
        return [], [Concern("history", Colour.RED, error.problem, error.hint)]
    return headers.committed(history, scripts, is_upgrade=is_upgrade), []


def run(situation: Situation, *, forced: Collection[str] = ()) -> list[Concern]:
    """Return all concerns of the checks that are not `forced`.

    Raises psycopg.Error, and UsageError for a check that there is not.
    """
    require_names(forced)
    with live.limits(situation.connection):
        return [
            concern
            for name, check in CHECKS.items()
            if name not in forced
            for concern in check(situation)
        ]


def require_names(forced: Iterable[str]) -> None:
    """Refuse a check that there is not: a `--force` that does nothing helps nobody."""
    for name in forced:
        if name not in (*CHECKS, DRIFT):
            raise UsageError(
                f"No check is called {name!r}.", f"The checks are {', '.join((*CHECKS, DRIFT))}."
            )


def require_clear(concerns: Sequence[Concern], tell: Callable[[str], None]) -> None:
    """Tell the yellow concerns, and raise one error with all that are red.

    Raises DatabaseError where it is the server that refuses, else CheckFailedError.
    """
    for each in concerns:
        if each.colour is Colour.YELLOW:
            tell(f"{style('warning:', 'bold yellow')} {each.problem} {each.hint}")
    red = [each for each in concerns if each.colour is Colour.RED]
    if not red:
        return
    kind: type[PybaseError] = CheckFailedError
    if all(each.is_about_server for each in red):
        kind = DatabaseError
    names = " ".join(f"--force {name}" for name in dict.fromkeys(each.check for each in red))
    raise kind(
        "Nothing was changed, because of this:\n"
        + "\n".join(f"  {each.check}: {each.problem}\n    hint: {each.hint}" for each in red),
        f"Run the same command again after that, or leave the check out: {names}",
    )


def writable(now: Situation) -> Iterator[Concern]:
    """Look whether the server takes writes: a standby or a read-only role does not."""
    is_standby, is_read_only = now.row(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::boolean",
    )
    if is_standby:
        yield Concern(
            "writable", Colour.RED, f"The server is a read-only standby ({now.database.name}).",
            "Point DATABASE_URL at the primary server.", True,
        )  # fmt: skip
    elif is_read_only:
        yield Concern(
            "writable", Colour.RED,
            f"default_transaction_read_only is on for this role or database ({now.database.name}).",
            "Connect with another role, or ALTER ROLE ... SET default_transaction_read_only = off.",
            True,
        )  # fmt: skip


def version(now: Situation) -> Iterator[Concern]:
    """Look whether the server is one of those that this is made for."""
    yield from version_concerns(now.connection.info.server_version)


def version_concerns(number: int) -> Iterator[Concern]:
    """Judge a version by its number, as libpq tells it."""
    major = number // 10_000
    if major < OLDEST:
        yield Concern(
            "version", Colour.RED, f"The server is PostgreSQL {major}, which is too old.",
            f"Upgrade it to {FULLY_FROM} or later.", True,
        )  # fmt: skip
    elif not FULLY_FROM <= major <= TESTED_TO:
        yield Concern(
            "version", Colour.YELLOW, f"The server is PostgreSQL {major}, which is not tested.",
            f"Versions {FULLY_FROM} to {TESTED_TO} are.",
        )  # fmt: skip


def history(now: Situation) -> Iterator[Concern]:
    """Tell whether this checkout knows the database's revision, and has one head."""
    yield from now.told


def fresh(now: Situation) -> Iterator[Concern]:
    """Look whether what was reviewed is what would run; the embedded server is for trying."""
    stale = [header.revision for header in now.path if not header.is_fresh]
    if stale:
        yield Concern(
            "fresh", Colour.YELLOW if now.database.is_embedded else Colour.RED,
            f"The committed SQL of {_some(stale)} is not what the revision says.",
            "Write it, have it read, and commit it: nox -s sql",
        )  # fmt: skip


def hazards(now: Situation) -> Iterator[Concern]:
    """Look for what would hurt a live server, and nobody has accepted."""
    for header in now.path:
        if header.refused:
            yield Concern(
                "hazards", Colour.YELLOW if now.database.is_embedded else Colour.RED,
                f"Revision {header.revision} ({header.title}) has {_some(header.refused)}.",
                "See how to do it safely, or how to accept it: nox -s sql-lint",
            )  # fmt: skip


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


DRIFT = "drift"
"""The check that takes its time, and is made by `drift.concerns` when it is asked for."""

CHECKS: dict[str, Check] = {
    "writable": writable,
    "version": version,
    "history": history,
    "fresh": fresh,
    "hazards": hazards,
    "rights": rights.rights,
    "locks": holders.locks,
    "long-transactions": holders.long_transactions,
}
"""Every check by the name that `--force` takes, in the order in which they are told."""
