"""Sessions that hold what another waits for, read over a connection of its own."""

from collections.abc import Sequence
from typing import Any

import psycopg
from msgspec import Struct

from pybase.core.humanize import duration
from pybase.core.style import style
from pybase.migrate.sql import masked
from pybase.migrate.sql.lock_modes import lock_name

_QUERY_LENGTH = 80
_OLDER_TRANSACTION = "virtualxid"


class Blocker(Struct, frozen=True):
    """A session that held what we waited for; `query` only where that was asked for."""

    pid: int
    """0 for a prepared transaction."""
    user: str
    application: str
    state: str
    age_s: float
    mode: str
    target: str
    query: str
    is_autovacuum: bool = False
    prevents_wraparound: bool = False
    node: str = ""
    """The node of a cluster that it is connected to, with its port; empty for this server."""

    def __str__(self) -> str:
        """One line; a query that may hold a password is not shown."""
        return f"{self._who}{self._lock}, for {duration(self.age_s)}{self._query}"

    @property
    def wait(self) -> str:
        """What is waited for, as a label with the blocker."""
        what = "an older transaction" if self.target == _OLDER_TRANSACTION else "a lock"
        return f"{style(f'Waiting for {what}:', 'bold yellow')} {self}"

    @property
    def _who(self) -> str:
        if not self.pid:
            return "a prepared transaction (ROLLBACK PREPARED ends it, see pg_prepared_xacts)"
        if self.is_autovacuum:
            urgent = ", to prevent wraparound: PostgreSQL does not cancel it"
            return f"pid {self.pid} (autovacuum{urgent if self.prevents_wraparound else ''})"
        name = self.application or "no application name"
        place = f" on the node {self.node}" if self.node else ""
        return f"pid {self.pid}{place} (user {self.user}, {name}, {self.state})"

    @property
    def _lock(self) -> str:
        if not self.mode:
            return " is queued before"
        if self.target == _OLDER_TRANSACTION:
            return " has a transaction open"
        return f" has {lock_name(self.mode)} on {self.target}"

    @property
    def _query(self) -> str:
        query = masked(" ".join(self.query.split()))
        shown = query if len(query) <= _QUERY_LENGTH else f"{query[:_QUERY_LENGTH]} ..."
        return f": {shown}" if shown else ""


def read_blockers(
    observer: psycopg.Connection[Any], pid: int, *, shows_data: bool
) -> list[Blocker]:
    """Return what the session `pid` waits for; none where it does not wait."""
    rows = observer.execute(_BLOCKERS, {"pid": pid, "shows_data": shows_data}).fetchall()
    return [Blocker(*row) for row in rows]


def read_worker_blockers(
    observer: psycopg.Connection[Any], pid: int, *, shows_data: bool
) -> list[Blocker]:
    """Return what the session `pid` waits for on the nodes of a cluster."""
    rows = observer.execute(_WORKER_BLOCKERS, {"pid": pid, "shows_data": shows_data}).fetchall()
    return [Blocker(*row) for row in rows]


def cancel(observer: psycopg.Connection[Any], blockers: Sequence[Blocker]) -> None:
    """Cancel autovacuums, which run again later. Raises psycopg.Error where the role may not."""
    observer.execute(_CANCEL, [[blocker.pid for blocker in blockers]])


def deadlock_timeout_ms(observer: psycopg.Connection[Any]) -> int:
    """Return after how long a wait the server itself cancels an autovacuum in the way."""
    query = "SELECT setting::int FROM pg_settings WHERE name = 'deadlock_timeout'"
    (milliseconds,) = observer.execute(query).fetchone() or (1000,)
    return int(milliseconds)


_BLOCKERS = """
WITH locks AS MATERIALIZED (SELECT * FROM pg_locks),
blocking AS MATERIALIZED (
    SELECT DISTINCT unnest(pg_blocking_pids(waits.pid)) AS pid FROM pg_stat_activity AS waits
    WHERE waits.pid = %(pid)s AND waits.wait_event_type = 'Lock'
)
SELECT blocking.pid, coalesce(a.usename, 'none'), coalesce(a.application_name, ''),
coalesce(a.state, a.backend_type, 'unknown state'),
coalesce(extract(epoch FROM clock_timestamp()
    - coalesce(a.xact_start, a.query_start, a.backend_start)), 0)::float8,
coalesce(held.mode, ''), coalesce(held.target, ''),
CASE WHEN %(shows_data)s THEN coalesce(a.query, '') ELSE '' END,
a.is_autovacuum, a.is_autovacuum AND (a.query LIKE '%%(to prevent wraparound)' OR EXISTS (
    SELECT FROM pg_class AS c
    WHERE c.oid = wanted.relation AND c.relkind IN ('r', 'm', 't') AND (
        age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::int
        OR mxid_age(c.relminmxid) > current_setting('autovacuum_multixact_freeze_max_age')::int
    )
))
FROM blocking
JOIN locks AS wanted ON wanted.pid = %(pid)s AND NOT wanted.granted
LEFT JOIN LATERAL (
    SELECT
        *,
        coalesce(s.backend_type = 'autovacuum worker', s.usesysid IS NULL) AS is_autovacuum
    FROM pg_stat_activity AS s WHERE s.pid = blocking.pid
) AS a ON true
LEFT JOIN LATERAL (
    SELECT l.mode, CASE l.locktype
        WHEN 'relation' THEN l.relation::regclass::text
        WHEN 'transactionid' THEN 'rows that it has changed'
        ELSE l.locktype
    END AS target
    FROM locks AS l
    WHERE l.pid IS NOT DISTINCT FROM nullif(blocking.pid, 0)
    AND l.granted AND l.locktype = wanted.locktype
    AND l.relation IS NOT DISTINCT FROM wanted.relation
    AND l.transactionid IS NOT DISTINCT FROM wanted.transactionid
    AND l.virtualxid IS NOT DISTINCT FROM wanted.virtualxid
    ORDER BY l.mode LIMIT 1
) AS held ON true
WHERE blocking.pid = 0 OR a.pid IS NOT NULL
ORDER BY a.xact_start
"""
"""Locks are read once, and count only if they show the wait too, which may end while this runs.

pg_blocking_pids stops the lock manager for a moment: so it is asked only about a waiting one.
Without pg_read_all_stats, of an autovacuum only that it has no user is known.
"""

_WORKER_BLOCKERS = """
WITH waits AS MATERIALIZED (
    SELECT blocking_gpid, blocking_nodeid FROM citus_lock_waits
    WHERE citus_pid_for_gpid(waiting_gpid) = %(pid)s
    AND waiting_nodeid = citus_nodeid_for_gpid(citus_backend_gpid())
),
locks AS MATERIALIZED (SELECT * FROM citus_locks WHERE locktype = 'relation'),
wanted AS (
    SELECT DISTINCT nodeid, relation_name FROM locks
    WHERE NOT granted AND citus_pid_for_gpid(global_pid) = %(pid)s
)
SELECT citus_pid_for_gpid(waits.blocking_gpid), coalesce(a.usename, 'none'),
coalesce(a.application_name, ''), coalesce(a.state, 'unknown state'),
coalesce(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start)),
    0)::float8,
coalesce(held.mode, 'ExclusiveLock'), coalesce(held.target, 'virtualxid'),
CASE WHEN %(shows_data)s THEN coalesce(a.query, '') ELSE '' END,
false, false,
CASE WHEN waits.blocking_nodeid = citus_nodeid_for_gpid(citus_backend_gpid()) THEN ''
    ELSE format('%%s:%%s', n.nodename, n.nodeport) END
FROM waits
JOIN pg_dist_node AS n ON n.nodeid = waits.blocking_nodeid
LEFT JOIN LATERAL (
    SELECT * FROM citus_stat_activity AS s
    WHERE s.global_pid = waits.blocking_gpid AND NOT s.is_worker_query LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT l.mode, format('%%s of %%s:%%s', l.relation_name, o.nodename, o.nodeport) AS target
    FROM locks AS l
    JOIN wanted ON wanted.nodeid = l.nodeid AND wanted.relation_name = l.relation_name
    JOIN pg_dist_node AS o ON o.nodeid = l.nodeid
    WHERE l.granted AND l.global_pid = waits.blocking_gpid
    LIMIT 1
) AS held ON true
"""
"""A shard is locked on the node that has it, by a session that is connected to any node. One
that has no lock on what is waited for has an older transaction, which CONCURRENTLY waits for."""

_CANCEL = """
SELECT pg_cancel_backend(pid) FROM pg_stat_activity
WHERE pid = ANY(%s) AND backend_type = 'autovacuum worker'
AND query NOT LIKE '%%(to prevent wraparound)'
"""
