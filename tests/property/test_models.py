"""Any two small schemas with rows: makemigration and migrate lead from one to the other, and back.

The catalog is that of the models, or the outcome names the gap; no row is lost; and what both
schemas refuse by the same kind of rule is refused after each revision between them.
Counter-examples become named cases in `tests/workflow/model_cases_order.py`.
"""

import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from projects import OWN_TABLES, Project, run_target

from pybase.core import settings as configuration
from pybase.core.errors import PybaseError
from pybase.migrate import autogenerate, catalog
from pybase.migrate.database import Database, engine
from pybase.migrate.record import Direction
from pybase.migrate.revisions import History, read
from pybase.postgres import scratch_database

from .schemas import VERSION, Schema, inserts, probes, schemas

EXAMPLES = int(os.environ.get("PYBASE_EXAMPLES", "4"))
"""More of them, and new ones each time, where the variable is set."""
ROWS = 4
"""Rows that are tried for each table before the change, and as many between two revisions."""


@given(before=schemas(), after=schemas(), single=st.booleans(), seed=st.integers(0, 999))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="PYBASE_EXAMPLES" not in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_models_are_followed_there_and_back(
    before: Schema,
    after: Schema,
    single: bool,
    seed: int,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = request.getfixturevalue(f"server{VERSION}_url")
    with monkeypatch.context() as patch, _begun(server, patch) as walk:
        random = Random(seed)
        assert walk.follow(before, "create the first schema") == ""
        walk.migrate("head")
        rows = [statement for table in before.tables for statement in inserts(table, random, ROWS)]
        walk.errors(rows, keep=True)
        start, count = walk.snapshot(), len(walk.history.revisions)
        walk.follow(after, "follow the second", single=single)
        new = [script.revision for script in walk.history.revisions[count:]]
        first = walk.history.revisions[count - 1].revision if count else "base"
        tried = probes(before, after, random, ROWS * 2)
        walk.step(new, Direction.UPGRADE, tried)
        walk.step([*reversed(new[:-1]), first] if new else [], Direction.DOWNGRADE, tried)
        assert catalog.describe(catalog.difference(start, walk.snapshot())) == ""
        if new:
            walk.migrate(new[-1])


@dataclass
class Walk:
    """A project, and a database that follows its models."""

    project: Project
    url: str
    server: str

    @property
    def history(self) -> History:
        return read(configuration.load(self.project.root / "alembic.ini"))

    def follow(self, schema: Schema, message: str, *, single: bool = False) -> str:
        """Generate revisions; at their end the catalog is the models', but for the gap returned."""
        self.project.write("models.py", schema.source)
        sys.modules.pop("models", None)
        importlib.invalidate_caches()
        for cached in self.project.root.glob("__pycache__/*"):
            cached.unlink()
        request = autogenerate.Request(message, no_rename=True, single=single)
        try:
            outcome = autogenerate.generate(self.history.settings, request)
        except PybaseError as error:
            assert error.code in ("nothing-possible", "single-fails"), str(error)
            return str(error)
        if outcome is None:
            outcome = autogenerate.Outcome()
        with scratch_database(self.server, prefix="test") as url:
            if self.history.revisions:
                run_target(self.history, url, "head", Direction.UPGRADE)
            missing = catalog.difference(_created(schema, self.server), _snapshot(url))
        said = (outcome.gap, *outcome.left_alone)
        unnamed = [c for c in missing if not any(c.identity in text for text in said)]
        assert not unnamed, f"{catalog.describe(unnamed)}\nSAID {said!r}"
        return outcome.gap

    def migrate(self, target: str, direction: Direction = Direction.UPGRADE) -> None:
        if self.history.revisions:
            run_target(self.history, self.url, target, direction)

    def step(self, targets: list[str], direction: Direction, tried: list[str]) -> None:
        """Run one revision after the other; rows are kept, and rules that both ends have hold."""
        begin, rows, accepted = self.refusals(tried), self.rows(), {}
        for target in targets:
            try:
                self.migrate(target, direction)
            except PybaseError:  # rows are in the way
                assert self.rows() == rows, f"{target} failed and lost rows"
                self.execute(f"TRUNCATE {', '.join(rows)}")
                begin &= self.refusals(tried)
                rows = self.rows()
                self.migrate(target, direction)
            before, rows = rows, self.rows()
            lost = [name for name in before.keys() & rows if before[name] != rows[name]]
            assert not lost, f"{target} loses rows of {lost}"
            accepted[target] = {text for text, error in self.errors(tried).items() if not error}
        held = {statement for statement, *_ in begin & self.refusals(tried)}
        windows = {target: sorted(held & between) for target, between in accepted.items()}
        assert not any(windows.values()), f"accepted for a while: {windows}"

    def rows(self) -> dict[str, list[object]]:
        """The keys of the rows of each table."""
        tables = self.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
            " AND relnamespace = 'public'::regnamespace"
            " AND relname NOT IN ('alembic_version', 'migration_ledger')"
        )
        names = [f'"{name}"' for (name,) in tables]
        return {name: self.execute(f"SELECT id FROM {name} ORDER BY id") for name in names}

    def refusals(self, statements: list[str]) -> set[tuple[str | None, ...]]:
        """The statements that a rule refuses, with its kind and the column that may not be null."""
        return {
            (statement, error.sqlstate, error.diag.column_name)
            for statement, error in self.errors(statements).items()
            if isinstance(error, psycopg.IntegrityError)
        }

    def errors(
        self, statements: list[str], *, keep: bool = False
    ) -> dict[str, psycopg.Error | None]:
        """Why each row is refused, by a rule or by a type; one that is not is kept on request."""
        with psycopg.connect(self.url) as connection:
            return {text: self._error(connection, text, keep) for text in statements}

    @staticmethod
    def _error(
        connection: psycopg.Connection[object], statement: str, keep: bool
    ) -> psycopg.Error | None:
        try:
            with connection.transaction(force_rollback=not keep):
                connection.execute(statement.encode())
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            return error
        return None

    def execute(self, sql: str) -> list[object]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def snapshot(self) -> dict[str, str]:
        return _snapshot(self.url)


@contextmanager
def _begun(server: str, patch: pytest.MonkeyPatch) -> Iterator[Walk]:
    with (
        tempfile.TemporaryDirectory() as folder,
        scratch_database(server, prefix="test") as url,
    ):
        Path(folder).chmod(0o755)
        patch.setenv("PYBASE_REHEARSAL_URL", server)
        patch.setattr(sys, "path", [folder, *sys.path])
        yield Walk(Project(Path(folder)).lay_out().on(VERSION), url, server)


def _created(schema: Schema, server: str) -> dict[str, str]:
    namespace: dict[str, object] = {}
    exec(schema.source, namespace)
    with scratch_database(server, prefix="test") as url:
        with engine(Database(url, is_embedded=True)).begin() as connection:
            namespace["metadata"].create_all(connection)  # type: ignore[attr-defined]
        return _snapshot(url)


def _snapshot(url: str) -> dict[str, str]:
    """Read the catalog, without what PostgreSQL itself keeps equal in a table and its partitions.

    The names of their indexes depend on the order in which they are built.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        snapshot = catalog.snapshot(connection, ignore_tables=OWN_TABLES)
    return {
        identity: definition
        for identity, definition in snapshot.items()
        if not _OF_A_PARTITION.search(identity)
    }


_OF_A_PARTITION = re.compile(r'public\."?\w+_[01]("?\.|_)')
