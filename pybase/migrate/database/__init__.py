"""A PostgreSQL database: connections, the migration lock, version table, ledger, table sizes."""

from pybase.migrate.database._connect import (
    EMBEDDED_DATABASE,
    Database,
    announcement,
    connect,
    embedded,
    embedded_scratch,
    engine,
    find_database,
    is_at_hand,
    read_url,
    require_known,
    scratch_at,
)
from pybase.migrate.database._ledger import TABLE, Ledger, LedgerEntry, read_heads
from pybase.migrate.database._migration_lock import (
    Backend,
    MigrationLock,
    lock_lost,
    migration_lock,
    no_timeouts,
    require_own_session,
)
from pybase.migrate.database._server_errors import (
    about_rows,
    first_line,
    rows_hint,
    server_error,
)
from pybase.migrate.database._table_sizes import (
    IS_USED,
    RECORDED_TABLES,
    TableSize,
    ask,
    limits,
    measure,
)

__all__ = [
    "EMBEDDED_DATABASE",
    "IS_USED",
    "RECORDED_TABLES",
    "TABLE",
    "Backend",
    "Database",
    "Ledger",
    "LedgerEntry",
    "MigrationLock",
    "TableSize",
    "about_rows",
    "announcement",
    "ask",
    "connect",
    "embedded",
    "embedded_scratch",
    "engine",
    "find_database",
    "first_line",
    "is_at_hand",
    "limits",
    "lock_lost",
    "measure",
    "migration_lock",
    "no_timeouts",
    "read_heads",
    "read_url",
    "require_known",
    "require_own_session",
    "rows_hint",
    "scratch_at",
    "server_error",
]
