"""Alembic's version table: its name, and how a revision moves its rows.

The rules are those of Alembic's HeadMaintainer, without Alembic: a fresh history is applied
without importing it. A test compares both on random histories.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from pybase.migrate.record._script import READ_ONLY, Direction
from pybase.migrate.sql import literal, quote

Graph = Mapping[str, tuple[str, ...]]
"""The parents of each revision, dependencies included, as Alembic normalizes them."""


class VersionTable(Struct, frozen=True):
    """The table that `env.py` configures; without a schema it is found by the search path."""

    name: str = "alembic_version"
    schema: str | None = None

    @property
    def quoted(self) -> str:
        """The name for SQL text."""
        return f"{quote(self.schema)}.{quote(self.name)}" if self.schema else quote(self.name)

    @property
    def schema_sql(self) -> tuple[str, ...]:
        """The statement that creates its schema where it is missing; none for the search path.

        CREATE SCHEMA IF NOT EXISTS would need the privilege to create one also where it exists.
        """
        if self.schema is None:
            return ()
        name = literal(quote(self.schema))
        return (
            f"DO $$ BEGIN\n    IF to_regnamespace({name}) IS NULL THEN\n"
            f"        CREATE SCHEMA {quote(self.schema)};\n    END IF;\nEND $$",
        )

    def move_sql(self, move: "VersionMove") -> str:
        """Return the statement that makes one move."""
        table = self.quoted
        if move.before is None:
            return f"INSERT INTO {table} (version_num)\nVALUES ({literal(move.after or '')})"
        where = f"WHERE {table}.version_num = {literal(move.before)}"
        if move.after is None:
            return f"DELETE FROM {table}\n{where}"
        return f"UPDATE {table}\nSET version_num = {literal(move.after)}\n{where}"

    def check_sql(
        self, heads: Collection[str], moves: Iterable["VersionMove"], *, is_alone: bool
    ) -> str:
        """Return what psql runs before some moves, which assume that a database is at `heads`.

        It fails unless that holds what they replace; where they only add, unless it holds just
        `heads`. If it `is_alone`, outside a transaction, what follows is read-only after a failure.
        """
        replaced = sorted(move.before for move in moves if move.before is not None)
        expected = replaced or sorted(heads)
        where = " and ".join(expected) or "base"
        condition = f"{'NOT present @>' if replaced else 'present <>'} ARRAY[{{}}]::text[]"
        problem = (
            f"This file is for a database at {where.replace('%', '%%')}, and this one is at %."
        )
        passed = f"{_WRITABLE if is_alone else 'NULL'};"
        dollars = "$check$" if "$$" in where else "$$"
        versions = f'SELECT version_num FROM {self.quoted} ORDER BY version_num COLLATE "C"'
        lines = [
            f"DO {dollars} DECLARE present text[]; BEGIN",
            f"    present := ARRAY({versions});",
            f"    IF {condition.format(', '.join(map(literal, expected)))} THEN",
            f"        RAISE {literal(problem)},",
            "            coalesce(nullif(array_to_string(present, ' and '), ''), 'base');",
            "    END IF;",
            *([f"    {passed}"] if is_alone else []),
            *([f"EXCEPTION WHEN undefined_table THEN {passed}"] if not heads else []),
            f"END {dollars};",
        ]
        return "\n".join([*([READ_ONLY, ""] if is_alone else []), *lines])


_WRITABLE = "RESET default_transaction_read_only"


class VersionMove(Struct, frozen=True):
    """A row that is inserted (`before` is None), deleted (`after` is None) or updated."""

    before: str | None
    after: str | None


def ancestors(graph: Graph, revisions: Iterable[str]) -> set[str]:
    """Return all revisions that lead to `revisions`, these included; unknown ones are skipped."""
    lineage: set[str] = set()
    left = list(revisions)
    while left:
        revision = left.pop()
        if revision not in lineage and revision in graph:
            lineage.add(revision)
            left.extend(graph[revision])
    return lineage


def version_moves(
    graph: Graph, heads: Collection[str], revision: str, direction: Direction
) -> tuple[VersionMove, ...]:
    """Return how the version table of a database at `heads` is moved by one revision."""
    parents = graph[revision]
    if direction.is_upgrade:
        present = sorted(set(heads) & set(parents))
        merged = tuple(VersionMove(head, None) for head in present[:-1])
        return (*merged, VersionMove(present[-1] if present else None, revision))
    if revision not in heads:
        return ()
    others = set(heads) - {revision}
    if not others and len(parents) == 1:  # most revisions: no walk over all ancestors
        return (VersionMove(revision, parents[0]),)
    if others:
        implied = ancestors(graph, others)
    else:
        implied = ancestors(graph, {name for parent in parents for name in graph.get(parent, ())})
    left = sorted(set(parents) - implied)
    inserted = tuple(VersionMove(None, head) for head in left[:-1])
    return (*inserted, VersionMove(revision, left[-1] if left else None))


def moved(heads: Iterable[str], moves: Iterable[VersionMove]) -> set[str]:
    """Return the heads after some moves."""
    after = set(heads)
    for move in moves:
        after.discard(move.before or "")
        if move.after is not None:
            after.add(move.after)
    return after
