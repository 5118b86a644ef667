"""The project's own history, and a psql to run its files with."""

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
import pytest
from projects import OWN_TABLES

from pybase.core import settings
from pybase.migrate import catalog
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.postgres import find_bin

ROOT = Path(__file__).parents[2]


class PsqlError(Exception):
    """psql failed, or printed a message."""


@pytest.fixture(scope="session")
def revisions() -> History:
    return history.read(settings.load(ROOT / "alembic.ini"))


@pytest.fixture(scope="session")
def psql() -> Callable[[str, Sequence[Path]], None]:
    """Runs files in one psql, as an operator does; any error or message fails the test."""
    program = str(find_bin(18) / "psql")

    def run(url: str, files: Sequence[Path]) -> None:
        options = [part for file in files for part in ("-f", str(file))]
        done = subprocess.run(
            [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", url, *options],
            env={"PATH": "", "LC_ALL": "C", "PGOPTIONS": "-c client_min_messages=warning"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if (done.returncode, done.stderr) != (0, ""):
            raise PsqlError(done.stderr)

    return run


def schema(url: str) -> dict[str, str]:
    """The catalog of a database, without the workflow's own tables."""
    with psycopg.connect(url, autocommit=True) as connection:
        return catalog.snapshot(connection, ignore_tables=OWN_TABLES)


def assert_undone(before: dict[str, str], after: dict[str, str], where: str) -> None:
    """Refuse any trace of an upgrade, except that a constraint may be NOT VALID again."""
    snapshots = [
        {name: text.replace(" NOT VALID", "") for name, text in side.items()}
        for side in (before, after)
    ]
    changes = catalog.difference(*snapshots)
    assert changes == [], f"{where}: {catalog.describe(changes)}"
