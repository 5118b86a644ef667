"""From models to revisions: nothing missed, nothing destroyed by a guess, in the safe form.

The truth is the difference of the catalogs of two real databases, one made by the revisions and
one by the models; what is written is believed when a database that it was run on equals the
models'. The developer's own database is never looked at. Nothing is written where anything fails.
"""

from pathlib import Path

from pybase.migrate.autogenerate import _message as message
from pybase.migrate.autogenerate._generate import make, make_by_hand
from pybase.migrate.autogenerate._request import Outcome, Request
from pybase.migrate.autogenerate._signals import terminable
from pybase.migrate.revisions._history import History

__all__ = ["Outcome", "Request", "make_migration", "make_revision"]


def make_migration(history: History, request: Request) -> Outcome | None:
    """Write the revisions that lead from the history to the models, and their SQL.

    None when there is nothing to write. Raises UsageError for a message that says nothing,
    CheckFailedError with two heads, where a rename has to be told from a drop, or where the models
    or an earlier revision fail on a server; nothing is written then.
    """
    title = message.checked(history, request.message)
    if len(history.heads) > 1:
        history.require_one_head()
    with terminable():
        if request.empty or request.data or request.sql_only is not None:
            return make_by_hand(history, request, title)
        return make(history, request, title)


def make_revision(history: History, text: str, *, empty: bool = False) -> Path | None:
    """Write the revisions for a message; the path of the last. Raises as `make_migration`."""
    outcome = make_migration(history, Request(text, empty=empty))
    return outcome.revisions[-1] if outcome and outcome.revisions else None
