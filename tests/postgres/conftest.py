"""Clusters that tests may damage, each in a folder that its server's user can reach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pybase.postgres import Cluster, scratch_cluster

from .helpers import clusters_folder


@pytest.fixture
def home(servers_folder: Path) -> Iterator[Path]:
    """An empty folder; the clusters below it are destroyed afterwards."""
    with clusters_folder(servers_folder, "test-") as folder:
        yield folder


@pytest.fixture
def cluster(home: Path) -> Cluster:
    """A running cluster for one test."""
    running = scratch_cluster(home / "cluster")
    running.ensure_running()
    return running
