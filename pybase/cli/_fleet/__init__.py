"""The verbs on a fleet: their arguments, what is shown of each database, and the exit code."""

import argparse
from typing import TYPE_CHECKING

from pybase.core.errors import UsageError
from pybase.core.lazy import lazy

if TYPE_CHECKING:
    from pybase.cli._fleet._run import Task as Task
    from pybase.cli._fleet._run import run_on_fleet as run_on_fleet
    from pybase.cli._fleet._statuses import show_current as show_current
    from pybase.cli._fleet._statuses import show_pending as show_pending
else:
    __getattr__ = lazy(
        __name__, {"_run": "Task run_on_fleet", "_statuses": "show_current show_pending"}
    )

MOST_JOBS = 64
"""Each database that is worked on needs about three connections, perhaps of the same server."""


def fleet_arguments(parser: argparse.ArgumentParser, *, has_format: bool = True) -> None:
    """Add the arguments that choose many databases; `has_format` where the verb has that option."""
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--fleet",
        metavar="FILE|URL",
        help="many databases: of a fleet.toml, or 'postgresql://host/?each=customer_%%'",
    )
    chosen.add_argument(
        "--schemas", metavar="PATTERN", help="many schemas of one database: 'tenant_%%'"
    )
    parser.add_argument("--canary", metavar="NAME", help="of a fleet: the one that is first")
    parser.add_argument("--jobs", type=int, metavar="N", help="of a fleet: at once, 8 by default")
    parser.add_argument(
        "--max-failures", type=int, metavar="N", help="of a fleet: begin no other after more"
    )
    if not has_format:
        parser.add_argument(
            "--format", choices=("text", "json"), help="of a fleet: the format of the results"
        )


def is_fleet(args: argparse.Namespace, *, has_format: bool = True) -> bool:
    """Whether a verb is for a fleet. Raises UsageError for options that are for a fleet only."""
    if args.fleet is not None or args.schemas is not None:
        _require_range("--jobs", args.jobs, 1, MOST_JOBS)
        _require_range("--max-failures", args.max_failures, 0, 1_000_000)
        return True
    names = ("canary", "jobs", "max_failures", *(() if has_format else ("format",)))
    given = [name for name in names if getattr(args, name) is not None]
    if given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is for a fleet only.",
            "Choose one: --fleet fleet.toml, or --schemas 'tenant_%'",
            code="without-fleet",
        )
    return False


def _require_range(option: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise UsageError(
            f"{option} is {value}, and has to be from {least} to {most:,}.",
            "Leave it out for its default.",
            code="fleet-limit",
        )
