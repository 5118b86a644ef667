"""The verb db: manage the developer's embedded PostgreSQL and its scratch server, and no other."""

import argparse
import subprocess
from collections.abc import Iterator

from pybase.cli import _terminal as terminal
from pybase.cli._verbs import Command, Commands
from pybase.core import humanize
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.core.style import table
from pybase.migrate.database import EMBEDDED_DATABASE, embedded, embedded_scratch
from pybase.postgres import Cluster, find_bin, plain_environment

_REST: dict[str, tuple[str, ...]] = {"status": (), "url": (), "stop": (), "reset": ("--yes",)}
"""What each action takes; psql takes anything."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("status", "url", "psql", "stop", "reset"))
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="for psql: its own arguments")


def _db(args: argparse.Namespace, settings: Settings) -> int | None:
    if unknown := [word for word in args.rest if word not in _REST.get(args.action, args.rest)]:
        raise UsageError(
            f"`{args.action}` takes no argument {unknown[0]!r}.",
            "Leave it out; only psql passes its arguments on.",
            code="unknown-argument",
        )
    cluster, scratch = embedded(settings), embedded_scratch(settings)
    match args.action:
        case "status":
            _show_status(cluster, scratch)
        case "url":
            terminal.data(f"{cluster.ensure_database(EMBEDDED_DATABASE)}\n")
        case "psql":
            psql = find_bin(settings.options.postgres) / "psql"
            url = cluster.ensure_database(EMBEDDED_DATABASE)
            return subprocess.call([str(psql), url, *args.rest], env=plain_environment())
        case "stop":
            cluster.stop()
            scratch.stop()
            terminal.result(
                "The embedded server and its scratch server are stopped; the data is kept."
            )
        case "reset":
            _reset(cluster, scratch, is_confirmed="--yes" in args.rest)
    return None


def _show_status(cluster: Cluster, scratch: Cluster) -> None:
    rows = (
        *_rows(cluster, "server", "embedded"),
        ("reach it", "nox -s db -- psql, or -- url"),
        *_rows(scratch, "scratch", "for rehearsals"),
    )
    terminal.result("\n".join(table(rows)))


def _rows(cluster: Cluster, name: str, purpose: str) -> Iterator[tuple[str, str]]:
    status = cluster.status()
    state = f"running, pid {status.pid}" if status.running else "not running"
    yield name, f"PostgreSQL {status.version or cluster.major}, {purpose}, {state}"
    yield "data", f"{status.directory}  ({humanize.size(status.size_bytes)})"


def _reset(cluster: Cluster, scratch: Cluster, *, is_confirmed: bool) -> None:
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
    scratch.destroy()
    terminal.result("The embedded database is deleted. Create it again: nox -s migrate")


COMMANDS: Commands = {"db": Command(_arguments, _db)}
