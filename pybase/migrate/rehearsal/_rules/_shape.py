"""Rules about how a revision is written, whether it runs, and whether its downgrade reverts it."""

import re
from collections.abc import Iterator

import psycopg
from pglast import ast
from pglast.enums import TransactionStmtKind

from pybase.core.urls import REHEARSAL_URL
from pybase.migrate.database import scratch_hint
from pybase.migrate.record import HALF_DONE, RESUMED, Finding, ScriptStatus, StatementKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import MOVES_PARTITIONS, is_resumable, names, newer_form, parsed

_NAME_TOO_LONG = "42622"


def cut_names(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find names that PostgreSQL cut; the table is the one with the strongest lock."""
    relations = observation.after.relations
    for notice in observation.notices if case.is_upgrade else ():
        if notice.startswith(_NAME_TOO_LONG):
            tables = [
                (rank, relations[oid].qualified_name)
                for oid, rank in observation.locks.items()
                if oid in relations and relations[oid].is_table
            ]
            table = max(tables)[1] if tables else None
            quoted = re.findall('"([^"]*)"', notice)
            yield Finding(observation.index, "cut-identifier", table, quoted[-1])


def errors(case: Case) -> Iterator[Finding]:
    """Find what PostgreSQL refused, under the most specific code for it.

    Also of the statements that move the version, which a revision can be in the way of.
    """
    failed = next((item for item in case.run.observations if item.error), None)
    if failed is None or failed.error is None:
        return
    error = failed.error
    is_own = failed.sql not in case.script.bookkeeping
    index = failed.index if is_own else -1
    message = error.diag.message_primary or str(error).strip()
    if isinstance(error, psycopg.errors.DependentObjectsStillExist):
        message += f": {error.diag.message_detail}".replace("\n", "; ")
    if isinstance(error, psycopg.errors.ActiveSqlTransaction):
        if any(map(is_transaction_control, case.script.texts)):
            return  # `transaction_control` reports that
        table = _table_of(case, failed.sql)
        yield Finding(index, "concurrently-in-transaction", table)
    elif isinstance(error, psycopg.errors.UnsafeNewEnumValueUsage):
        enum = re.search(r"enum type (\S+)", message)
        yield Finding(index, "uses-new-enum-value", _type_name(enum[1]) if enum else None)
    elif isinstance(error, psycopg.errors.InvalidTransactionTermination):
        yield Finding(index, "transaction-control")
    elif case.is_upgrade:
        advice = scratch_hint(error) or _newer_hint(error, failed.sql)
        message += f". {advice}" if advice else ""
        table = _table_of(case, failed.sql) if is_own else None
        yield Finding(index, "rehearsal-failed", table, message)
    else:
        yield Finding(index, "downgrade-wrong", detail=message)


def _newer_hint(error: psycopg.Error, sql: str) -> str:
    form = newer_form(sql)
    if not form or not isinstance(error, psycopg.errors.SyntaxError):
        return ""
    if form in MOVES_PARTITIONS:
        return f"No PostgreSQL up to the release candidate of 19 has {form}"
    return f"{form} is a statement of PostgreSQL 19: name such a server in {REHEARSAL_URL}"


def _type_name(printed: str) -> QualifiedName:
    """Return the name of a type as an error message prints it."""
    schema, _, name = printed.replace('"', "").rpartition(".")
    return QualifiedName(schema, name)


def _table_of(case: Case, sql: str) -> QualifiedName | None:
    """Return the first table that a statement names, or whose index it names."""
    state = case.run.start
    oids = (find_relation(state, name) for name in names(sql))
    oid = next((oid for oid in oids if oid is not None), None)
    if oid is not None:
        return state.relations[state.table_of(oid)].qualified_name
    words = re.findall(r"\w+", sql)  # of a statement with a syntax error there is only the text
    tables = {item.name: item.qualified_name for item in state.relations.values() if item.is_table}
    return next((tables[word] for word in words if word in tables), None)


def is_transaction_control(sql: str) -> bool:
    """Whether a statement is BEGIN, COMMIT or the like; a savepoint alone undoes nothing."""
    tree = parsed(sql)
    return isinstance(tree, ast.TransactionStmt) and tree.kind not in _SAVEPOINTS


_SAVEPOINTS = (
    TransactionStmtKind.TRANS_STMT_SAVEPOINT,
    TransactionStmtKind.TRANS_STMT_RELEASE,
)


def transaction_control(case: Case) -> Iterator[Finding]:
    """Find the first BEGIN, COMMIT or the like that a revision contains."""
    for index, text in enumerate(case.script.texts):
        if is_transaction_control(text):
            yield Finding(index, "transaction-control")
            return


def autocommit(case: Case) -> Iterator[Finding]:
    """Find an autocommit block in a revision that does something else, too."""
    own = case.script.own_blocks
    if len(own) > 1 and any(not block.transactional for block in own):
        committed = (part for block in case.script.blocks[:-1] for part in block.parts)
        own_parts = (part.sql for part in committed if part.kind is StatementKind.OWN)
        detail = RESUMED if all(map(is_resumable, own_parts)) else HALF_DONE
        yield Finding(-1, "autocommit-not-alone", detail=detail)


def missing_sql(case: Case) -> Iterator[Finding]:
    """Find a revision without SQL, and a missing downgrade."""
    if case.script.needs_python:
        is_missing = case.script.status is ScriptStatus.MISSING and not case.is_upgrade
        code = "downgrade-missing" if is_missing else "cannot-render"
        yield Finding(-1, code, detail=case.script.reason)


def downgrade(case: Case) -> Iterator[Finding]:
    """Find a downgrade that does nothing, or not enough."""
    if case.is_upgrade or not case.script.has_sql or not case.leftovers:
        return
    if case.run.error:
        return
    is_empty = not case.script.own_blocks
    yield Finding(-1, "downgrade-empty" if is_empty else "downgrade-wrong", detail=case.leftovers)


RULES = (cut_names,)
RUN_RULES = (errors, transaction_control, autocommit, missing_sql, downgrade)
