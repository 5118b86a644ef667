"""What a live database adds to a review: what is applied, how large tables are, what is to come.

It only reads. A database that is not named rightly, does not answer, may not be read or is ahead
of this checkout is said to, and no more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.core.settings import Settings
from pybase.migrate.database import _connect as target
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.database import _table_sizes as live
from pybase.migrate.database._table_sizes import Live
from pybase.migrate.deploy import _apply as apply
from pybase.migrate.deploy import _plan as plan
from pybase.migrate.deploy._plan import Meeting, Step
from pybase.migrate.review._revision_summary import Card, ancestors
from pybase.migrate.sqlfiles import _headers as headers
from pybase.migrate.sqlfiles._build import Read

NO_DATABASE = "No database answers: what is applied, and sizes, are not known."


@dataclass(frozen=True)
class Now:
    """A database as it is; without a `name` none is at hand.

    `applied` are all revisions that led to where it is, `marks` when and by whom, as far as its
    ledger says; `steps` the plan of those among the shown that are pending, `sizes` by the label
    of a table.
    """

    name: str = ""
    applied: frozenset[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Step] = field(default_factory=dict)
    sizes: Mapping[str, Live] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """About how long all that is pending takes."""
        return sum(step.seconds or 0 for step in self.steps.values())

    def meeting(self, revision: str, relation: str) -> Meeting | None:
        """Return what the plan says of one table in a pending revision."""
        step = self.steps.get(revision)
        found = (each for each in step.meetings if each.table.relation == relation) if step else ()
        return next(iter(found), None)


def look(settings: Settings, read: Read, shown: Sequence[Card]) -> tuple[Now, str]:
    """Return the database at hand, and in one sentence why there is none where that is so."""
    try:
        if not target.is_at_hand(settings):
            return Now(), NO_DATABASE
        return _look(settings, read, shown), ""
    except CheckFailedError as error:  # it is ahead of this checkout
        return Now(), error.problem
    except (PybaseError, psycopg.Error) as error:
        said = error.problem if isinstance(error, PybaseError) else str(error).splitlines()[0]
        return Now(), f"The database cannot be read: {said}"


def _look(settings: Settings, read: Read, shown: Sequence[Card]) -> Now:
    database = target.find(settings)
    with target.connect(database, autocommit=True) as connection:
        at = apply.version(connection, read.version_table)
        target.require_known(at, {card.revision for card in read.cards})
        applied = ancestors(read.cards, at)
        pending = [card for card in shown if card.revision not in applied]
        table = ledger.beside(read.version_table)
        entries = ledger.entries(lambda query: connection.execute(query.encode()), table)
        steps = plan.make(
            connection, [headers.parse(read.files[card.upgrade.file]) for card in pending]
        )
        sizes = live.measure(connection, _labels(read, shown))
    return Now(
        "the embedded PostgreSQL" if database.is_embedded else database.name,
        frozenset(applied),
        {each.revision: str(each) for each in entries.values() if each.direction == "upgrade"},
        {step.header.revision: step for step in steps},
        sizes,
    )


def _labels(read: Read, shown: Sequence[Card]) -> Collection[str]:
    touched = {each.relation for card in shown for each in card.upgrade.report.touches}
    return touched | {entity.label for entity in read.entities}
