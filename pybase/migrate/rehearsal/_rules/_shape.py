"""How a revision is written, whether it runs at all, and whether its way back leads back."""

import re
from collections.abc import Iterator

import psycopg
from pglast import ast

from pybase.migrate.record import Finding, ScriptStatus
from pybase.migrate.rehearsal._observer import Observation
from pybase.migrate.rehearsal._row_sources import find
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql._names import QualifiedName
from pybase.migrate.sql.grammar._parse import is_kind, names

_NAME_TOO_LONG = "42622"


def cut_names(case: Case, seen: Observation) -> Iterator[Finding]:
    """Find names that PostgreSQL said it cut; the table is the one that it locked the most."""
    for notice in seen.notices if case.is_upgrade else ():
        if notice.startswith(_NAME_TOO_LONG):
            tables = [
                (rank, seen.after.relations[oid].qualified_name)
                for oid, rank in seen.locks.items()
                if oid in seen.after.relations and seen.after.relations[oid].is_table
            ]
            quoted = re.findall('"([^"]*)"', notice)
            yield Finding(
                seen.index, "cut-identifier", max(tables)[1] if tables else None, quoted[-1]
            )


def refusals(case: Case, seen: Observation) -> Iterator[Finding]:
    """Tell what PostgreSQL refused, under the most special code for it."""
    error = seen.error
    if error is None:
        return
    said = error.diag.message_primary or str(error).strip()
    if isinstance(error, psycopg.errors.ActiveSqlTransaction):
        if any(map(is_transaction_control, case.script.texts)):
            return  # it left the transaction by hand, and is told of that
        yield Finding(seen.index, "concurrently-in-transaction", _table_of(case, seen.sql))
    elif isinstance(error, psycopg.errors.UnsafeNewEnumValueUsage):
        enum = re.search(r"enum type (\S+)", said)
        yield Finding(seen.index, "uses-new-enum-value", _type_name(enum[1]) if enum else None)
    elif isinstance(error, psycopg.errors.InvalidTransactionTermination):
        yield Finding(seen.index, "transaction-control")
    elif case.is_upgrade:
        yield Finding(seen.index, "rehearsal-failed", _table_of(case, seen.sql), said)
    else:
        yield Finding(seen.index, "downgrade-wrong", detail=said)


def _type_name(printed: str) -> QualifiedName:
    """Return the name of an enum type as an error message prints it."""
    schema, _, name = printed.replace('"', "").rpartition(".")
    return QualifiedName(schema, name)


def _table_of(case: Case, sql: str) -> QualifiedName | None:
    """Return the first table that a statement names, or whose index it names."""
    state = case.run.start
    found = (find(state, name) for name in names(sql))
    oid = next((oid for oid in found if oid is not None), None)
    if oid is not None:
        return state.relations[state.table_of(oid)].qualified_name
    words = re.findall(r"\w+", sql)  # of a statement with a syntax error there is only the text
    tables = {each.name: each.qualified_name for each in state.relations.values() if each.is_table}
    return next((tables[word] for word in words if word in tables), None)


def is_transaction_control(sql: str) -> bool:
    """Whether a statement is BEGIN, COMMIT or one of their like."""
    return is_kind(sql, ast.TransactionStmt)


def transaction_control(case: Case) -> Iterator[Finding]:
    """BEGIN, COMMIT and their like, written by hand."""
    for index, text in enumerate(case.script.texts):
        if is_transaction_control(text):
            yield Finding(index, "transaction-control")
            return


def autocommit(case: Case) -> Iterator[Finding]:
    """Return an autocommit block beside anything else but the version."""
    own = case.script.own_blocks
    if len(own) > 1 and any(not block.transactional for block in own):
        yield Finding(-1, "autocommit-not-alone")


def rendering(case: Case) -> Iterator[Finding]:
    """Return a revision without SQL, and a way back that is missing."""
    if case.script.status is ScriptStatus.MISSING:
        yield Finding(
            -1,
            "downgrade-missing" if not case.is_upgrade else "cannot-render",
            detail=case.script.reason,
        )
    elif case.script.status is ScriptStatus.PYTHON:
        yield Finding(-1, "cannot-render", detail=case.script.reason)


def way_back(case: Case) -> Iterator[Finding]:
    """Return a downgrade that does nothing, or not enough."""
    if case.is_upgrade or not case.script.has_sql or not case.trace:
        return
    if case.run.error:
        return
    is_empty = not case.script.own_blocks
    yield Finding(-1, "downgrade-empty" if is_empty else "downgrade-wrong", detail=case.trace)


RULES = (cut_names, refusals)
RUN_RULES = (transaction_control, autocommit, rendering, way_back)
