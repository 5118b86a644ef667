"""State of a database, for a review: what is applied, estimates of what is pending, table sizes.

It only reads, and starts no server. A problem with the database is reported as a sentence.
"""

from collections.abc import Mapping, Sequence

import psycopg
from msgspec import Struct

from pybase.core.errors import CheckFailedError, PybaseError
from pybase.core.settings import Settings
from pybase.migrate.database import (
    Ledger,
    TableSize,
    connect,
    find_database,
    first_line,
    is_at_hand,
    measure,
    require_known,
)
from pybase.migrate.deploy import (
    Estimate,
    PlannedStep,
    Source,
    Step,
    as_env_leaves_it,
    estimate,
)
from pybase.migrate.record import Direction, Record, VersionTable, ancestors
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sqlfiles import Reviewed

NO_DATABASE = "No database answers: what is applied, and sizes, are unknown."


class LiveState(Struct, frozen=True):
    """A database at the time of the review; without a `name` none is known, because of `problem`.

    `applied_at` has the time and the role of each applied revision that the ledger knows, `steps`
    the plan of those pending revisions that are shown, `sizes` the tables by their identity.
    """

    name: str = ""
    problem: str = ""
    applied: frozenset[str] = frozenset()
    applied_at: Mapping[str, str] = {}
    steps: Mapping[str, PlannedStep] = {}
    sizes: Mapping[str, TableSize] = {}

    @property
    def seconds(self) -> float:
        """About how long all that is pending takes."""
        return sum(step.seconds or 0 for step in self.steps.values())

    def estimates(self, revision: str) -> dict[QualifiedName, Estimate]:
        """Return the estimates of a pending revision by table."""
        step = self.steps.get(revision)
        return {row.effect.table: row for row in step.estimates} if step else {}


def read_state(settings: Settings, reviewed: Reviewed, shown: Sequence[Record]) -> LiveState:
    """Return the state of the configured database, or why it is unknown."""
    try:
        if not is_at_hand(settings):
            return LiveState(problem=NO_DATABASE)
        return _read_state(settings, reviewed, shown)
    except CheckFailedError as error:  # it is ahead of this checkout
        return LiveState(problem=error.problem)
    except (PybaseError, psycopg.Error) as error:
        reason = error.problem if isinstance(error, PybaseError) else first_line(error)
        return LiveState(problem=f"The database cannot be read: {reason}")


def _read_state(settings: Settings, reviewed: Reviewed, shown: Sequence[Record]) -> LiveState:
    records = {record.revision.id: record for record in reviewed.records}
    graph = {revision: record.revision.parents for revision, record in records.items()}
    last = reviewed.records[-1:]
    version_table = last[0].version_table if last else VersionTable()
    entities = reviewed.entities
    tables = {table.identity: QualifiedName(table.schema, table.name) for table in entities}
    database = find_database(settings)
    source = as_env_leaves_it(
        Source(settings, database, graph, version_table, lambda r, *_: records[r], lambda *_: None)
    )
    with connect(database, autocommit=True) as connection:
        source.prepare(connection)
        heads = source.heads(connection)
        require_known(heads, graph)
        applied = ancestors(graph, heads)
        ledger = Ledger(source.version_table)
        entries = ledger.readable_entries(lambda query: connection.execute(query.encode()))
        pending = [record for record in shown if record.revision.id not in applied]
        steps = estimate(connection, [Step(record, Direction.UPGRADE) for record in pending])
        sizes = measure(connection, tables.values())
    return LiveState(
        name="the embedded PostgreSQL" if database.is_embedded else database.name,
        applied=frozenset(applied),
        applied_at={
            entry.revision: str(entry)
            for entry in entries.values()
            if entry.direction == Direction.UPGRADE.value
        },
        steps={step.step.revision.id: step for step in steps},
        sizes={identity: sizes[name][0] for identity, name in tables.items() if name in sizes},
    )
