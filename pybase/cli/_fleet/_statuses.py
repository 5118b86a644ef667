"""`current` and `pending` of a fleet: where each database is, and what it lacks."""

import argparse
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from pybase.cli import _terminal as terminal
from pybase.cli._common import show_json
from pybase.cli._fleet._common import (
    Failure,
    announced_fleet,
    as_json,
    exit_code,
    failure,
    first_sentence,
    limits_of,
    list_failures,
)
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate import deploy
from pybase.migrate.fleet import Member, Status, read_statuses, shared_source
from pybase.migrate.record import Direction


def show_current(args: argparse.Namespace, settings: Settings) -> int:
    """Show the revisions of each database; returns the exit code."""
    _, failures = _shown(args, settings, "heads", has_titles=False)
    return exit_code(failures)


def show_pending(
    args: argparse.Namespace, settings: Settings, target: str | None, *, fails: bool = False
) -> int:
    """Show the revisions that each database lacks; returns the exit code.

    With `fails`, 1 where any database lacks one.
    """
    statuses, failures = _shown(args, settings, target, has_titles=True)
    return exit_code(failures) or int(fails and any(status.path for status in statuses))


def _shown(
    args: argparse.Namespace, settings: Settings, target: str | None, *, has_titles: bool
) -> tuple[list[Status], list[Failure]]:
    """Show where each database is, with titles also which revisions they lack."""
    fleet = announced_fleet(args, settings)
    source = shared_source(fleet, deploy.status_source(settings, fleet.canary.database))
    target = target or source.latest
    read = read_statuses(fleet, source, limits_of(args), target, Direction.UPGRADE)
    statuses = {name: _with_path(source, status, target) for name, status in read.items()}
    failures = {
        member.name: failure(args, fleet, member, status.error)
        for member in fleet.members
        if (status := statuses[member.name]).error is not None
    }
    lines = [
        Line(member, statuses[member.name], failures.get(member.name)) for member in fleet.members
    ]
    titles = _titles(source, statuses.values()) if has_titles else {}
    if args.format == "json":
        revisions = [{"revision": name, "title": title} for name, title in titles.items()]
        named = {"revisions": revisions} if has_titles else {}
        show_json({"databases": [line.values for line in lines]} | named)
    else:
        terminal.result("\n".join(table(line.cells for line in lines)))
        if titles:
            rows = [(style(name, "magenta"), title) for name, title in titles.items()]
            terminal.result("\n".join(["", *table(rows)]))
        list_failures(failures.values())
    return [*statuses.values()], [*failures.values()]


def _with_path(source: deploy.Source, status: Status, target: str) -> Status:
    """Let Alembic find a path that the records do not show."""
    if status.path is not None or status.error is not None:
        return status
    scripts = source.history.path_to(status.heads, target, Direction.UPGRADE)
    return replace(status, path=tuple(script.revision for script in scripts))


def _titles(source: deploy.Source, statuses: Iterable[Status]) -> dict[str, str]:
    """Return the titles of the revisions that any database lacks, in order."""
    paths = sorted((status.path or () for status in statuses), key=len, reverse=True)
    return {name: source.record(name).revision.title for path in paths for name in path}


class Line(Struct, frozen=True):
    """What is shown of one database."""

    member: Member
    status: Status
    failure: Failure | None

    @property
    def cells(self) -> tuple[str, str, str]:
        """Its name, its revisions, and what it lacks."""
        if self.failure:
            problem = first_sentence(self.failure.error)
            return self.member.name, style("unknown", "bold red"), problem
        pending = self.status.path or ()
        lacks = f"{len(pending)} pending: {', '.join(pending[:_MOST_SHOWN])}" if pending else ""
        more = f" and {len(pending) - _MOST_SHOWN} more" if len(pending) > _MOST_SHOWN else ""
        heads = ", ".join(self.status.heads) or "base"
        return self.member.name, style(heads, "magenta"), f"{lacks}{more}" or "nothing pending"

    @property
    def values(self) -> dict[str, object]:
        """The same for JSON."""
        status = self.status
        is_known = self.failure is None
        current, pending = (
            list(x or ()) if is_known else None for x in (status.heads, status.path)
        )
        error = None if self.failure is None else self.failure.error
        return as_json(self.member, error, current=current, pending=pending)


_MOST_SHOWN = 5
