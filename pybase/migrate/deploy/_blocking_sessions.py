"""Blocking sessions: what a run would have to wait for, a lock or a transaction held for long."""

from collections.abc import Iterator, Sequence
from typing import Any

from pybase.core.humanize import duration
from pybase.migrate.database import IS_USED, RECORDED_TABLES
from pybase.migrate.deploy._check import Checked, CheckResult, Severity
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.lock_modes import MODES

HELD_S = 1
"""A lock that is held for less is ordinary traffic."""

LONG_TRANSACTION_S = 60
"""A transaction that is older is reported before CREATE INDEX CONCURRENTLY waits for it."""


def locks(checked: Checked) -> Iterator[CheckResult]:
    """Check for sessions that hold a lock which a run would have to wait for."""
    pairs = [(held, needed) for needed, others in CONFLICTS.items() for held in others]
    parameters = {
        "schemas": [name.schema for name in checked.tables],
        "names": [name.name for name in checked.tables],
        "modes": [MODES[effect.rank] for effect in checked.tables.values()],
        "held_pairs": [held for held, _ in pairs],
        "needed_pairs": [needed for _, needed in pairs],
        "held_s": HELD_S,
    }
    for schema, name, mode, *session in checked.connection.execute(_HOLDERS, parameters):
        label = QualifiedName(schema, name).label
        yield CheckResult(
            "locks", Severity.WARNING, f"{_session(session)} holds {mode} on {label}.",
            "The revision waits for it, in turns that let others through.",
        )  # fmt: skip


def long_transactions(checked: Checked) -> Iterator[CheckResult]:
    """Check for old transactions, where a statement waits for the end of all of them."""
    if all(step.script.is_transactional for step in checked.plan.steps):
        return
    for session in checked.connection.execute(_LONG, {"seconds": LONG_TRANSACTION_S}):
        yield CheckResult(
            "long-transactions", Severity.WARNING, f"{_session(session)} has a transaction open.",
            "CREATE INDEX CONCURRENTLY waits for its end.",
        )  # fmt: skip


def _session(values: Sequence[Any]) -> str:
    """Name a session; its query is not shown, because it may hold data."""
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
"""The held locks that each lock waits for (PostgreSQL's manual, table 13.2)."""

_HOLDERS = f"""
WITH recorded AS (
    SELECT * FROM unnest(%(schemas)s::text[], %(names)s::text[], %(modes)s::text[])
    AS r (schema, name, mode)
),
conflicts AS (
    SELECT * FROM unnest(%(held_pairs)s::text[], %(needed_pairs)s::text[]) AS c (held, needed)
)
SELECT
    recorded.schema, recorded.name, min(l.mode), l.pid, a.application_name,
    coalesce(a.state, a.backend_type),
    extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))::float8
FROM {RECORDED_TABLES}
JOIN pg_locks AS l ON l.relation = c.oid
JOIN conflicts ON conflicts.held = l.mode AND conflicts.needed = recorded.mode
LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE {IS_USED} AND l.locktype = 'relation' AND l.granted
AND l.pid IS DISTINCT FROM pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY recorded.schema, recorded.name, l.pid, a.application_name, a.state, a.backend_type,
    a.xact_start, a.backend_start
HAVING extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.backend_start))
    >= %(held_s)s OR l.pid IS NULL
ORDER BY 7 DESC
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
