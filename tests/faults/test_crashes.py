"""Interrupted runs, repeated: the result equals that of an undisturbed run.

For each revision of PyBase's history, up and down, the client, its connection or the server is lost
after every answer in turn, to a transaction or to a statement outside of any; the same command is
repeated, and lost one answer later, until it succeeds. The catalog and the rows must then equal
those of an undisturbed run.
"""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from pybase.core.errors import DatabaseError
from pybase.postgres import Cluster

from .conftest import Move, State, clone, disturbed_by_nothing, state, stop_at_once
from .proxy import Proxy

Undisturbed = dict[Move, tuple[State, int]]
Record = Callable[[str, object], None]


def cut_after(move: Move, url: str, count: int) -> None:
    """Run the command, and lose its connections after so many answers."""
    proxy = Proxy(url, Proxy.cut, count)
    with pytest.raises(DatabaseError):
        move.run(proxy.url)
    assert proxy.has_struck.wait(5)


def kill_after(move: Move, url: str, count: int) -> None:
    """Run the command in a process, and kill that after so many answers."""
    proxy = Proxy(url, lambda _proxy: os.kill(child, signal.SIGKILL), count)
    child = os.fork()
    if child == 0:
        move.run(proxy.url)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    proxy.cut()
    assert os.WIFSIGNALED(status), f"{move} ended after {count} answers"


LOSSES = {"connection": cut_after, "client": kill_after}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_lost_after_any_statement(
    lose: Callable[[Move, str, int], None],
    moves: list[Move],
    undisturbed: Undisturbed,
    cluster: Cluster,
    record_property: Record,
) -> None:
    tried = 0
    for move in moves:
        expected, answers = undisturbed[move]
        assert answers >= move.boundaries > 0, str(move)
        with clone(cluster, move) as url:
            for count in range(1, answers + 1):
                lose(move, url, count)
                tried += 1
            assert move.run(url) == 0, f"{move} was not recorded with its last statement"
            assert state(url) == expected, str(move)
    record_property("summary", f"{tried} boundaries of {len(moves)} moves")
    assert tried > 2 * len(moves)


def test_lost_in_a_run_over_all_revisions(
    moves: list[Move], cluster: Cluster, record_property: Record
) -> None:
    """Between revisions that follow each other, fewer statements are sent."""
    all_upgrades = Move(moves[-1].revision, "base", True, moves[0].template)
    expected, answers = disturbed_by_nothing(cluster, all_upgrades)
    for count in range(1, answers + 1):
        with clone(cluster, all_upgrades) as url:
            cut_after(all_upgrades, url, count)
            all_upgrades.run(url)
            assert state(url) == expected, f"lost after {count} answers"
    record_property("summary", f"{answers} boundaries of {len(moves) // 2} moves in a row")
    assert answers > len(moves)


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_lost_in_a_history_outside_of_transactions(
    lose: Callable[[Move, str, int], None],
    outside: list[Move],
    cluster: Cluster,
    record_property: Record,
) -> None:
    """Each time on a new database: what is done already is not asked for again."""
    tried = 0
    for move in outside:
        expected, answers = disturbed_by_nothing(cluster, move)
        for count in range(1, answers + 1):
            with clone(cluster, move) as url:
                lose(move, url, count)
                move.run(url)
                assert state(url) == expected, f"{move}, lost after {count} answers"
                tried += 1
    record_property("summary", f"{tried} boundaries of {len(outside)} moves")
    assert tried > 4 * len(outside)


def test_server_killed_in_a_history_outside_of_transactions(
    outside: list[Move], cluster: Cluster
) -> None:
    undisturbed = {move: disturbed_by_nothing(cluster, move) for move in outside}
    for count in range(1, max(answers for _, answers in undisturbed.values()) + 1):
        lost = [move for move in outside if count <= undisturbed[move][1]]
        with ExitStack() as around:
            urls = {move: around.enter_context(clone(cluster, move)) for move in lost}
            crash(cluster, urls, count)
            for move in lost:
                move.run(urls[move])
                assert state(urls[move]) == undisturbed[move][0], f"{move}, killed after {count}"


def test_server_killed_after_any_statement(
    moves: list[Move], undisturbed: Undisturbed, cluster: Cluster, record_property: Record
) -> None:
    """All moves at once, each on a database of its own: a round is one crash of the server."""
    tried = 0
    with ExitStack() as around:
        urls = {move: around.enter_context(clone(cluster, move)) for move in moves}
        for count in range(1, max(answers for _, answers in undisturbed.values()) + 1):
            lost = [move for move in moves if count <= undisturbed[move][1]]
            crash(cluster, {move: urls[move] for move in lost}, count)
            tried += len(lost)
        for move in moves:
            assert move.run(urls[move]) == 0, str(move)
            assert state(urls[move]) == undisturbed[move][0], str(move)
    record_property("summary", f"{tried} boundaries of {len(moves)} moves")


def crash(cluster: Cluster, urls: dict[Move, str], count: int) -> None:
    """Wait until every command has its n-th answer, kill the server, and start it again."""
    proxies = {move: Proxy(url, lambda _proxy: None, count) for move, url in urls.items()}
    with ThreadPoolExecutor(len(urls)) as pool:
        runs = [pool.submit(move.run, proxies[move].url) for move in urls]
        have_struck = [proxy.has_struck.wait(30) for proxy in proxies.values()]
        stop_at_once(cluster)
        for proxy in proxies.values():
            proxy.cut()
        for run in runs:
            assert isinstance(run.exception(30), DatabaseError), run.exception()
    assert all(have_struck)
    cluster.ensure_running()
