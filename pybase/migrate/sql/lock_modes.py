"""PostgreSQL's table locks by rank: the one order that effects, headers and checks count in."""

MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
"""PostgreSQL's table locks, the weakest first (its manual, section 13.3.1)."""

ROW_EXCLUSIVE, SHARE, SHARE_ROW_EXCLUSIVE, ACCESS_EXCLUSIVE = 2, 4, 5, 7
"""Ranks in MODES: what writers take, the weakest that blocks writers, what a foreign key takes of
both its tables, what blocks all other sessions."""

LOCKS = (
    ("ACCESS SHARE", "blocks nothing"),
    ("ROW SHARE", "blocks nothing"),
    ("ROW EXCLUSIVE", "blocks nothing"),
    ("SHARE UPDATE EXCLUSIVE", "blocks nothing but other DDL"),
    ("SHARE", "blocks writes"),
    ("SHARE ROW EXCLUSIVE", "blocks writes"),
    ("EXCLUSIVE", "blocks writes"),
    ("ACCESS EXCLUSIVE", "blocks reads and writes"),
)
"""By rank in MODES: the manual's name, and who has to wait."""


def lock_name(mode: str) -> str:
    """Return the manual's name of a mode as `pg_locks` has it."""
    return LOCKS[MODES.index(mode)][0] if mode in MODES else mode


RANKS = {mode: rank for rank, (mode, _) in enumerate(LOCKS)}
"""The rank of each mode, by the manual's name."""
