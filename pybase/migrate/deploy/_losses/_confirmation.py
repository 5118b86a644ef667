"""Confirmation of a loss: on the command line, or at a prompt that lists what would be lost."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.style import style, table
from pybase.migrate.database import Database
from pybase.migrate.deploy._losses._guard import Consent, DataLoss
from pybase.migrate.deploy._plan import Plan

_MOST_SHOWN = 20


class Confirmation(Struct, frozen=True):
    """What the command line confirms, and how to ask a person; None where there is none."""

    data_loss: bool = False
    database: str | None = None
    ask: Callable[[str], bool] | None = None
    ask_name: Callable[[str], str] | None = None


def require_named(plan: Plan, name: str, confirmation: Confirmation) -> None:
    """Refuse to undo everything on a real server unless its database's `name` was given.

    Raises UsageError.
    """
    if plan.leads_to_base:
        require_name(plan.source.database, name, confirmation, "undoes every revision")


def require_name(database: Database, name: str, confirmation: Confirmation, effect: str) -> None:
    """Refuse what has this `effect` on a real server unless its database's `name` was given.

    Raises UsageError.
    """
    if database.is_embedded:
        return
    given = confirmation.database
    if given is None and confirmation.ask_name is not None:
        given = confirmation.ask_name(f"This {effect} of {database.name}. Its name, to go on:")
    if given is None:
        raise UsageError(
            f"This {effect} of {database.name}, which has to be confirmed.",
            f"Confirm that it is this database: --database {name}",
            code="unconfirmed-database",
        )
    if given != name:
        raise UsageError(
            f"The database is called {name!r}, not {given!r}. Nothing was changed.",
            "Point DATABASE_URL at the right one.",
            code="wrong-database",
        )


def require_allowed(plan: Plan, losses: Sequence[DataLoss], confirmation: Confirmation) -> Consent:
    """Return the consent to the losses of a plan: to all of them, or to those that are listed.

    Raises CheckFailedError, which lists them, where there is none.
    """
    if confirmation.data_loss:
        return Consent(to_all=True)
    if not losses:
        return Consent()
    ask = confirmation.ask
    if ask is not None and ask(f"{_listed(plan, losses, most=len(losses))}\nGo on?"):
        return Consent(to=frozenset((loss.revision, loss.name) for loss in losses))
    verb = "applied" if plan.direction.is_upgrade else "undone"
    raise data_loss(plan, losses, f"Nothing was {verb}.", plan.destination)


def data_loss(
    plan: Plan, losses: Sequence[DataLoss], state: str, destination: str
) -> CheckFailedError:
    """Return the refusal to destroy data; `state` is the sentence after their list."""
    verb = "migrate" if plan.direction.is_upgrade else "downgrade"
    python = " --python-revisions" if plan.source.runs_python else ""
    return CheckFailedError(
        f"{_listed(plan, losses)}\n{state}",
        f"If that is intended: nox -s {verb} -- {destination}{python} --allow-data-loss",
        code="data-loss",
    )


def _listed(plan: Plan, found: Sequence[DataLoss], most: int = _MOST_SHOWN) -> str:
    """Return the list of what is lost, each once, without what goes with a table that is lost."""
    tables = {item.table for item in found} - {None}
    contents: dict[str, str] = {}
    for item in found:
        if item.table or item.loss is None or item.loss.table not in tables:
            contents.setdefault(item.shown, item.content)
    lines = table([*contents.items()][:most], indent="  ")
    lines += [f"  and {len(contents) - most} more"] if len(contents) > most else []
    destroys = style("destroys data", "bold red")
    return f"The {plan.direction.value} {destroys}:\n" + "\n".join(lines)
