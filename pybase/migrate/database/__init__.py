"""A PostgreSQL database: connections, the migration lock, version table, ledger, table sizes."""

from pybase.migrate.database._connect import EMBEDDED_DATABASE as EMBEDDED_DATABASE
from pybase.migrate.database._connect import Database as Database
from pybase.migrate.database._connect import announcement as announcement
from pybase.migrate.database._connect import connect as connect
from pybase.migrate.database._connect import embedded as embedded
from pybase.migrate.database._connect import embedded_scratch as embedded_scratch
from pybase.migrate.database._connect import engine as engine
from pybase.migrate.database._connect import find_database as find_database
from pybase.migrate.database._connect import is_at_hand as is_at_hand
from pybase.migrate.database._connect import read_url as read_url
from pybase.migrate.database._connect import require_known as require_known
from pybase.migrate.database._connect import scratch_at as scratch_at
from pybase.migrate.database._ledger import TABLE as TABLE
from pybase.migrate.database._ledger import Ledger as Ledger
from pybase.migrate.database._ledger import LedgerEntry as LedgerEntry
from pybase.migrate.database._ledger import read_heads as read_heads
from pybase.migrate.database._migration_lock import migration_lock as migration_lock
from pybase.migrate.database._migration_lock import require_own_session as require_own_session
from pybase.migrate.database._server_errors import first_line as first_line
from pybase.migrate.database._server_errors import server_error as server_error
from pybase.migrate.database._table_sizes import IS_USED as IS_USED
from pybase.migrate.database._table_sizes import RECORDED_TABLES as RECORDED_TABLES
from pybase.migrate.database._table_sizes import TableSize as TableSize
from pybase.migrate.database._table_sizes import ask as ask
from pybase.migrate.database._table_sizes import limits as limits
from pybase.migrate.database._table_sizes import measure as measure
