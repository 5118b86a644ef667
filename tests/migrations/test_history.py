"""PyBase's own revisions: their files, and their effect in both directions, with rows in place."""

import ast
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from postgres.helpers import ensure_template
from projects import OWN_TABLES

from pybase.core import settings
from pybase.migrate import catalog
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.migrate.revisions._render import RenderedHistory, render
from pybase.migrate.verify import _checks as checks
from pybase.migrate.verify._rows import rows_of
from pybase.models import Model
from pybase.postgres import scratch_database

from .conftest import ROOT, assert_undone, schema
from .rows import RECORD, ROWS, USER, WORKSPACE

OWN = history.read(settings.load(ROOT / "alembic.ini")).revisions
by_revision = pytest.mark.parametrize("script", OWN, ids=[script.revision for script in OWN])

COUNTED = ("users", "workspaces", "workspace_members", "bases", "tables", "fields", "records")


# --- the files ------------------------------------------------------------------------------------


def test_history_has_one_head(revisions: History) -> None:
    assert len(revisions.heads) == 1


def test_history_is_a_line_of_at_least_eight_revisions(revisions: History) -> None:
    parents = [script.down_revision for script in revisions.revisions]
    assert parents == [None, *(script.revision for script in revisions.revisions[:-1])]
    assert len(parents) >= 8


@by_revision
def test_docstring_is_a_sentence_and_a_reason(script: Any) -> None:
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_text())) or ""
    title, blank, reason, *_ = docstring.split("\n")
    assert re.fullmatch(r"[A-Z]([^.]|\.(?=\w))*\.", title)
    assert (blank, bool(reason)) == ("", True)
    assert not re.search(r"TODO|auto.?generated|please adjust|Revision ID:", f"{title}{reason}")


@by_revision
def test_docstring_agrees_with_the_code(script: Any) -> None:
    assert list(checks._docstring_faults(script)) == []
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_text())) or ""
    assert re.search(rf"^Revision ID: {script.revision}$", docstring, re.MULTILINE)
    assert re.search(rf"^Revises: ?{script.down_revision or ''}$", docstring, re.MULTILINE)


@by_revision
def test_file_is_named_after_its_date_and_id(script: Any) -> None:
    docstring = ast.get_docstring(ast.parse(Path(script.path).read_text())) or ""
    made = re.search(r"Create Date: (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):\d\d\+00:00", docstring)
    assert made
    year, month, day, hour, minute = made.groups()
    prefix = f"{year}{month}{day}_{hour}{minute}_{script.revision}_"
    assert Path(script.path).name.startswith(prefix)


@by_revision
def test_revision_imports_only_alembic_and_sqlalchemy(script: Any) -> None:
    """A revision that imports a model changes its effect when the model changes."""
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(Path(script.path).read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    }  # fmt: skip
    assert imported <= {"alembic", "sqlalchemy"}


# --- on a server ----------------------------------------------------------------------------------


class Walk:
    """A database that Alembic upgrades and downgrades over one connection; another one reads it."""

    def __init__(self, connection: sa.Connection, reader: psycopg.Connection[Any]) -> None:
        self.config = Config(str(ROOT / "alembic.ini"))
        self.config.attributes["connection"] = connection
        self._reader = reader

    def up(self, revision: str) -> None:
        command.upgrade(self.config, revision)

    def down(self, revision: str) -> None:
        command.downgrade(self.config, revision)

    def up_with_rows(self) -> None:
        """Upgrade to head, and insert after each revision the rows of its time."""
        for script in OWN:
            self.up(script.revision)
            self.execute(ROWS.get(script.revision, "SELECT"))

    def execute(self, statements: str) -> list[Any]:
        cursor = self._reader.execute(statements.encode())
        return cursor.fetchall() if cursor.description else []

    def record(self, revision: str) -> None:
        """Let the version table name another revision."""
        self.execute(f"UPDATE alembic_version SET version_num = '{revision}'")

    def state(self) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
        """The catalog and the rows, but for the tables of the workflow itself."""
        rows = rows_of(self._reader)
        return self.schema(), {key: rows[key] for key in rows if key[0] not in OWN_TABLES}

    def schema(self) -> dict[str, str]:
        """The catalog; its query is planned once, which takes longer than to run it."""
        return catalog.snapshot_of(
            catalog.read_objects(self._reader, OWN_TABLES, keep_prepared=True)
        )

    def counts(self) -> dict[str, int]:
        """The number of rows of each table; 0 for a table that does not exist."""
        existing = {name for (name,) in self.execute("SELECT relname FROM pg_class")}
        return {
            table: self.execute(f"SELECT count(*) FROM {table}")[0][0] if table in existing else 0
            for table in COUNTED
        }


@pytest.fixture(scope="module")
def rendered(revisions: History) -> RenderedHistory:
    return render(revisions)


@contextmanager
def walking(url: str) -> Iterator[Walk]:
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
    )
    with (
        engine.connect() as connection,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as reader,
    ):
        yield Walk(connection, reader)


@pytest.fixture
def walk(any_server_url: str) -> Iterator[Walk]:
    """An empty database."""
    with scratch_database(any_server_url, prefix="walk") as url, walking(url) as walk:
        yield walk


@pytest.fixture
def walk_at_head(any_server_url: str) -> Iterator[Walk]:
    """A database at head, with the rows of every revision."""

    def build(url: str) -> None:
        with walking(url) as walk:
            walk.up_with_rows()

    template = ensure_template(any_server_url, "history_with_rows", build)
    with scratch_database(any_server_url, template=template) as url, walking(url) as walk:
        yield walk


def test_every_revision_upgrades_downgrades_and_upgrades_again_over_the_rows_of_its_time(
    walk: Walk,
) -> None:
    """The catalog after a downgrade is the one before the upgrade, and after it again the same."""
    before = walk.schema()
    for script in OWN:
        walk.up(script.revision)
        after = walk.schema()
        walk.down(script.down_revision or "base")
        assert_undone(before, walk.schema(), script.path)
        walk.up(script.revision)
        assert catalog.difference(after, walk.schema()) == [], script.path
        walk.execute(ROWS.get(script.revision, "SELECT"))
        before = after


def test_history_upgrades_downgrades_and_upgrades_again_over_the_rows_of_head(walk: Walk) -> None:
    passed = {"base": walk.schema()}
    for script in OWN:
        walk.up(script.revision)
        walk.execute(ROWS.get(script.revision, "SELECT"))
        passed[script.revision] = walk.schema()
    assert all(walk.counts().values())
    for script in reversed(OWN):
        parent = script.down_revision or "base"
        walk.down(parent)
        assert_undone(passed[parent], walk.schema(), script.path)
    walk.up("head")
    assert catalog.difference(passed[OWN[-1].revision], walk.schema()) == []


def test_downgrade_keeps_the_rows_of_what_it_does_not_drop(walk_at_head: Walk) -> None:
    rows = walk_at_head.counts()
    walk_at_head.down("c2df8b017f53")
    assert walk_at_head.counts() == rows


def test_rows_keep_their_values_through_later_revisions(walk_at_head: Walk) -> None:
    assert walk_at_head.execute(
        f"SELECT data::text, created_by::text, deleted_at FROM records WHERE id = '{RECORD}'"
    ) == [('{"00000000-0000-0000-0000-0000000000e1": "wheel"}', USER, None)]
    assert walk_at_head.execute(f"SELECT slug FROM workspaces WHERE id = '{WORKSPACE}'") == [
        ("engines",)
    ]


def test_workspace_without_a_slug_gets_one(walk_at_head: Walk) -> None:
    assert walk_at_head.execute("SELECT slug FROM workspaces WHERE slug <> 'engines'") == [
        ("100-00000000-0000-0000-0000-0000000000b1",)
    ]


def test_downgrade_of_the_slugs_removes_only_generated_ones(walk: Walk) -> None:
    walk.up("995c641166b7")
    walk.execute(ROWS["995c641166b7"])
    walk.up("ee688469083a")
    walk.execute(ROWS["ee688469083a"])
    walk.up("4769c700cf0e")
    walk.down("54809042e12d")
    assert sorted(walk.execute("SELECT slug FROM workspaces"), key=str) == [("engines",), (None,)]


def test_part_outside_a_transaction_runs_again_after_a_crash(
    walk: Walk, rendered: RenderedHistory
) -> None:
    """A crash between its last statement and the version leaves its work done and not recorded."""
    repeated = []
    for revision in rendered.revisions:
        name, (parent,) = revision.revision.id, revision.revision.parents or ("base",)
        walk.up(name)
        if not revision.scripts.upgrade.is_transactional:
            left = walk.state()
            walk.record(parent)
            walk.up(name)
            assert walk.state() == left, revision.revision.path
            repeated.append(f"upgrade {name}")
        walk.execute(ROWS.get(name, "SELECT"))
        if not revision.scripts.downgrade.is_transactional:
            walk.down(parent)
            left = walk.state()
            walk.record(name)
            walk.down(parent)
            assert walk.state() == left, revision.revision.path
            repeated.append(f"downgrade {name}")
            walk.up(name)
    assert {"upgrade 4769c700cf0e", "downgrade 4769c700cf0e"} < set(repeated)


def test_models_equal_the_revisions_by_catalog(walk: Walk, any_server_url: str) -> None:
    walk.up("head")
    with scratch_database(any_server_url, prefix="models") as url:
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
        )
        with engine.begin() as connection:
            Model.metadata.create_all(connection)
        changes = catalog.difference(walk.schema(), schema(url))
    assert changes == [], catalog.describe(changes, "revisions", "models")


def test_alembic_itself_finds_no_difference(walk: Walk) -> None:
    walk.up("head")
    command.check(walk.config)


def test_nothing_but_an_empty_version_table_is_left_at_base(walk: Walk) -> None:
    empty = walk.schema()
    walk.up("head")
    walk.down("base")
    assert walk.schema() == empty
    assert walk.execute("SELECT * FROM alembic_version") == []
