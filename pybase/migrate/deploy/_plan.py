"""The plan: which revisions lead a database to a destination, and how each is run.

It changes nothing.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.errors import CheckFailedError
from pybase.migrate.database import require_known
from pybase.migrate.deploy._sources import Source
from pybase.migrate.record import Direction, Effects, Record, Revision, Script, ancestors
from pybase.migrate.sql import QualifiedName


class Step(Struct, frozen=True):
    """One direction of one revision; it is fresh unless its committed SQL is another."""

    record: Record
    direction: Direction
    is_fresh: bool = True

    @property
    def revision(self) -> Revision:
        """The revision."""
        return self.record.revision

    @property
    def script(self) -> Script:
        """Its statements, or why there are none."""
        return self.record.scripts[self.direction]

    @property
    def effects(self) -> Effects:
        """What it was observed to do."""
        return self.record.effects(self.direction)

    @property
    def changed(self) -> set[QualifiedName]:
        """The tables whose rows it changes."""
        return {effect.table for effect in self.effects.tables if effect.is_changed}


class Plan(Struct, frozen=True, dict=True):
    """What leads a database from `heads` to `destination`."""

    source: Source
    heads: tuple[str, ...]
    destination: str
    direction: Direction
    steps: tuple[Step, ...]

    @property
    def end(self) -> str:
        """The destination, without a number of steps: once some are done, they lead elsewhere."""
        if not self.steps or not re.search(r"[+-]\d+$", self.destination):
            return self.destination
        last = self.steps[-1].revision
        return last.id if self.direction.is_upgrade else next(iter(last.parents), "base")

    @cached_property
    def asking(self) -> list[tuple[int, int]]:
        """The places of the steps that have a query for rows which would stop them.

        Each with the place of the last step before it that changes rows of its tables, or -1.
        """
        asking: list[tuple[int, int]] = []
        changed_at: dict[QualifiedName, int] = {}
        for place, step in enumerate(self.steps if self.direction.is_upgrade else ()):
            if step.revision.queries:
                places = (changed_at.get(effect.table, -1) for effect in step.effects.tables)
                asking.append((place, max(places, default=-1)))
            changed_at.update(dict.fromkeys(step.changed, place))
        return asking

    @property
    def leads_to_base(self) -> bool:
        """Whether nothing is applied at its end."""
        if self.direction.is_upgrade or not self.steps or self.steps[-1].revision.parents:
            return False
        undone = {step.revision.id for step in self.steps}
        return ancestors(self.source.graph, self.heads) <= undone


def plan(
    connection: psycopg.Connection[Any],
    source: Source,
    destination: str | None,
    direction: Direction,
) -> Plan:
    """Plan the way of a database to a destination, as Alembic understands it; None is the latest.

    Raises UsageError for an unknown destination, CheckFailedError for two heads, or a database
    that is at a revision which this checkout does not have.
    """
    destination = destination or source.latest
    heads = source.heads(connection)
    _require_agreement(source, heads)
    require_known(heads, source.graph)
    path = source.find(heads, destination, direction)
    if path is None:
        scripts = source.history.path_to(heads, destination, direction)
        path = [script.revision for script in scripts]
    steps = tuple(
        Step(source.record(revision, direction), direction, revision not in source.stale)
        for revision in path
    )
    return Plan(source, heads, destination, direction, steps)


def _require_agreement(source: Source, heads: Sequence[str]) -> None:
    """Refuse a database whose version table is another one for env.py than for the runner."""
    if source.env is None or source.runs_python or set(source.env.heads) == set(heads):
        return
    by_env, by_runner = (", ".join(sorted(ids)) or "base" for ids in (source.env.heads, heads))
    raise CheckFailedError(
        f"For the connection of env.py the database is at {by_env}, and for that of the SQL at "
        f"{by_runner}.",
        f"See which version table env.py uses, and which is {source.version_table.quoted}; or let "
        "Alembic run the revisions' Python: --python-revisions",
        code="env-disagrees",
    )
