"""Connections on which nothing is awaited for ever: a lost answer ends in an error.

The kernel detects a peer that is gone (`KEEPALIVES`). It cannot detect an answer that a proxy or
pooler has swallowed: for that, the server is asked whether it has answered.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

ANSWER_S = 30.0
"""Seconds after which an answer is late; those to our own short queries take milliseconds."""

KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A peer that does not acknowledge is given up after 30 s, idle or not. libpq's units: s, ms."""

_Answer = TypeVar("_Answer")


class LimitedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer is late and `has_answered` returns true."""

    has_answered: Callable[[], bool] = staticmethod(lambda: True)

    def wait(self, gen: PQGen[_Answer], *args: Any, **kwargs: Any) -> _Answer:
        """Wait for an answer. Raises OperationalError when it is lost."""
        return super().wait(self._limited(gen), *args, **kwargs)

    def _limited(self, gen: PQGen[_Answer]) -> PQGen[_Answer]:
        limit = time.monotonic() + ANSWER_S
        try:
            state = next(gen)
            while True:
                ready = yield state
                if not ready and time.monotonic() > limit:
                    if self.has_answered():
                        self.pgconn.finish()  # `close` is taken away while it is lent
                        raise psycopg.OperationalError("the server's answer was lost")
                    limit = time.monotonic() + ANSWER_S
                state = gen.send(ready)
        except StopIteration as end:
            answer: _Answer = end.value
            return answer


HAS_ANSWERED = """
SELECT FROM pg_stat_activity
WHERE pid = %s AND state LIKE 'idle%%' AND state_change < clock_timestamp() - interval '2 s'
"""
"""A row when the session with that pid has sent an answer, which may be on its way for a moment."""
