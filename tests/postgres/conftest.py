"""Clusters that tests may damage, each in a folder that its server's user can reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybase.postgres import Cluster, scratch_cluster


@pytest.fixture
def home(servers_folder: Path) -> Iterator[Path]:
    """An empty folder; the clusters below it are destroyed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=servers_folder))
    folder.chmod(0o755)
    yield folder
    for lock in folder.rglob("lock"):
        Cluster(lock.parent).destroy()
    shutil.rmtree(folder)


@pytest.fixture
def cluster(home: Path) -> Cluster:
    """A running cluster for one test."""
    running = scratch_cluster(home / "cluster")
    running.ensure_running()
    return running
