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
from pybase.migrate.database._migration_lock import migration_lock, require_own_session
from pybase.migrate.database._server_errors import first_line, server_error
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
    "Database",
    "Ledger",
    "LedgerEntry",
    "TableSize",
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
    "measure",
    "migration_lock",
    "read_heads",
    "read_url",
    "require_known",
    "require_own_session",
    "scratch_at",
    "server_error",
]
