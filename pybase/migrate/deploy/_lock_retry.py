"""Lock retry: short waits for a lock, many tries, pauses in between.

A session that queues for a lock makes all others queue behind it: the longest stall of a writer is
our `lock_timeout`. So the first waits are short, and pauses let the queue drain. Only what the
server has rolled back completely is tried again: lock_not_available (55P03) and deadlock_detected
(40P01).
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.humanize import duration
from pybase.core.reporter import Reporter
from pybase.core.settings import MigrateOptions
from pybase.core.style import style
from pybase.migrate.deploy._background import BackgroundThread
from pybase.migrate.sql import masked
from pybase.migrate.sql.lock_modes import lock_name

RETRIED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

_GROWTH = 1.05
"""A minute and a half of tries from the shortest wait to the longest."""

_PAUSE_S = 0.5
_PAUSE_FACTOR = 8
"""A pause is this long at least, and this often the wait before it: others run in between."""

_JITTER = (0.5, 1.5)
_READ_S = (0.02, 1.0)
"""Seconds between readings of one try: first the shorter, for those that have just begun."""

_QUERY_LENGTH = 80


class OutOfTimeError(Exception):
    """The deadline is over; `blockers` held the locks last."""

    def __init__(self, tries: int, blockers: "list[Blocker]") -> None:
        super().__init__(f"no lock after {tries} tries")
        self.tries = tries
        self.blockers = blockers


class Blocker(Struct, frozen=True):
    """A session that held a lock that we waited for; `query` only where that was asked for."""

    pid: int
    user: str
    application: str
    state: str
    age_s: float
    mode: str
    target: str
    query: str

    def __str__(self) -> str:
        """One line; a query that may hold a password is not shown."""
        name = self.application or "no application name"
        who = f"pid {self.pid} (user {self.user}, {name}, {self.state})"
        lock = f" has {lock_name(self.mode)} on {self.target}" if self.mode else " is queued before"
        return f"{who}{lock}, for {duration(self.age_s)}{self._query}"

    @property
    def _query(self) -> str:
        query = masked(" ".join(self.query.split()))
        shown = query if len(query) <= _QUERY_LENGTH else f"{query[:_QUERY_LENGTH]} ..."
        return f": {shown}" if shown else ""


class LockRetry(BackgroundThread):
    """Tries something on one session; `observer` is another, which reads who blocks it.

    It reads while in a `with`, and only of what has waited for a moment.
    """

    def __init__(
        self,
        observer: psycopg.Connection[Any],
        pid: int,
        options: MigrateOptions,
        reporter: Reporter,
    ) -> None:
        self._observer, self._pid = observer, pid
        self._options, self._reporter = options, reporter
        self._blockers: list[Blocker] = []
        self._trying_since: float | None = None
        super().__init__()

    def run(self, attempt: Callable[[int], None], *, is_blocking: bool) -> int:
        """Call `attempt(lock_timeout_ms)` until it gets its locks; returns how many tries it took.

        What blocks no other session may wait up to the deadline. Raises OutOfTimeError, and what
        `attempt` raises other than RETRIED.
        """
        deadline = time.monotonic() + self._options.deadline_s
        wait_ms = float(self._options.lock_timeout_ms)
        self._blockers = []
        tries = 0
        while True:
            tries += 1
            left_ms = max(1, round((deadline - time.monotonic()) * 1000))
            try:
                with self._reading():
                    attempt(min(round(wait_ms), left_ms) if is_blocking else left_ms)
            except RETRIED:
                if time.monotonic() >= deadline:
                    raise OutOfTimeError(tries, self._blockers) from None
                if tries == 2 and self._blockers:
                    label = style("Waiting for a lock:", "bold yellow")
                    self._reporter.note(f"{label} {self._blockers[0]}")
            else:
                return tries
            pause = max(_PAUSE_S, wait_ms / 1000 * _PAUSE_FACTOR) * random.uniform(*_JITTER)  # noqa: S311
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
            wait_ms = min(wait_ms * _GROWTH, float(self._options.lock_timeout_most_ms))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Let the thread read who blocks us while inside."""
        self._trying_since = time.monotonic()
        try:
            yield
        finally:
            self._trying_since = None

    def _poll(self) -> None:
        """Keep `_blockers` as those that blocked us last."""
        shown = {"pid": self._pid, "shows_data": self._reporter.shows_data}
        pause, read_try = _READ_S[0], None
        while not self._is_over.wait(pause) and not self._observer.closed:
            since = self._trying_since
            pause = min(2 * pause, _READ_S[1]) if since and since == read_try else _READ_S[0]
            if since is None or time.monotonic() - since < _READ_S[0]:
                continue
            read_try = since
            with suppress(psycopg.Error):  # the next step verifies the session itself
                rows = self._observer.execute(_BLOCKERS, shown).fetchall()
                if rows and self._trying_since == since:
                    self._blockers = [Blocker(*row) for row in rows]


_BLOCKERS = """
WITH locks AS MATERIALIZED (SELECT * FROM pg_locks)
SELECT a.pid, coalesce(a.usename, 'none'), a.application_name, coalesce(a.state, a.backend_type),
extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start, backend_start))::float8,
coalesce(held.mode, ''), coalesce(held.target, ''),
CASE WHEN %(shows_data)s THEN coalesce(a.query, '') ELSE '' END
FROM pg_stat_activity AS a
JOIN locks AS wanted ON wanted.pid = %(pid)s AND NOT wanted.granted
LEFT JOIN LATERAL (
    SELECT l.mode, CASE l.locktype
        WHEN 'relation' THEN l.relation::regclass::text
        WHEN 'transactionid' THEN 'rows that it has changed'
        ELSE l.locktype
    END AS target
    FROM locks AS l
    WHERE l.pid = a.pid AND l.granted AND l.locktype = wanted.locktype
    AND l.relation IS NOT DISTINCT FROM wanted.relation
    AND l.transactionid IS NOT DISTINCT FROM wanted.transactionid
    ORDER BY l.mode LIMIT 1
) AS held ON true
WHERE a.pid = ANY(
    SELECT unnest(pg_blocking_pids(waits.pid)) FROM pg_stat_activity AS waits
    WHERE waits.pid = %(pid)s AND waits.wait_event_type = 'Lock'
)
ORDER BY xact_start
"""
"""Locks are read once, and count only if they show the wait too, which may end while this runs.

pg_blocking_pids stops the lock manager for a moment: so it is asked only about a waiting one.
"""
