"""The scratch database of a rehearsal: its schema as it was last read, and its sample rows."""

from typing import Any

import psycopg

from pybase.migrate import catalog
from pybase.migrate.catalog import State
from pybase.migrate.record import Script
from pybase.migrate.rehearsal._observation import Run
from pybase.migrate.rehearsal._observer import Observer
from pybase.migrate.rehearsal._samples import Samples
from pybase.migrate.sql import QualifiedName


class RehearsedDatabase:
    """A scratch database; `is_changed` unless the last run has left `schema` as it was read."""

    schema: catalog.Snapshot
    access: catalog.Access
    objects: tuple[catalog.CatalogObject, ...]

    def __init__(self, url: str, ignored: tuple[str, ...]) -> None:
        """Open the database at `url`. `ignored` are the workflow's own tables.

        Raises psycopg.Error.
        """
        self.url = url
        self.ignored = ignored
        self.is_changed = True
        self._emptied: set[int] = set()
        self._observer: Observer
        self._samples: Samples
        self.open()

    def open(self) -> None:
        """Connect to it, and read it."""
        self._observer = Observer(self.url)
        self._samples = Samples(self.connection, self.state, self.ignored)
        self.look()

    def close(self) -> None:
        """Let go of it."""
        self._observer.close()

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """The session in which scripts run."""
        return self._observer.connection

    @property
    def state(self) -> State:
        """What the last statement has left."""
        return self._observer.state

    # --- running ------------------------------------------------------------------------------

    def run(self, script: Script, **options: Any) -> Run:
        """Run and watch as `Observer.run`, and remember which tables may be empty now."""
        run = self._observer.run(script, **options)
        for observation in run.observations:
            self._emptied |= {oid for oid, rows in observation.rows.items() if rows.deleted}
        return run

    def has_changed_catalog(self) -> bool:
        """Whether the open transaction has changed anything that a snapshot would show."""
        return self._observer.has_changed_catalog()

    # --- reading ------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the state again, after other code has changed it."""
        self._observer.refresh()

    def look(self) -> None:
        """Read the schema and who may use it, to compare what follows with them."""
        self.objects = self._read()
        self.schema = catalog.snapshot_of(self.objects)
        self.access = catalog.read_access(self.connection)

    def snapshot(self) -> catalog.Snapshot:
        """Read the schema, without keeping it."""
        return catalog.snapshot_of(self._read())

    def _read(self) -> tuple[catalog.CatalogObject, ...]:
        return catalog.read_objects(self.connection, self.ignored, keep_prepared=True)

    # --- sample rows --------------------------------------------------------------------------

    def fill(self) -> None:
        """Put sample rows into the tables that have none."""
        self._samples.fill(self.state, self._emptied)
        self._emptied.clear()

    def keep_samples(self) -> None:
        """Assume that every table was filled that can be."""
        self._samples.keep(self.state)

    def delete_rows(self) -> None:
        """Delete every row, in the open transaction."""
        self._samples.delete(self.state)

    def replace_rows(self, source: psycopg.Connection[Any] | None) -> None:
        """Delete every row, and copy those of `source` instead."""
        self._samples.clear(self.state, source)
        self.refresh()

    def unfilled(self) -> set[QualifiedName]:
        """Return the tables that sample rows could not fill."""
        relations = self.state.relations
        return {relations[oid].qualified_name for oid in self._samples.unfilled if oid in relations}


def describe_leftovers(before: catalog.Snapshot, after: catalog.Snapshot) -> str:
    """Describe in one sentence how a downgrade's result differs from the schema before the upgrade.

    That a constraint is not validated is no difference.
    """
    changes = [
        change
        for change in catalog.difference(before, after)
        if (change.before or "").replace(" NOT VALID", "")
        != (change.after or "").replace(" NOT VALID", "")
    ]
    described = [
        f"{change.identity} "
        + ("is left" if change.before is None else "is gone" if change.after is None else "differs")
        for change in changes
        if not any(_holds(other.identity, change.identity) for other in changes)
    ]
    more = f" and {len(described) - 3} more" if len(described) > 3 else ""
    return ", ".join(described[:3]) + more


def _holds(outer: str, inner: str) -> bool:
    """Whether the second object is dropped with the first, as a column with its table."""
    kind, _, name = outer.partition(" ")
    return kind in ("table", "schema", "type") and inner.partition(" ")[2].startswith(f"{name}.")
