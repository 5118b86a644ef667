"""A revision run on a scratch database, and the statements that it sends there.

What it fetches is not part of its SQL, so that may only be what is the same on every database at
its parent: the schema.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import CursorResult

from pybase.migrate.database import first_line
from pybase.migrate.revisions import _alembic
from pybase.migrate.revisions._literals import LiteralDialect, as_text
from pybase.migrate.revisions._recorder import Recorder
from pybase.migrate.revisions._scratch._reads import why_not_schema
from pybase.migrate.sql.grammar import split
from pybase.postgres import connect_scratch

_SAVEPOINT = re.compile(r"(RELEASE )?SAVEPOINT sa_savepoint_\d+")
"""What SQLAlchemy sends for begin_nested()."""


@dataclass(eq=False)
class _Sent:
    text: str
    transaction: int | None
    """None outside of any."""
    is_known: bool = False


class Capture:
    """What one run sends, and why that is not the SQL for another database."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._sent: list[_Sent] = []
        self._transaction = 0
        self.reason = ""
        self.doubt = ""
        """Why it would not be, if the run did not end because of that."""

    def refuse(self, reason: str) -> None:
        """Keep the first reason."""
        self.reason = self.reason or reason

    def send(self, text: str, *, is_autocommit: bool) -> _Sent:
        """Keep a text that is about to be sent."""
        self._sent.append(_Sent(text, None if is_autocommit else self._transaction))
        return self._sent[-1]

    def fetch(self, sent: _Sent, connection: psycopg.Connection[Any]) -> None:
        """Leave out what a revision fetches rows of, which must be of the schema only."""
        if sent not in self._sent or sent.is_known:
            return
        sent.is_known = True

        def ask(query: str, parameters: Sequence[Any]) -> list[Any]:
            return psycopg.Cursor(connection).execute(query.encode(), parameters).fetchall()

        reasons = [why_not_schema(statement, ask) for statement in split(sent.text)]
        reason = next(filter(None, reasons), "")
        if reason:
            self.refuse(reason)
        else:
            self._sent.remove(sent)

    def commit(self) -> None:
        """End a transaction."""
        self._transaction += 1

    def roll_back(self) -> None:
        """End a transaction without what was sent in it."""
        self.doubt = self.doubt or "it rolls back a transaction"

    def hand_over(self, recorder: Recorder) -> None:
        """Let a recorder keep what was sent."""
        sent = self._sent
        if not any("ROLLBACK TO" in item.text for item in sent):
            sent = [item for item in sent if not _SAVEPOINT.fullmatch(item.text)]
        before: int | None = None
        for item in sent:
            if item.transaction is None:
                recorder.commit()
            elif item.transaction != before:
                if before is not None:
                    self.refuse("it commits a transaction by itself")
                recorder.begin()
            before = item.transaction
            recorder.add(item.text)


class _Cursor(psycopg.ClientCursor[Any]):
    """Writes the parameters into the text, so that what is kept is what was sent."""

    capture: Capture
    _sent: _Sent | None = None

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        text = _text(self, query, params)
        self._sent = self.capture.send(text, is_autocommit=self.connection.autocommit)
        try:
            return super().execute(text.encode(), **options)
        except psycopg.Error as error:
            self.capture.doubt = f"it goes on after an error: {first_line(error)}"
            raise

    def executemany(
        self, query: Any, params_seq: Iterable[Any], *, returning: bool = False
    ) -> None:
        for params in params_seq:
            self.execute(query, params)
        if returning:
            self.capture.refuse("it reads what a statement returns that may change rows")

    def copy(self, *_arguments: Any, **_options: Any) -> Any:
        raise psycopg.NotSupportedError("it copies rows from Python, for which there is no SQL")

    def _note_fetch(self) -> None:
        if self._sent is not None:
            self.capture.fetch(self._sent, self.connection)

    def fetchone(self) -> Any:
        self._note_fetch()
        return super().fetchone()

    def fetchmany(self, size: int = 0) -> Any:
        self._note_fetch()
        return super().fetchmany(size)

    def fetchall(self) -> Any:
        self._note_fetch()
        return super().fetchall()

    def __iter__(self) -> Any:
        self._note_fetch()
        return super().__iter__()


def _text(cursor: _Cursor, query: Any, params: Any) -> str:
    if isinstance(query, str) and isinstance(params, Mapping | None):
        return as_text(query, params)
    return cursor.mogrify(query, params)  # of code that uses the driver by itself


@contextmanager
def captured(url: str) -> Iterator[tuple[sa.Connection, Capture]]:
    """Yield a connection to the scratch database at `url`, and what is sent over it inside."""
    capture = Capture()
    with closing(connect_scratch(url)) as raw:
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=_only(raw, capture),
            poolclass=sa.NullPool,
            hide_parameters=True,
        )
        engine.dialect.statement_compiler = LiteralDialect.statement_compiler
        engine.dialect.ddl_compiler = LiteralDialect.ddl_compiler
        with engine.connect() as connection:
            connection.rollback()
            raw.cursor_factory = type("_Cursor", (_Cursor,), {"capture": capture})
            raw.server_cursor_factory = _refuse_named(capture)
            sa.event.listen(engine, "commit", lambda _connection: capture.commit())
            sa.event.listen(engine, "rollback", lambda _connection: capture.roll_back())
            with _watched(engine, capture):
                yield connection, capture


def _only(raw: psycopg.Connection[Any], capture: Capture) -> Callable[[], Any]:
    """Return what connects once."""
    connections = [raw]

    def connect() -> psycopg.Connection[Any]:
        if not connections:
            capture.refuse("it opens a connection of its own")
            raise ConnectionRefusedError("it opens a connection of its own")
        return connections.pop()

    return connect


def _refuse_named(capture: Capture) -> Any:
    def named(*_arguments: Any, **_options: Any) -> Any:
        capture.refuse("it reads rows by a cursor of the server")
        raise psycopg.NotSupportedError("it reads rows by a cursor of the server")

    return named


@contextmanager
def _watched(engine: sa.Engine, capture: Capture) -> Iterator[None]:
    """Refuse what a revision asks of SQLAlchemy that depends on rows, or on the server."""
    original = CursorResult.__dict__["rowcount"]

    def rowcount(result: Any) -> Any:
        if not str(sys._getframe(1).f_globals.get("__name__")).startswith("sqlalchemy."):
            capture.refuse("it reads how many rows a statement has changed")
        return original.fget(result)

    def ask(what: str) -> None:
        capture.refuse(f"it asks for {what}")

    setattr(CursorResult, "rowcount", property(rowcount))  # noqa: B010  mypy: read-only
    try:
        with _alembic.asked(engine.dialect, ask):
            yield
    finally:
        setattr(CursorResult, "rowcount", original)  # noqa: B010
