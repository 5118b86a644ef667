"""`nox -s db`: look after the developer's embedded PostgreSQL, and no other server."""

import subprocess
from collections.abc import Callable, Sequence

from pybase.core import humanize as words
from pybase.core import terminal as present
from pybase.core.errors import UsageError
from pybase.core.settings import Settings
from pybase.migrate.database import _connect as target
from pybase.postgres import find_bin


def status(settings: Settings, _rest: Sequence[str]) -> None:
    """Print whether the server runs, its version, where its data are and their size."""
    found = target.embedded(settings).status()
    state = f"running, pid {found.pid}" if found.running else "not running"
    rows = (
        ("server", f"PostgreSQL {found.version or settings.options.postgres}, embedded, {state}"),
        ("data", f"{found.directory}  ({words.size(found.size_bytes)})"),
        ("reach it", "nox -s db -- psql, or -- url"),
    )
    present.say("\n".join(present.table(rows)))


def url(settings: Settings, _rest: Sequence[str]) -> None:
    """Print the URL of the embedded database, started if need be, for DATABASE_URL or psql."""
    present.data(f"{_database(settings)}\n")


def psql(settings: Settings, rest: Sequence[str]) -> None:
    """Open psql on the embedded database; further arguments are psql's own."""
    program = find_bin(settings.options.postgres) / "psql"
    raise SystemExit(subprocess.call([str(program), _database(settings), *rest]))


def stop(settings: Settings, _rest: Sequence[str]) -> None:
    """Stop the server; its data stay."""
    target.embedded(settings).stop()
    present.say("The embedded server is stopped; its data stay.")


def reset(settings: Settings, rest: Sequence[str]) -> None:
    """Delete the embedded server's data. Raises UsageError unless it is confirmed."""
    cluster = target.embedded(settings)
    if "--yes" not in rest:
        if not present.can_ask():
            raise UsageError(
                "`reset` deletes the embedded database and nobody is here to confirm it.",
                "Say it with --yes: nox -s db -- reset --yes",
            )
        if not present.ask(f"Delete the embedded database in {cluster.directory}?"):
            present.say("Nothing was deleted.")
            return
    cluster.destroy()
    present.say("The embedded database is gone. Make it anew: nox -s migrate")


def _database(settings: Settings) -> str:
    return target.embedded(settings).ensure_database(target.EMBEDDED_DATABASE)


ACTIONS: dict[str, Callable[[Settings, Sequence[str]], None]] = {
    "status": status,
    "url": url,
    "psql": psql,
    "stop": stop,
    "reset": reset,
}
