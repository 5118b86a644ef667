"""A revision's statements, recorded instead of sent: what Alembic would run, as text.

Alembic's own `--sql` text is not what its online mode executes: it doubles `%` and backslashes,
turns tabs into blanks, and opens transactions that hold nothing.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.util import OrderedSet

from pybase.migrate.record import Statement
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._literals import RecordedError, of_version, recording_connection
from pybase.migrate.sql import HIDDEN_HINT, hidden_character
from pybase.migrate.sql.grammar import client_fault, split, tidy


class Recorder:
    """Keeps statements, with the number of the transaction that each is in."""

    def __init__(self) -> None:
        self._statements: list[Statement] = []
        self._transaction = 0
        self._is_open = False
        self.refusal = ""
        """Why what was kept since the last `take` cannot be SQL for a reviewer."""
        self.question = ""
        """What has been asked since then that a database answers in another way."""

    def begin(self) -> None:
        """Begin a transaction."""
        self._transaction += 1
        self._is_open = True

    def commit(self) -> None:
        """End it."""
        self._is_open = False

    def add(self, sql: str) -> None:
        """Keep what may be several statements; what is not only SQL to send is refused."""
        hidden = hidden_character(sql)
        if hidden is not None:  # the grammar would cut it at a NUL
            self.refusal = f"its SQL has the hidden character {hidden[1]}. {HIDDEN_HINT}"
            return
        number = self._transaction if self._is_open else None
        for text in split(sql):
            if fault := client_fault(text):
                self.refusal = fault
                return
            self._statements.append(Statement(tidy(text), number))

    def ask(self, what: str) -> None:
        """Note a question of a revision: what it does next may depend on the answer."""
        self.question = self.question or f"it asks for {what}"

    def take(self) -> list[Statement]:
        """Return what was kept since the last time."""
        taken, self._statements = self._statements, []
        self._transaction, self._is_open, self.refusal, self.question = 0, False, "", ""
        return taken


def recording_context(
    configured: MigrationContext, recorder: Recorder, version: int
) -> MigrationContext:
    """Return a context with env.py's options, whose statements go to `recorder`.

    They are those for PostgreSQL of the major `version`.
    """
    dialect = of_version(offline_dialect(), version)
    options = {"literal_binds": True, "transaction_per_migration": True}
    context = _alembic.offline_context(configured, dialect, options)
    execute = write_with_literals(context, recorder.add, version)
    impl: Any = context.impl
    impl.emit_begin, impl.emit_commit = recorder.begin, recorder.commit
    impl.static_output = recorder.add
    impl.connection = MockConnection(  # what `op.get_bind()` gives
        dialect, lambda construct, parameters=None: execute(construct, params=parameters)
    )
    return context


def write_with_literals(
    context: MigrationContext, record: Callable[[str], None], version: int
) -> Any:
    """Let a context hand each statement to `record`, as a server would be sent it online.

    The server is of the major `version`. Returns what executes a construct so.
    """
    connection = recording_connection(record, version)

    def execute(
        construct: Any, execution_options: Any = None, multiparams: Any = None, params: Any = None
    ) -> None:
        construct = sa.text(construct) if isinstance(construct, str) else construct
        options = execution_options or {}
        try:
            connection.execute(construct, multiparams or params, execution_options=options)
        except RecordedError:
            pass
        except sa.exc.StatementError as error:  # its message is followed by the statement
            raise error.orig or error from None

    def bulk_insert(*arguments: Any, **options: Any) -> None:
        impl.as_sql = False  # else the columns are those of each row, and not of the first
        try:
            type(impl).bulk_insert(impl, *arguments, **options)
        finally:
            impl.as_sql = True

    impl: Any = context.impl
    _alembic.execute_with(context, execute)
    impl.bulk_insert = bulk_insert
    return execute


def offline_dialect() -> sa.Dialect:
    """Return a dialect whose literals reach psql as the server would see them.

    Any other paramstyle than `named` doubles every `%`.
    """
    dialect: sa.Dialect = PGDialect_psycopg(paramstyle="named")  # type: ignore[no-untyped-call]
    return dialect


@sa.event.listens_for(sa.Table, "before_create")
def _sort_indexes(table: sa.Table, *_arguments: Any, **_options: Any) -> None:
    """Create the indexes of a table by name: the order of a set is another in each process."""
    table.indexes = OrderedSet(sorted(table.indexes, key=lambda index: str(index.name)))
