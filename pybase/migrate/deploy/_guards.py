"""What looks at a database before a run changes it: the one thing that `apply` and `cli` call.

Put together from the checks of `preflight`, from `drift` where it is asked for, and from `losses`
on the way down. It changes nothing, and raises to stop the run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from pybase.migrate.database._connect import Database
from pybase.migrate.deploy import _preflight as preflight
from pybase.migrate.deploy._check_result import Concern, Situation
from pybase.migrate.deploy._data_loss import Consent, require_consent
from pybase.migrate.sqlfiles import _headers as headers
from pybase.migrate.sqlfiles._committed import Step
from pybase.migrate.sqlfiles._headers import Header

if TYPE_CHECKING:
    from pybase.migrate.revisions._history import History


@dataclass(frozen=True)
class Guard:
    """What to look at. `forced` are checks to leave out, `note` is told what is yellow.

    With `consent` it is the way down, which has to be agreed to.
    """

    database: Database
    destination: str
    note: Callable[[str], None]
    forced: Sequence[str] = ()
    history: "Callable[[], History] | None" = None
    """Reads the history, where drift is to be looked for; it takes its time."""
    consent: Consent | None = None

    def __call__(
        self, connection: psycopg.Connection[Any], steps: Sequence[Step], at: tuple[str, ...]
    ) -> None:
        """Look before the steps of committed SQL, over an autocommit connection.

        The database is at the revisions `at`. Raises CheckFailedError, DatabaseError, UsageError.
        """
        self.look(connection, [headers.parse(each.text) for each in steps], at=at)

    def before(
        self, connection: psycopg.Connection[Any], history: "History", at: tuple[str, ...]
    ) -> None:
        """Look before what Alembic's online mode would run on a database at `at`."""
        is_upgrade = self.consent is None
        path, told = preflight.path(history, at, self.destination, is_upgrade=is_upgrade)
        if not is_upgrade and path and not told:
            # nobody may lose data because a file is stale: what would go is rehearsed
            scripts = history.downgrade_path(at, self.destination)
            known = headers.of(history, scripts, is_upgrade=False)
            self.look(connection, path, at=at, told=told, losing=known)
        else:
            self.look(connection, path, at=at, told=told)

    def look(
        self,
        connection: psycopg.Connection[Any],
        path: Sequence[Header],
        *,
        at: Sequence[str],
        told: Sequence[Concern] = (),
        losing: Sequence[Header] | None = None,
    ) -> None:
        """Look before a path, from the revisions `at`; `losing` are headers that tell losses."""
        preflight.require_names(self.forced)
        now = Situation(connection, self.database, path, told)
        found = preflight.run(now, forced=self.forced) if path or told else []
        if self.history is not None and preflight.DRIFT not in self.forced and not told:
            from pybase.migrate.deploy import _drift as drift

            found += drift.concerns(now, self.history(), at)
        preflight.require_clear(found, self.note)
        if self.consent is not None:
            lost = path if losing is None else losing
            require_consent(connection, self.database, lost, self.destination, self.consent)
