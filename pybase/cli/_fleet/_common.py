"""What all verbs do with a fleet: it is read, its errors are worded, and listed at the end."""

import argparse
import shlex
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from pybase.cli import _terminal as terminal
from pybase.cli._entry.process import explained, show_traceback
from pybase.core.errors import DatabaseError, PybaseError
from pybase.core.humanize import counted
from pybase.core.settings import Settings
from pybase.core.style import style
from pybase.core.urls import redacted
from pybase.migrate.database import find_database
from pybase.migrate.fleet import OF_SERVER, Fleet, Limits, Member, read_fleet, read_schemas


class Failure(Struct, frozen=True):
    """A database for which the verb failed."""

    member: Member
    error: PybaseError


def announced_fleet(args: argparse.Namespace, settings: Settings) -> Fleet:
    """Return the fleet, after naming its size and its canary on standard error."""
    if args.fleet is not None:
        try:
            fleet = read_fleet(args.fleet, args.canary)
        except DatabaseError as error:
            error.hint = _for_fleet(error.hint, OF_SERVER, limits_of(args))
            raise
    else:
        fleet = read_schemas(find_database(settings), args.schemas, args.canary)
    line = f"Using a fleet of {size_of(fleet)}; the canary is {fleet.canary.name}."
    terminal.note(style(line, "dim"))
    for name in fleet.left_out:
        terminal.note(f"warning: {name} matches, but is a template or allows no connection.")
    return fleet


def size_of(fleet: Fleet) -> str:
    """Return how many databases, or schemas, a fleet has."""
    return counted(len(fleet.members), "schema" if fleet.has_schemas else "database")


def limits_of(args: argparse.Namespace) -> Limits:
    """Return how many databases at once, and how many may fail."""
    return Limits(args.jobs or Limits().jobs, args.max_failures)


def failure(args: argparse.Namespace, fleet: Fleet, member: Member, error: Any) -> Failure:
    """Return an error of one database, whose hint is about the fleet."""
    if args.traceback:
        show_traceback(error)
    problem = explained(error)
    option = f"--fleet {shlex.quote(args.fleet)}" if args.fleet else f"--schemas '{args.schemas}'"
    command = f"nox -s {args.verb} --"
    problem.hint = _for_fleet(problem.hint, fleet.place, limits_of(args))
    problem.hint = problem.hint.replace(command, f"{command} {option}")
    return Failure(member, problem)


def _for_fleet(hint: str, place: str, limits: Limits) -> str:
    """Return a hint about one database as one about a fleet, whose URLs are at `place`."""
    for old, new in (
        (", or unset it to use the embedded server (nox -s db -- status)", ""),
        ("DATABASE_URL", place),
        ("when one is free", f"when one is free, or with less than --jobs {limits.jobs}"),
    ):
        hint = hint.replace(old, new)
    return hint


def list_failures(failures: Iterable[Failure]) -> None:
    """Write each error in full to standard error."""
    for item in failures:
        terminal.note(f"\n{style(item.member.name, 'bold')}")
        terminal.error(item.error)


def first_sentence(error: PybaseError) -> str:
    """Return the code and the first line of an error."""
    return f"error[{error.code}]: {error.problem.splitlines()[0]}"


def exit_code(failures: Iterable[Failure]) -> int:
    """Return 3 where only servers are the reason, as of one database; 1 for any other failure."""
    codes = {item.error.exit_code for item in failures}
    return 0 if not codes else DatabaseError.exit_code if codes == {DatabaseError.exit_code} else 1


def as_json(member: Member, error: PybaseError | None, **values: object) -> dict[str, object]:
    """Return what JSON has of one database."""
    shown = error and {"code": error.code, "problem": error.problem, "hint": error.hint}
    return {
        "name": member.name,
        "database": member.database.name,
        "schema": member.database.schema,
        **values,
        "error": shown and {key: redacted(text) for key, text in shown.items()},
    }
