"""The committed SQL, run by psql from nothing: the same catalog as Alembic's own run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pybase.migrate import catalog
from pybase.migrate.revisions._history import History
from pybase.postgres import scratch_database

from .conftest import ROOT, PsqlError, assert_undone, schema
from .rows import ROWS

SQL = ROOT / "sql"
Psql = Callable[[str, Sequence[Path]], None]


def files(revisions: History, way: str) -> list[Path]:
    stems = [Path(script.path).stem for script in revisions.revisions]
    return [SQL / way / f"{stem}.sql" for stem in (stems if way == "upgrade" else stems[::-1])]


def version(url: str) -> list[tuple[str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchall()


@pytest.fixture
def by_alembic(any_server_url: str) -> Callable[[str], dict[str, str]]:
    """The catalog of a database that Alembic's online mode has brought to a revision."""

    def build(revision: str) -> dict[str, str]:
        with scratch_database(any_server_url, prefix="online") as url:
            engine = sa.create_engine(
                "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=sa.NullPool
            )
            config = Config(str(ROOT / "alembic.ini"))
            with engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
            return schema(url)

    return build


def test_upgrade_files_and_alembic_give_the_same_catalog(
    any_server_url: str,
    revisions: History,
    psql: Psql,
    by_alembic: Callable[[str], dict[str, str]],
) -> None:
    with scratch_database(any_server_url, prefix="psql") as url:
        psql(url, files(revisions, "upgrade"))
        changes = catalog.difference(by_alembic("head"), schema(url))
        assert changes == [], catalog.describe(changes, "alembic", "psql")
        assert version(url) == [(revisions.heads[0],)]


def test_every_downgrade_file_undoes_its_upgrade_file(
    any_server_url: str, revisions: History, psql: Psql
) -> None:
    """Over rows that were written in between; from nothing, and back to nothing."""
    ups = files(revisions, "upgrade")
    downs = files(revisions, "downgrade")[::-1]
    with scratch_database(any_server_url, prefix="psql") as url:
        passed = [schema(url)]
        for script, up in zip(revisions.revisions, ups, strict=True):
            psql(url, [up])
            with psycopg.connect(url) as connection:
                connection.execute(ROWS.get(script.revision, "SELECT").encode())
            passed.append(schema(url))
        for down, before in zip(downs[::-1], passed[-2::-1], strict=True):
            psql(url, [down])
            assert_undone(before, schema(url), down.name)
        assert version(url) == []


def test_file_that_is_run_twice_fails_and_changes_nothing(
    database_url: str, revisions: History, psql: Psql
) -> None:
    ups = files(revisions, "upgrade")
    psql(database_url, ups[:1])
    with pytest.raises(PsqlError, match="for a database at base, and this one is at 995c641166b7"):
        psql(database_url, ups[:1])
    assert version(database_url) == [(revisions.revisions[0].revision,)]


def test_schema_files_alone_create_the_schema_at_head(
    database_url: str, psql: Psql, server18_url: str, revisions: History
) -> None:
    """Without the order of the history: tables refer to one another, so it takes a few rounds."""
    waiting = sorted((SQL / "schema").glob("*.sql"))
    for _ in range(len(waiting)):
        for path in list(waiting):
            try:
                psql(database_url, [path])
            except PsqlError:
                continue
            waiting.remove(path)
    assert waiting == []
    with scratch_database(server18_url, prefix="head") as url:
        psql(url, files(revisions, "upgrade"))
        changes = catalog.difference(schema(url), schema(database_url))
    assert changes == [], catalog.describe(changes, "revisions", "schema/")


def test_plain_alembic_renders_the_history_offline(
    database_url: str, tmp_path: Path, psql: Psql, revisions: History
) -> None:
    """`alembic upgrade head --sql`, in the form that the usage page promises; psql runs it."""
    up, down = tmp_path / "up.sql", tmp_path / "down.sql"
    with up.open("w", encoding="utf-8") as file:
        command.upgrade(Config(str(ROOT / "alembic.ini"), output_buffer=file), "head", sql=True)
    with down.open("w", encoding="utf-8") as file:
        config = Config(str(ROOT / "alembic.ini"), output_buffer=file)
        command.downgrade(config, "head:base", sql=True)
    empty = schema(database_url)
    psql(database_url, [up])
    assert version(database_url) == [(revisions.heads[0],)]
    psql(database_url, [down])
    assert schema(database_url) == empty
