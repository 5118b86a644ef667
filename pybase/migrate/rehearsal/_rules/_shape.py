"""Rules about how a revision is written, whether it runs, and whether its downgrade reverts it."""

import re
from collections.abc import Iterator

import psycopg
from pglast import ast

from pybase.migrate.rehearsal._hazards import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql._grammar import is_kind, names

_NAME_TOO_LONG = "42622"


def cut_names(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find names that PostgreSQL cut; the table is the one with the strongest lock."""
    relations = observation.after.relations
    for notice in observation.notices if case.is_upgrade else ():
        if notice.startswith(_NAME_TOO_LONG):
            tables = [
                (rank, relations[oid].label)
                for oid, rank in observation.locks.items()
                if oid in relations and relations[oid].is_table
            ]
            _, label = max(tables, default=(0, ""))
            quoted = re.findall('"([^"]*)"', notice)
            yield Finding(observation.index, "cut-identifier", label, quoted[-1])


def errors(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find what PostgreSQL refused, under the most specific code for it."""
    error, index = observation.error, observation.index
    if error is None:
        return
    message = error.diag.message_primary or str(error).strip()
    if isinstance(error, psycopg.errors.ActiveSqlTransaction):
        if any(map(is_transaction_control, case.rendering.statements)):
            return  # `transaction_control` reports that
        table = _table_of(case, observation.sql)
        yield Finding(index, "concurrently-in-transaction", table)
    elif isinstance(error, psycopg.errors.UnsafeNewEnumValueUsage):
        enum = re.search(r"enum type (\S+)", message)
        yield Finding(index, "uses-new-enum-value", enum[1].replace('"', "") if enum else "")
    elif isinstance(error, psycopg.errors.InvalidTransactionTermination):
        yield Finding(index, "transaction-control", "")
    elif case.is_upgrade:
        yield Finding(index, "rehearsal-failed", _table_of(case, observation.sql), message)
    else:
        yield Finding(index, "downgrade-wrong", "", message)


def _table_of(case: Case, sql: str) -> str:
    """Return the first table that a statement names, or whose index it names."""
    state = case.run.start
    oids = (find_relation(state, name) for name in names(sql))
    oid = next((oid for oid in oids if oid is not None), None)
    if oid is not None:
        return state.relations[state.table_of(oid)].label
    words = re.findall(r"\w+", sql)  # of a statement with a syntax error there is only the text
    tables = {item.name: item.label for item in state.relations.values() if item.is_table}
    return next((tables[word] for word in words if word in tables), "")


def is_transaction_control(sql: str) -> bool:
    """Whether a statement is BEGIN, COMMIT or one of their like."""
    return is_kind(sql, ast.TransactionStmt)


def transaction_control(case: Case) -> Iterator[Finding]:
    """Find the first BEGIN, COMMIT or the like that a revision contains."""
    for index, text in enumerate(case.rendering.statements):
        if is_transaction_control(text):
            yield Finding(index, "transaction-control", "")
            return


def autocommit(case: Case) -> Iterator[Finding]:
    """Find an autocommit block in a revision that does something else, too."""
    own = [block for block in case.rendering.blocks if not case.rendering.is_bookkeeping(block)]
    if len(own) > 1 and any(not block.transactional for block in own):
        yield Finding(-1, "autocommit-not-alone", "")


def rendering(case: Case) -> Iterator[Finding]:
    """Find a revision without SQL, and a missing downgrade."""
    if case.rendering.error or case.rendering.is_missing:
        is_missing = case.rendering.is_missing and not case.is_upgrade
        code = "downgrade-missing" if is_missing else "cannot-render"
        yield Finding(-1, code, "", case.rendering.error)


def downgrade(case: Case) -> Iterator[Finding]:
    """Find a downgrade that does nothing, or not enough."""
    if case.is_upgrade or case.rendering.error or case.rendering.refusal or not case.trace:
        return
    if case.run.error:
        return
    is_empty = all(map(case.rendering.is_bookkeeping, case.rendering.blocks))
    yield Finding(-1, "downgrade-empty" if is_empty else "downgrade-wrong", "", case.trace)


RULES = (cut_names, errors)
RUN_RULES = (transaction_control, autocommit, rendering, downgrade)
