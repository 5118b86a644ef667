"""PyBase's own revisions: in order, honest, and real in both directions, with rows in place."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pybase.core import settings
from pybase.migrate import catalog
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.migrate.verify import _checks as checks
from pybase.models import Model
from pybase.postgres import scratch_database

from .conftest import ROOT, assert_undone, schema
from .rows import RECORD, ROWS, USER, WORKSPACE

OWN = history.read(settings.load(ROOT / "alembic.ini")).revisions
OUTSIDE = [each for each in OWN if "autocommit_block" in Path(each.path).read_text()]
by_revision = pytest.mark.parametrize("script", OWN, ids=[each.revision for each in OWN])

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
    assert re.fullmatch(r"[A-Z][^.]*\.", title)
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
    """A model changes; a revision that imports it would then do something else."""
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
    """A database that is led along the history by Alembic, over one connection."""

    def __init__(self, url: str, connection: sa.Connection) -> None:
        self.url = url
        self.config = Config(str(ROOT / "alembic.ini"))
        self.config.attributes["connection"] = connection

    def up(self, revision: str) -> None:
        command.upgrade(self.config, revision)

    def down(self, revision: str) -> None:
        command.downgrade(self.config, revision)

    def execute(self, statements: str) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statements.encode())
            return cursor.fetchall() if cursor.description else []

    def counts(self) -> dict[str, int]:
        """How many rows each table has; a table that is not there has none."""
        there = {name for (name,) in self.execute("SELECT relname FROM pg_class")}
        return {
            table: self.execute(f"SELECT count(*) FROM {table}")[0][0] if table in there else 0
            for table in COUNTED
        }


@pytest.fixture
def walk(any_server_url: str) -> Iterator[Walk]:
    with scratch_database(any_server_url, prefix="walk") as url:
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
        )
        with engine.connect() as connection:
            yield Walk(url, connection)


def test_every_revision_goes_up_down_and_up_again_over_the_rows_of_its_day(walk: Walk) -> None:
    """The catalog after a downgrade is the one before the upgrade, and after it again the same."""
    before = schema(walk.url)
    for script in OWN:
        walk.up(script.revision)
        after = schema(walk.url)
        walk.down(script.down_revision or "base")
        assert_undone(before, schema(walk.url), script.path)
        walk.up(script.revision)
        assert catalog.difference(after, schema(walk.url)) == [], script.path
        walk.execute(ROWS.get(script.revision, "SELECT"))
        before = after


def test_whole_history_goes_up_down_and_up_again_over_the_rows_of_head(walk: Walk) -> None:
    passed = {"base": schema(walk.url)}
    for script in OWN:
        walk.up(script.revision)
        walk.execute(ROWS.get(script.revision, "SELECT"))
        passed[script.revision] = schema(walk.url)
    assert all(walk.counts().values())
    for script in reversed(OWN):
        parent = script.down_revision or "base"
        walk.down(parent)
        assert_undone(passed[parent], schema(walk.url), script.path)
    walk.up("head")
    assert catalog.difference(passed[OWN[-1].revision], schema(walk.url)) == []


def test_downgrade_keeps_the_rows_of_what_it_does_not_drop(walk: Walk) -> None:
    for script in OWN:
        walk.up(script.revision)
        walk.execute(ROWS.get(script.revision, "SELECT"))
    rows = walk.counts()
    walk.down("c2df8b017f53")
    assert walk.counts() == rows


def test_rows_keep_their_values_through_later_revisions(walk: Walk) -> None:
    for script in OWN:
        walk.up(script.revision)
        walk.execute(ROWS.get(script.revision, "SELECT"))
    assert walk.execute(
        f"SELECT data::text, created_by::text, deleted_at FROM records WHERE id = '{RECORD}'"
    ) == [('{"00000000-0000-0000-0000-0000000000e1": "wheel"}', USER, None)]
    assert walk.execute(f"SELECT slug FROM workspaces WHERE id = '{WORKSPACE}'") == [("engines",)]


def test_workspace_without_a_slug_is_given_one(walk: Walk) -> None:
    for script in OWN:
        walk.up(script.revision)
        walk.execute(ROWS.get(script.revision, "SELECT"))
    assert walk.execute("SELECT slug FROM workspaces WHERE slug <> 'engines'") == [
        ("100-00000000-0000-0000-0000-0000000000b1",)
    ]


def test_downgrade_of_the_slugs_forgets_those_that_were_made_up_only(walk: Walk) -> None:
    walk.up("995c641166b7")
    walk.execute(ROWS["995c641166b7"])
    walk.up("ee688469083a")
    walk.execute(ROWS["ee688469083a"])
    walk.up("4769c700cf0e")
    walk.down("54809042e12d")
    assert sorted(walk.execute("SELECT slug FROM workspaces"), key=str) == [("engines",), (None,)]


@pytest.mark.parametrize("script", OUTSIDE, ids=[each.revision for each in OUTSIDE])
def test_revision_outside_a_transaction_runs_again_after_a_crash(script: Any, walk: Walk) -> None:
    """A crash between its last statement and the version leaves its work done and not recorded."""
    walk.up(script.revision)
    after = schema(walk.url)
    walk.execute(f"UPDATE alembic_version SET version_num = '{script.down_revision}'")
    walk.up(script.revision)
    assert catalog.difference(after, schema(walk.url)) == []


def test_models_equal_the_revisions_by_catalog(walk: Walk, any_server_url: str) -> None:
    walk.up("head")
    with scratch_database(any_server_url, prefix="models") as url:
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
        )
        with engine.begin() as connection:
            Model.metadata.create_all(connection)
        changes = catalog.difference(schema(walk.url), schema(url))
    assert changes == [], catalog.describe(changes, "revisions", "models")


def test_alembic_itself_finds_no_difference(walk: Walk) -> None:
    walk.up("head")
    command.check(walk.config)


def test_nothing_but_an_empty_version_table_is_left_at_base(walk: Walk) -> None:
    empty = schema(walk.url)
    walk.up("head")
    walk.down("base")
    assert schema(walk.url) == empty
    assert walk.execute("SELECT * FROM alembic_version") == []
