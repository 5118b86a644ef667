"""Scripts made of the statements that a revision ran, or of what it raised."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from msgspec.structs import replace

from pybase.core.files import digest
from pybase.core.urls import redacted
from pybase.migrate.database import first_line
from pybase.migrate.record import Direction, Script, ScriptStatus, Statement
from pybase.migrate.sql import parse_backfill
from pybase.migrate.sql.grammar import words


def python_script(reason: str) -> Script:
    """Return a script that has no SQL for a reason."""
    return Script(status=ScriptStatus.PYTHON, reason=reason.removesuffix("."))


def sql_script(recorded: Sequence[Statement]) -> Script:
    """Return the script of a revision's own statements."""
    statements = _joined(recorded)
    return Script(statements, digest=_digest(statements))


def _joined(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Put all into one transaction, unless something is outside of any."""
    if any(statement.transaction is None for statement in statements):
        return tuple(statements)
    return tuple(replace(statement, transaction=1) for statement in statements)


def closed(own: Script, setup: list[Statement], closing: list[Statement]) -> Script:
    """Add the bookkeeping.

    One transaction holds everything, so that a crash undoes both; after an autocommit block the
    version is moved last and in a transaction of its own.
    """
    last = own.statements[-1].transaction if own.statements else 1
    if own.is_transactional:
        setup = [replace(statement, transaction=last) for statement in setup]
    if last is None:
        last = max((s.transaction or 0 for s in own.statements), default=0) + 1
    end = [replace(statement, transaction=last) for statement in closing]
    return replace(own, statements=(*setup, *own.statements, *end))


def _digest(statements: Iterable[Statement]) -> str:
    """Digest what PostgreSQL sees of a revision's own statements, and how they are to be run."""
    texts: list[str] = []
    transaction: int | None = None
    for statement in statements:
        if statement.transaction is not None and statement.transaction != transaction:
            texts.append("BEGIN")
        transaction = statement.transaction
        texts.append(_identity(statement.sql))
    return digest("\0".join(texts).encode())


def _identity(sql: str) -> str:
    """Return what PostgreSQL sees of a statement; of a backfill, what another version writes too.

    The name of its cursor is a digest of all that a revision says of it.
    """
    return " ".join(parse_backfill(sql) or words(sql))


def failed_script(direction: Direction, problem: BaseException) -> Script:
    """Return a script without statements: a downgrade that refuses with a reason, or no SQL."""
    problem = getattr(problem, "orig", None) or problem  # SQLAlchemy's is followed by the statement
    is_of_server = isinstance(problem, psycopg.Error)
    message = repeatable(first_line(problem) if is_of_server else str(problem))
    is_word = isinstance(problem, NotImplementedError | RuntimeError) or type(problem) is Exception
    if not direction.is_upgrade and is_word and message:
        return Script(status=ScriptStatus.IRREVERSIBLE, reason=message)
    is_missing = isinstance(problem, NotImplementedError) and (
        not direction.is_upgrade or not message
    )
    status = ScriptStatus.MISSING if is_missing else ScriptStatus.PYTHON
    return Script(status=status, reason=f"{type(problem).__name__}: {message}".rstrip(": ."))


def repeatable(message: str) -> str:
    """Return a message without passwords and what differs by machine: it will be committed."""
    message = redacted(message)
    for pattern, instead in _MACHINE:
        message = pattern.sub(instead, message)
    message = message.strip()
    return message if len(message) <= _LONGEST else f"{message[:_LONGEST].rstrip()} ..."


_MACHINE: tuple[tuple[Any, str], ...] = (
    (re.compile(r"\(Background on this error at: .*\)"), ""),
    (re.compile(r" at 0x[0-9a-f]+\b"), ""),
    (re.compile(r"(?<![\w:/.])/(?:[^\s'\"():,]+/)+"), ""),  # folders of an absolute path
)

_LONGEST = 300
