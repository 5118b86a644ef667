"""The verb db: manage the embedded PostgreSQL and the scratch servers of its user, and no other."""

import argparse
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from pybase.cli import _terminal as terminal
from pybase.cli._common import NOTHING_TO_DO
from pybase.cli._verbs import Command, Commands
from pybase.core import humanize
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.core.style import style, table
from pybase.migrate.database import EMBEDDED_DATABASE, embedded
from pybase.postgres import (
    Cluster,
    find_bin,
    plain_environment,
    prune,
    scratch_clusters,
    sweep,
    unused,
)

_ACTIONS = ("status", "url", "psql", "stop", "reset", "prune")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=_ACTIONS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="for psql: its own arguments")


def _db(args: argparse.Namespace, settings: Settings) -> int | None:
    takes = ("--traceback", *(["--yes"] if args.action == "reset" else []))
    unknown = [word for word in args.rest if word not in takes]
    if unknown and args.action != "psql":
        raise UsageError(
            f"`{args.action}` takes no argument {unknown[0]!r}.",
            "Leave it out; only psql passes its arguments on.",
            code="unknown-argument",
        )
    cluster = embedded(settings)
    match args.action:
        case "status":
            _show_status(cluster)
        case "url":
            terminal.data(f"{cluster.ensure_database(EMBEDDED_DATABASE)}\n")
        case "psql":
            psql = find_bin(cluster.major) / "psql"
            url = cluster.ensure_database(EMBEDDED_DATABASE)
            return subprocess.call([str(psql), url, *args.rest], env=plain_environment())
        case "stop":
            cluster.stop()
            _end_scratch(settings.root, Cluster.stop)
            terminal.result(
                "The embedded server and its scratch server are stopped; the data is kept."
            )
        case "reset":
            _reset(cluster, settings.root, is_confirmed="--yes" in args.rest)
        case "prune":
            _prune(cluster)
    return None


def _show_status(cluster: Cluster) -> None:
    rows = [*_rows(cluster, "server", "embedded"), ("reach it", "nox -s db -- psql, or -- url")]
    for scratch in scratch_clusters():
        with unused(scratch) as user:
            use = f", used by {user}" if user else ", not in use: it ends by itself"
        rows += _rows(scratch, "scratch", "for rehearsals", use)
    terminal.result("\n".join(table(rows)))


def _rows(cluster: Cluster, name: str, purpose: str, use: str = "") -> Iterator[tuple[str, str]]:
    status = cluster.status()
    state = f"running, pid {status.pid}" if status.running else "not running"
    yield name, f"PostgreSQL {status.version or cluster.major}, {purpose}, {state}{use}"
    yield "data", f"{status.directory}  ({humanize.size(status.size_bytes)})"


def _end_scratch(project: Path, end: Callable[[Cluster], None]) -> None:
    """Stop or destroy the scratch servers, but for those that other projects use now."""
    for scratch in scratch_clusters():
        with unused(scratch, project) as user:
            if user is None:
                end(scratch)
            else:
                terminal.note(f"The scratch server that {user} uses now is left running.")


def _reset(cluster: Cluster, project: Path, *, is_confirmed: bool) -> None:
    if not is_confirmed and not terminal.can_ask():
        raise UsageError(
            "`reset` deletes the embedded database, and no terminal can confirm it.",
            "Confirm it with --yes: nox -s db -- reset --yes",
            code="unconfirmed-reset",
        )
    question = f"Delete the embedded database in {cluster.directory}?"
    if not is_confirmed and not terminal.ask(question):
        terminal.result("Nothing was deleted.")
        return
    cluster.destroy()
    _end_scratch(project, Cluster.destroy)
    terminal.result("The embedded database is deleted. Create it again: nox -s migrate")


def _prune(cluster: Cluster) -> None:
    pruned = [f"scratch server  {folder}" for folder in prune(cluster)]
    pruned += [f"data of a deleted checkout  {checkout}" for checkout in sweep()]
    for line in pruned:
        terminal.result(f"{style('deleted', 'yellow')}  {line}")
    if not pruned:
        terminal.result(f"{NOTHING_TO_DO} every scratch server is in use, every checkout exists.")


COMMANDS: Commands = {"db": Command(_arguments, _db)}
