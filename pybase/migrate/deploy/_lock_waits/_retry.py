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

from pybase.core.reporter import Reporter
from pybase.core.settings import MigrateOptions
from pybase.core.style import style
from pybase.migrate.deploy._background import BackgroundThread
from pybase.migrate.deploy._lock_waits._blockers import (
    Blocker,
    cancel,
    deadlock_timeout_ms,
    read_blockers,
    read_worker_blockers,
)
from pybase.migrate.layout import has_citus

RETRIED = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

_GROWTH = 1.05
"""A minute and a half of tries from the shortest wait to the longest."""

_PAUSE_S = 0.5
_PAUSE_FACTOR = 8
"""A pause is this long at least, and this often the wait before it: others run in between."""

_JITTER = (0.5, 1.5)
_READ_S = (0.02, 1.0)
"""Seconds between readings of one try: first the shorter, for those that have just begun."""

_REPORT_S = 1.0
"""A wait without an end is reported when it has taken this long."""

_CANCEL_MS = 1_000
"""How long the server may take to cancel an autovacuum, which may be asleep."""


class OutOfTimeError(Exception):
    """The deadline is over; `blockers` held the locks last."""

    def __init__(self, tries: int, blockers: list[Blocker]) -> None:
        super().__init__(f"no lock after {tries} tries")
        self.tries = tries
        self.blockers = blockers


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
        self._waiting: _Wait | None = None
        self._is_on_citus: bool | None = None  # read at the first wait
        super().__init__()

    def run(self, attempt: Callable[[int], None], *, is_blocking: bool) -> int:
        """Call `attempt(lock_timeout_ms)` until it gets its locks; returns how many tries it took.

        What blocks no other session may wait up to the deadline. Raises OutOfTimeError, and what
        `attempt` raises other than RETRIED.
        """
        deadline = time.monotonic() + self._options.deadline_s
        wait_ms = float(self._options.lock_timeout_ms)
        self._blockers = []
        tries, patience_ms, is_patient = 0, 0, False
        while True:
            tries += 1
            left_ms = max(1, round((deadline - time.monotonic()) * 1000))
            limit_ms = max(round(wait_ms), patience_ms) if is_blocking else left_ms
            try:
                with self.reading(reports=not is_blocking):
                    attempt(min(limit_ms, left_ms))
            except RETRIED:
                if time.monotonic() >= deadline:
                    raise OutOfTimeError(tries, self._blockers) from None
            else:
                return tries
            patience_ms = 0 if is_patient else self._patience_ms()
            is_patient = is_patient or patience_ms > 0
            if patience_ms:
                continue
            if tries == 2 and self._blockers:
                self._reporter.note(self._blockers[0].wait)
            pause = max(_PAUSE_S, wait_ms / 1000 * _PAUSE_FACTOR) * random.uniform(*_JITTER)  # noqa: S311
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
            wait_ms = min(wait_ms * _GROWTH, float(self._options.lock_timeout_most_ms))

    def _patience_ms(self) -> int:
        """Cancel an autovacuum that alone is in the way; returns how long the next wait may be.

        0 where there is none. A role that may not cancel it waits for the server to do so, which
        takes longer than the short waits: once, since others queue behind it meanwhile.
        """
        blockers = self._blockers
        if not blockers or not all(b.is_autovacuum and not b.prevents_wraparound for b in blockers):
            return 0
        self._reporter.note(f"{style('Cancelling:', 'bold yellow')} {blockers[0]}")
        try:
            with suppress(psycopg.errors.InsufficientPrivilege):
                cancel(self._observer, blockers)
            return deadlock_timeout_ms(self._observer) + _CANCEL_MS
        except psycopg.Error:  # the next step verifies the session itself
            return 0

    @contextmanager
    def reading(self, *, reports: bool) -> Iterator[None]:
        """Let the thread read who blocks us while inside, and report that of a long wait."""
        self._waiting = _Wait(time.monotonic(), reports)
        try:
            yield
        finally:
            self._waiting = None

    def _poll(self) -> None:
        """Keep `_blockers` as those that blocked us last."""
        pause, read = _READ_S[0], None
        while not self._is_over.wait(pause) and not self._observer.closed:
            wait = self._waiting
            pause = min(2 * pause, _READ_S[1]) if wait and wait is read else _READ_S[0]
            if wait is None or time.monotonic() - wait.since < _READ_S[0]:
                continue
            read = wait
            with suppress(psycopg.Error):  # the next step verifies the session itself
                blockers = self._read(shows_data=self._reporter.shows_data)
                # to ask the workers takes longer than a short wait
                if blockers and (self._waiting is wait or self._is_on_citus):
                    self._blockers = blockers
                    self._report(wait)

    def _read(self, *, shows_data: bool) -> list[Blocker]:
        """Return what blocks us on this server, else on the nodes of a cluster."""
        blockers = read_blockers(self._observer, self._pid, shows_data=shows_data)
        if blockers:
            return blockers
        if self._is_on_citus is None:
            self._is_on_citus = has_citus(self._observer)
        if not self._is_on_citus:
            return []
        return read_worker_blockers(self._observer, self._pid, shows_data=shows_data)

    def _report(self, wait: "_Wait") -> None:
        """Report each blocker of a wait that is reported, once."""
        if wait.reports and time.monotonic() - wait.since > _REPORT_S:
            for blocker in self._blockers:
                if blocker.pid not in wait.reported:
                    wait.reported.add(blocker.pid)
                    self._reporter.note(blocker.wait)


class _Wait:
    """One try: since when, and which blockers of it were reported."""

    def __init__(self, since: float, reports: bool) -> None:
        self.since, self.reports = since, reports
        self.reported: set[int] = set()
