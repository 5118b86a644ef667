"""A PostgreSQL database: connections, the migration lock, version table, ledger, table sizes.

`connect` opens every connection to the user's database, and `server_errors` turns what a server
reports into an error with a hint. Quick to import.
"""

from pybase.migrate.database._connect import EMBEDDED_DATABASE as EMBEDDED_DATABASE
from pybase.migrate.database._connect import Database as Database
from pybase.migrate.database._connect import announcement as announcement
from pybase.migrate.database._connect import connect as connect
from pybase.migrate.database._connect import embedded as embedded
from pybase.migrate.database._connect import engine as engine
from pybase.migrate.database._connect import find_database as find_database
from pybase.migrate.database._connect import is_at_hand as is_at_hand
from pybase.migrate.database._connect import is_there as is_there
from pybase.migrate.database._connect import read_url as read_url
from pybase.migrate.database._connect import require_known as require_known
from pybase.migrate.database._connect import scratch_at as scratch_at
from pybase.migrate.database._ledger import STAMP as STAMP
from pybase.migrate.database._ledger import TABLE as TABLE
from pybase.migrate.database._ledger import Ledger as Ledger
from pybase.migrate.database._ledger import LedgerEntry as LedgerEntry
from pybase.migrate.database._ledger import LedgerUnreadableError as LedgerUnreadableError
from pybase.migrate.database._ledger import read_heads as read_heads
from pybase.migrate.database._migration_lock import MigrationLock as MigrationLock
from pybase.migrate.database._migration_lock import lock_lost as lock_lost
from pybase.migrate.database._migration_lock import migration_lock as migration_lock
from pybase.migrate.database._own_session import Backend as Backend
from pybase.migrate.database._own_session import own_session as own_session
from pybase.migrate.database._own_session import put_aside as put_aside
from pybase.migrate.database._own_session import require_schema as require_schema
from pybase.migrate.database._refusals import first_line as first_line
from pybase.migrate.database._refusals import refusal as refusal
from pybase.migrate.database._server_errors import about_rows as about_rows
from pybase.migrate.database._server_errors import details as details
from pybase.migrate.database._server_errors import rows_hint as rows_hint
from pybase.migrate.database._server_errors import scratch_hint as scratch_hint
from pybase.migrate.database._server_errors import server_error as server_error
from pybase.migrate.database._server_errors import server_errors as server_errors
from pybase.migrate.database._table_sizes import COUNTED_BYTES as COUNTED_BYTES
from pybase.migrate.database._table_sizes import IS_USED as IS_USED
from pybase.migrate.database._table_sizes import LOCK_TIMEOUT_MS as LOCK_TIMEOUT_MS
from pybase.migrate.database._table_sizes import RECORDED_TABLES as RECORDED_TABLES
from pybase.migrate.database._table_sizes import STATEMENT_TIMEOUT_MS as STATEMENT_TIMEOUT_MS
from pybase.migrate.database._table_sizes import TableSize as TableSize
from pybase.migrate.database._table_sizes import ask as ask
from pybase.migrate.database._table_sizes import limits as limits
from pybase.migrate.database._table_sizes import measure as measure
