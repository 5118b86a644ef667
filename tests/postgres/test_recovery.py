"""A cluster after crashes, and among unrelated processes."""

import os
import signal
from pathlib import Path

import pytest

from pybase.core.errors import DatabaseError
from pybase.postgres import Cluster, scratch_cluster

from .helpers import (
    ask,
    claim_pid,
    kill_server,
    python,
    recorded_pid,
    start_time,
    unrelated_process,
    wait_until,
)
from .test_cluster import START


def test_killed_server_restarts_with_its_data(cluster: Cluster) -> None:
    cluster.ensure_database("kept")
    kill_server(cluster)
    assert not cluster.is_running()
    assert ask(cluster.ensure_database("kept"), "SELECT 1") == 1


def test_four_processes_restart_a_killed_server_once(cluster: Cluster) -> None:
    kill_server(cluster)
    starters = [python(START, str(cluster.directory)) for _ in range(4)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in starters] == [
        ("", 0)
    ] * 4
    assert cluster.log.read_text().count("ready to accept connections") == 1


def test_pid_file_of_a_dead_process_is_overcome(cluster: Cluster) -> None:
    kill_server(cluster)
    claim_pid(cluster, 2**22 - 7)
    cluster.ensure_running()
    assert cluster.is_running()


def test_unrelated_process_with_the_old_pid_is_not_signalled(cluster: Cluster) -> None:
    kill_server(cluster)
    with unrelated_process() as process:
        claim_pid(cluster, process.pid)
        cluster.stop()
        assert cluster.status().pid is None
        cluster.ensure_running()
        assert cluster.is_running()
        cluster.stop()
        assert process.poll() is None


def test_another_cluster_with_the_old_pid_is_not_stopped(home: Path, cluster: Cluster) -> None:
    other = scratch_cluster(home / "other")
    other.ensure_running()
    before = start_time(other)
    kill_server(cluster)
    claim_pid(cluster, recorded_pid(other))
    cluster.stop()
    cluster.ensure_running()
    assert recorded_pid(cluster) != recorded_pid(other)
    assert start_time(other) == before


@pytest.mark.parametrize("content", ["", "garbage\n", "-1\n"])
def test_damaged_pid_file_is_overcome(cluster: Cluster, content: str) -> None:
    kill_server(cluster)
    wait_until(lambda: not _children_alive(cluster))
    (cluster.data / "postmaster.pid").write_text(content)
    cluster.ensure_running()
    assert cluster.is_running()


def test_frozen_server_can_be_stopped(cluster: Cluster) -> None:
    os.kill(recorded_pid(cluster), signal.SIGSTOP)
    pid = recorded_pid(cluster)
    try:
        status = cluster.status()
        assert (status.pid, status.running) == (pid, False)
    finally:
        os.kill(pid, signal.SIGCONT)
    cluster.stop()
    assert cluster.status().pid is None


def test_killed_initdb_is_done_again(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    starter = python(START, str(cluster.directory))
    wait_until(lambda: any(cluster.directory.glob("initdb-*/PG_VERSION")))
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert not cluster.data.exists()
    cluster.ensure_running()
    assert not list(cluster.directory.glob("initdb-*"))


def test_killed_python_with_a_living_initdb_is_no_trap(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    starter = python(START, str(cluster.directory))
    wait_until(lambda: any(cluster.directory.glob("initdb-*/PG_VERSION")))
    starter.kill()
    starter.communicate()
    cluster.ensure_running()
    assert cluster.is_running()


def test_moved_checkout_keeps_its_server_reachable(home: Path) -> None:
    before = scratch_cluster(home / ("long-" * 30))
    before.ensure_database("kept")
    old_socket = before.socket
    after = scratch_cluster(before.directory.rename(home / ("else-" * 30)))
    assert after.status().pid == recorded_pid(after)
    assert ask(after.ensure_database("kept"), "SELECT 1") == 1
    old_socket.rmdir()


def test_swept_socket_is_made_again(cluster: Cluster) -> None:
    (cluster.socket / ".s.PGSQL.5432").unlink()
    cluster.ensure_running()
    assert cluster.is_running()


def test_foreign_folder_is_not_taken_for_data(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    cluster.data.mkdir(parents=True)
    (cluster.data / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(DatabaseError) as raised:
        cluster.ensure_running()
    assert raised.value.code == "foreign-data-directory"
    assert (cluster.data / "thesis.txt").exists()


def _children_alive(cluster: Cluster) -> bool:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").samefile(cluster.data):
                return True
        except OSError:
            continue
    return False
