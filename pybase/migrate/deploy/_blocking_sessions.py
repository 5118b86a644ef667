"""Whom a run would have to wait for: who holds locks, or a transaction, for long."""

from collections.abc import Iterator, Sequence
from typing import Any

from pybase.core.humanize import duration
from pybase.migrate.deploy._check_result import Colour, Concern, Situation
from pybase.migrate.sql._lock_modes import MODES
from pybase.migrate.sql._names import LABEL

HELD_S = 1
"""A lock that is held for less is traffic."""

LONG_TRANSACTION_S = 60
"""A transaction that is older is worth a word before CREATE INDEX CONCURRENTLY waits for it."""


def locks(now: Situation) -> Iterator[Concern]:
    """Look who holds a lock that a run would have to wait for."""
    needed = {name: MODES[table.lock] for name, table in now.tables.items()}
    pairs = [(held, wanted) for wanted, others in CONFLICTS.items() for held in others]
    parameters = {
        "labels": list(needed),
        "wanted": list(needed.values()),
        "held_pairs": [held for held, _ in pairs],
        "wanted_pairs": [wanted for _, wanted in pairs],
        "held_s": HELD_S,
        "own": now.connection.info.backend_pid,
    }
    for label, mode, *culprit in now.connection.execute(_HOLDERS, parameters):
        yield Concern(
            "locks", Colour.YELLOW, f"{_culprit(culprit)} holds {mode} on {label}.",
            "The revision waits for it, in turns that let others through.",
        )  # fmt: skip


def long_transactions(now: Situation) -> Iterator[Concern]:
    """Look for old transactions, where something waits for the end of all of them."""
    if not any(header.shape != "one transaction" for header in now.path):
        return
    for culprit in now.connection.execute(_LONG, {"seconds": LONG_TRANSACTION_S}):
        yield Concern(
            "long-transactions", Colour.YELLOW, f"{_culprit(culprit)} has a transaction open.",
            "CREATE INDEX CONCURRENTLY waits for its end.",
        )  # fmt: skip


def _culprit(values: Sequence[Any]) -> str:
    """Name a session; its query is not told, because it may hold somebody's data."""
    pid, application, state, age_s = values
    if pid is None:
        return "A prepared transaction (see pg_prepared_xacts)"
    name = f", {application}" if application else ""
    return f"The session with pid {pid}{name} ({state}, for {duration(age_s)})"


CONFLICTS = {
    MODES[0]: MODES[7:],
    MODES[1]: MODES[6:],
    MODES[2]: MODES[4:],
    MODES[3]: MODES[3:],
    MODES[4]: (MODES[2], MODES[3], *MODES[5:]),
    MODES[5]: MODES[2:],
    MODES[6]: MODES[1:],
    MODES[7]: MODES,
}
"""Which held locks each lock waits for (PostgreSQL's manual, table 13.2)."""

_HOLDERS = f"""
WITH needed AS (SELECT unnest(%(labels)s::text[]) AS label, unnest(%(wanted)s::text[]) AS mode),
conflicts AS (
    SELECT unnest(%(held_pairs)s::text[]) AS held, unnest(%(wanted_pairs)s::text[]) AS wanted
)
SELECT
    needed.label, min(l.mode), l.pid, a.application_name, coalesce(a.state, a.backend_type),
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8
FROM pg_locks AS l
JOIN pg_class AS c ON c.oid = l.relation
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN needed ON needed.label = {LABEL}
JOIN conflicts ON conflicts.held = l.mode AND conflicts.wanted = needed.mode
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM %(own)s
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY needed.label, l.pid, a.application_name, a.state, a.backend_type, a.xact_start,
    a.backend_start
HAVING extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))
    >= %(held_s)s OR l.pid IS NULL
ORDER BY 6 DESC
LIMIT 10
"""

_LONG = """
SELECT
    pid, application_name, state,
    extract(epoch FROM clock_timestamp() - xact_start)::float8
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND pid <> pg_backend_pid()
AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)
AND xact_start < clock_timestamp() - make_interval(secs => %(seconds)s)
ORDER BY xact_start
LIMIT 5
"""
