"""A revision's statements, recorded instead of sent: what Alembic would run, as text.

Alembic's own `--sql` text is not what its online mode executes: it doubles `%` and backslashes,
turns tabs into blanks, and opens transactions that hold nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import DDLElement
from sqlalchemy.sql import visitors
from sqlalchemy.types import NullType

from pybase.migrate.record import Statement
from pybase.migrate.revisions import _alembic
from pybase.migrate.sql import HIDDEN_HINT, hidden_character
from pybase.migrate.sql.grammar import split, tidy


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
        """Keep what may be several statements; one with hidden characters is refused."""
        hidden = hidden_character(sql)
        if hidden is not None:  # the grammar would cut it at a NUL
            self.refusal = f"its SQL has the hidden character {hidden[1]}. {HIDDEN_HINT}"
            return
        number = self._transaction if self._is_open else None
        self._statements += [Statement(tidy(text), number) for text in split(sql)]

    @property
    def texts(self) -> list[str]:
        """The statements kept since the last `take`."""
        return [statement.sql for statement in self._statements]

    def ask(self, what: str) -> None:
        """Note a question of a revision: what it does next may depend on the answer."""
        self.question = self.question or f"it asks for {what}"

    def take(self) -> list[Statement]:
        """Return what was kept since the last time."""
        taken, self._statements = self._statements, []
        self._transaction, self._is_open, self.refusal, self.question = 0, False, "", ""
        return taken


def recording_context(configured: MigrationContext, recorder: Recorder) -> MigrationContext:
    """Return a context with env.py's options, whose statements go to `recorder`."""
    dialect = offline_dialect()
    options = {"literal_binds": True, "transaction_per_migration": True}
    context = _alembic.offline_context(configured, dialect, options)
    impl: Any = context.impl

    def execute(construct: Any, *args: Any, **options: Any) -> None:
        recorder.add(compiled(construct, dialect, *args, **options))

    _alembic.execute_with(context, execute, recorder.begin, recorder.commit)
    impl.static_output = recorder.add
    impl.connection = MockConnection(  # what `op.get_bind()` gives
        dialect, lambda construct, rows=None: _execute_rows(execute, construct, rows)
    )
    impl.bulk_insert = partial(_bulk_insert, execute)
    return context


def _bulk_insert(
    execute: Callable[[Any], None], table: Any, rows: Iterable[Any], multiinsert: bool = True
) -> None:
    for row in rows:
        execute(_insert(table, row))


def _execute_rows(execute: Callable[[Any], None], construct: Any, rows: Any) -> None:
    """Write what `connection.execute(statement, parameters)` would send: a statement a row."""
    for row in [rows or {}] if isinstance(rows or {}, Mapping) else rows:
        execute(_with_values(construct, row) if row else construct)


def _with_values(construct: Any, row: Mapping[str, Any]) -> Any:
    if isinstance(construct, sa.TextClause):
        return construct.bindparams(**row)
    if isinstance(construct, sa.Insert):
        return construct.values(row)
    if isinstance(construct, sa.Update):
        columns = {name: value for name, value in row.items() if name in construct.table.c}
        construct = construct.values(columns) if columns else construct
    return construct.params(row)


def compiled(
    construct: Any,
    dialect: sa.Dialect,
    execution_options: object = None,
    multiparams: Sequence[Mapping[str, Any]] | None = None,
    params: Mapping[str, Any] | None = None,
) -> str:
    """Return the text that the driver would send, with every value written as a literal.

    Raises TypeError and CompileError for values without a literal form.
    """
    if multiparams or params:
        raise TypeError("parameters that are not part of the statement have no offline form")
    if isinstance(construct, str):
        construct = sa.text(construct)
    literal = {} if isinstance(construct, DDLElement) else {"literal_binds": True}
    text = construct.compile(dialect=dialect, compile_kwargs=literal)
    unbound = sorted({*getattr(text, "binds", {}), *_without_value(construct)})
    if unbound:
        raise CompileError(f"the value of {', '.join(unbound)} has no literal form")
    return str(text)


def _without_value(construct: sa.ClauseElement) -> Iterable[str]:
    """Find parameters without a value: online they fail, as literals they would be NULL."""
    for element in visitors.iterate(construct):
        if isinstance(element, sa.BindParameter) and element.required:
            yield element.key


def _insert(table: Any, row: Mapping[str, Any]) -> sa.Insert:
    """Return an INSERT of one row, each value typed by its column, else by itself."""
    types = {name: table.c[name].type for name in row}
    insert: sa.Insert = table.insert().inline()
    return insert.values(
        {
            name: sa.literal(value, None if isinstance(types[name], NullType) else types[name])
            if not isinstance(value, sa.ClauseElement)
            else value
            for name, value in row.items()
        }
    )


def offline_dialect() -> sa.Dialect:
    """Return a dialect whose literals reach psql as the server would see them.

    Any other paramstyle than `named` doubles every `%`.
    """
    dialect: sa.Dialect = PGDialect_psycopg(paramstyle="named")  # type: ignore[no-untyped-call]
    make_faithful(dialect)
    return dialect


def make_faithful(dialect: sa.Dialect) -> None:
    """Let literals be written as the server would be sent them.

    Backslashes are doubled unless a server has reported standard_conforming_strings, which is on
    in every supported one.
    """
    vars(dialect)["_backslash_escapes"] = False
    dialect.colspecs = {**dialect.colspecs, sa.LargeBinary: _Bytes}


class _Bytes(sa.LargeBinary):
    """Bytes in hexadecimal: SQLAlchemy writes them as text, where a backslash is an escape."""

    def literal_processor(self, dialect: sa.Dialect) -> Callable[[bytes], str]:
        return lambda value: f"'\\x{value.hex()}'"
