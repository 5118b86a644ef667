"""A cluster in ordinary life."""

import os
import stat
import subprocess
from pathlib import Path

import psycopg
import pytest

from pybase.core.errors import DatabaseError, UsageError
from pybase.postgres import Cluster, find_bin, locate, scratch_cluster

from .helpers import ask, python, start_time

START = """
import sys
from pathlib import Path
from pybase.postgres import Cluster
print(Cluster(Path(sys.argv[1]), durable=False).ensure_database("pybase"))
"""

ODD_NAMES = [
    "with blanks",
    'it\'s "quoted"',
    "$(touch pwned)`id`\\",
    "naïve-数据库",
    "a,b=c&d?e#f%20@g",
    "long-" * 40,
]


def test_four_processes_share_one_server(home: Path) -> None:
    starters = [python(START, str(home / "c")) for _ in range(4)]
    results = [(*process.communicate(timeout=60), process.returncode) for process in starters]
    cluster = scratch_cluster(home / "c")
    assert results == [(cluster.url("pybase") + "\n", "", 0)] * 4
    assert cluster.log.read_text().count("ready to accept connections") == 1
    assert not cluster.log.with_suffix(".old").exists()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_path_works(home: Path, name: str) -> None:
    cluster = scratch_cluster(home / name / "postgres")
    url = cluster.ensure_database("pybase")
    assert ask(url, "SELECT current_database()") == "pybase"
    psql = find_bin(18) / "psql"
    shown = subprocess.check_output([psql, url, "-XAtc", "SHOW data_directory"], text=True)
    assert shown.strip() == str(cluster.data)
    cluster.stop()
    cluster.ensure_running()
    cluster.destroy()
    assert not cluster.socket.exists()


def test_second_checkout_has_its_own_server(home: Path) -> None:
    checkouts = home / "one", home / "two"
    for checkout in checkouts:
        checkout.mkdir()
    one, two = (scratch_cluster(locate(checkout)) for checkout in checkouts)
    one.ensure_running()
    assert not two.is_running()
    two.ensure_database("pybase")
    one.destroy()
    assert two.is_running()


def test_running_server_is_reused(cluster: Cluster) -> None:
    before = start_time(cluster)
    cluster.ensure_running()
    assert start_time(cluster) == before


def test_data_survives_stop_and_start(cluster: Cluster) -> None:
    cluster.ensure_database("kept")
    cluster.stop()
    assert not cluster.is_running()
    cluster.ensure_running()
    assert ask(cluster.url("kept"), "SELECT 1") == 1


def test_status_tells_what_there_is(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    nothing = cluster.status()
    assert (nothing.running, nothing.version, nothing.pid) == (False, None, None)
    assert not cluster.directory.exists()
    cluster.ensure_running()
    running = cluster.status()
    assert running.running and running.pid and running.version
    assert running.version.startswith("18.") and running.size_bytes > 10_000_000
    cluster.stop()
    stopped = cluster.status()
    assert (stopped.running, stopped.version, stopped.pid) == (False, "18", None)


def test_stop_without_a_server_makes_nothing(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    cluster.stop()
    cluster.destroy()
    assert not cluster.directory.exists()


def test_destroy_leaves_the_files_of_others(cluster: Cluster) -> None:
    note = cluster.directory / "note"
    note.write_text("mine")
    cluster.destroy()
    assert sorted(path.name for path in cluster.directory.iterdir()) == ["lock", "note"]


def test_only_the_owner_reaches_data_and_socket(cluster: Cluster) -> None:
    for folder in (cluster.data, cluster.socket):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_server_has_no_tcp_port(cluster: Cluster) -> None:
    assert ask(cluster.url(), "SHOW listen_addresses") == ""


def test_environment_of_the_developer_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6543", "PGDATA": "/nowhere", "TZ": "Asia/Tokyo"}.items():
        monkeypatch.setenv(name, value)
    cluster = scratch_cluster(home / "c")
    assert ask(cluster.ensure_database("pybase"), "SHOW timezone") == "UTC"


def test_only_scratch_clusters_are_volatile(home: Path, cluster: Cluster) -> None:
    durable = Cluster(home / "durable")
    durable.ensure_running()
    assert ask(durable.url(), "SHOW fsync") == "on"
    assert ask(cluster.url(), "SHOW fsync") == "off"


def test_databases_are_utf8(cluster: Cluster) -> None:
    url = cluster.ensure_database("pybase")
    assert ask(url, "SHOW server_encoding") == "UTF8"


@pytest.mark.parametrize("running", [True, False])
def test_data_of_another_major_is_refused(cluster: Cluster, running: bool) -> None:
    if not running:
        cluster.stop()
    with pytest.raises(DatabaseError, match="PostgreSQL 18; this needs 16") as refusal:
        Cluster(cluster.directory, 16).ensure_database("postgres")
    assert refusal.value.code == "other-postgres-version"
    assert "db -- reset" in refusal.value.hint
    assert cluster.is_running() is running


def test_unknown_major_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"no embedded PostgreSQL 9.*16 and 18") as raised:
        find_bin(9)
    assert raised.value.code == "unknown-postgres-version"


def test_failed_start_quotes_the_server_log(cluster: Cluster) -> None:
    cluster.stop()
    with (cluster.data / "postgresql.conf").open("a") as conf:
        conf.write("shared_buffers = nonsense\n")
    with pytest.raises(
        DatabaseError, match='invalid value for parameter "shared_buffers"'
    ) as raised:
        cluster.ensure_running()
    assert raised.value.code == "embedded-server-failed"


def test_server_without_free_connections_is_left_alone(cluster: Cluster) -> None:
    before = cluster.status().pid
    held = [psycopg.connect(cluster.url()) for _ in range(100)]
    try:
        with pytest.raises(DatabaseError, match="too many clients") as raised:
            cluster.ensure_running()
        assert raised.value.code == "server-refuses-connections"
    finally:
        for connection in held:
            connection.close()
    assert cluster.status().pid == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission_is_one_sentence(home: Path) -> None:
    home.chmod(0o555)
    with pytest.raises(DatabaseError, match="Permission denied"):
        Cluster(home / "c").ensure_running()
    home.chmod(0o755)
