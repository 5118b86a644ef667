"""Waiting for a condition, where a fixed sleep would be too short or too long."""

import time
from collections.abc import Callable

import psycopg


def wait_until(condition: Callable[[], object], patience_s: float = 20) -> None:
    """Poll until the condition is true; fail when it is not in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def wait_for_query(url: str, query: str) -> None:
    """Poll until the query returns true."""
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(query.encode()).fetchone() == (True,))


IS_BLOCKED = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
"""Whether a session of the database waits for a lock."""
