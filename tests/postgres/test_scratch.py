"""Scratch databases and templates, on both servers where they could differ."""

import multiprocessing
import signal
from pathlib import Path

import psycopg
import pytest
from waiting import wait_until

from pybase.core.errors import DatabaseError
from pybase.postgres import (
    Cluster,
    database_name,
    prune_templates,
    scratch_cluster,
    scratch_database,
    with_database,
)
from pybase.postgres import _scratch as scratch
from pybase.postgres._maintenance import maintenance

from .helpers import ask, ensure_template, python

HOLD = """
import signal, sys
from pybase.postgres import scratch_database
with scratch_database(sys.argv[1], prefix="held") as url:
    print(url, flush=True)
    signal.pause()
"""
DATABASES = "SELECT count(*) FROM pg_database WHERE datname LIKE '{}'"


def build(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE things AS SELECT generate_series(1, 3) AS id")


def build_slowly(url: str) -> None:
    ask(url, "SELECT 1 FROM pg_sleep(0.3)")
    build(url)


def is_dropped(server_url: str, name: str) -> bool:
    """Whether the next user has dropped it; the server first has to notice its owner's death."""
    with scratch_database(server_url):
        return ask(server_url, DATABASES.format(name)) == 0


def test_scratch_database_lives_for_its_block(any_server_url: str) -> None:
    with scratch_database(any_server_url) as url:
        assert ask(url, "SELECT count(*) FROM pg_class WHERE relnamespace = 2200") == 0
        assert ask(url, "SHOW server_encoding") == "UTF8"
        name = ask(url, "SELECT current_database()")
    assert ask(any_server_url, DATABASES.format(name)) == 0


def test_scratch_database_is_dropped_under_its_users(server18_url: str) -> None:
    with scratch_database(server18_url) as url:
        forgotten = psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        forgotten.execute("SELECT 1")


def test_scratch_database_is_dropped_after_an_error(server18_url: str) -> None:
    with pytest.raises(RuntimeError), scratch_database(server18_url, prefix="failing"):
        raise RuntimeError
    assert ask(server18_url, DATABASES.format("failing%")) == 0


def test_error_survives_the_death_of_the_server(cluster: Cluster) -> None:
    with pytest.raises(RuntimeError), scratch_database(cluster.url()):
        cluster.stop()
        raise RuntimeError


def test_session_is_used_again_until_it_fails_or_ends(server18_url: str) -> None:
    with maintenance(server18_url) as session:
        pid = session.info.backend_pid
        session.execute("SELECT pg_advisory_lock(1)")
    locks = f"SELECT count(*) FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory'"
    assert ask(server18_url, locks) == 0
    with maintenance(with_database(server18_url, "template1")) as session:  # of any database
        assert session.info.backend_pid == pid
    ask(server18_url, f"SELECT pg_terminate_backend({pid}, 20000)")
    with pytest.raises(RuntimeError), maintenance(server18_url) as session:
        assert session.info.backend_pid != pid
        raise RuntimeError
    assert session.closed


def test_what_a_killed_process_left_is_dropped(server18_url: str) -> None:
    owner = python(HOLD, server18_url)
    assert owner.stdout is not None
    held = owner.stdout.readline().strip()
    with scratch_database(server18_url):
        assert ask(held, "SELECT 1") == 1, "a live one stays"
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    wait_until(lambda: is_dropped(server18_url, "held%"))


def test_databases_that_are_not_scratch_are_kept(cluster: Cluster) -> None:
    for name in ("scratch", "scratch_pad", "scratch__notes", "pybase"):
        cluster.ensure_database(name)
    with scratch_database(cluster.url()):
        assert ask(cluster.url(), DATABASES.format("scratch%")) == 4


def test_clone_has_what_its_template_has(any_server_url: str) -> None:
    template = ensure_template(any_server_url, "template_clone", build)
    for _ in range(2):
        with scratch_database(any_server_url, template=template) as url:
            assert ask(url, "SELECT count(*) FROM things") == 3
            with psycopg.connect(url) as connection:
                connection.execute("DELETE FROM things")


def test_template_of_four_processes_is_one(server18_url: str) -> None:
    def use() -> None:
        template = ensure_template(server18_url, "template_race", build_slowly)
        with scratch_database(server18_url, template=template) as url:
            assert ask(url, "SELECT count(*) FROM things") == 3

    users = [multiprocessing.get_context("fork").Process(target=use) for _ in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert [user.exitcode for user in users] == [0] * 4


def test_half_built_template_is_never_used(server18_url: str) -> None:
    def fail(url: str) -> None:
        build(url)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ensure_template(server18_url, "template_failed", fail)
    assert ask(server18_url, DATABASES.format("template_failed")) == 0
    ensure_template(server18_url, "template_failed", build)


def test_template_killed_while_building_is_built_again(server18_url: str) -> None:
    context = multiprocessing.get_context("fork")
    building = context.SimpleQueue()

    def hang(url: str) -> None:
        build(url)
        building.put(database_name(url))
        signal.pause()

    builder = context.Process(target=ensure_template, args=(server18_url, "template_killed", hang))
    builder.start()
    left = building.get()
    builder.kill()
    builder.join()
    ensure_template(server18_url, "template_killed", build)
    with scratch_database(server18_url, template="template_killed") as url:
        assert ask(url, "SELECT count(*) FROM things") == 3
    wait_until(lambda: is_dropped(server18_url, left))


def test_connections_that_the_builder_left_open_do_no_harm(server18_url: str) -> None:
    left_open = []

    def leak(url: str) -> None:
        left_open.append(psycopg.connect(url))
        build(url)

    ensure_template(server18_url, "template_leaky", leak)
    with scratch_database(server18_url, template="template_leaky") as url:
        assert ask(url, "SELECT count(*) FROM things") == 3


def test_templates_used_last_are_kept(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_RECENT_S", 0)
    cluster.ensure_database("pybase")
    for name in ("t1", "t2", "t3", "t1"):
        ensure_template(cluster.url(), name, build)
    assert prune_templates(cluster.url(), keep=2, slack=0) == ["t2"]
    assert ask(cluster.url(), DATABASES.format("t_")) == 2
    assert ask(cluster.url(), DATABASES.format("pybase")) == 1


def test_templates_used_just_now_are_kept(cluster: Cluster) -> None:
    ensure_template(cluster.url(), "t1", build)
    assert prune_templates(cluster.url(), keep=0) == []


def test_unreachable_server_is_reported_in_one_sentence(home: Path) -> None:
    url = scratch_cluster(home / "c").url()
    with pytest.raises(DatabaseError) as raised, scratch_database(url):
        pass
    assert raised.value.code == "scratch-server-unreachable"


def test_role_without_createdb_gets_the_grant_as_a_hint(server18_url: str) -> None:
    with psycopg.connect(server18_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN")
    url = server18_url.replace("postgres@", "clerk@")
    with pytest.raises(DatabaseError) as refusal, scratch_database(url):
        pass
    assert refusal.value.code == "scratch-database-refused"
    assert "CREATEDB" in refusal.value.hint


def test_database_in_a_url_is_replaced() -> None:
    url = "postgresql://me:p%40ss@db.example:5433/old?host=/run/x&port=5432"
    assert with_database(url, "né w") == url.replace("old", "n%C3%A9%20w")
