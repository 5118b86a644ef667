"""Losses: the data that one direction may destroy, and which names and objects it changes.

Observed by object id between its start and its end; of statements that change rows, read from
their text, because the sample rows may not match.
"""

import re
from collections.abc import Collection, Iterator

from pglast import ast

from pybase.migrate.record import Loss, LossKind, TableColumn
from pybase.migrate.rehearsal._losses._attributes import lost_attributes
from pybase.migrate.rehearsal._losses._cascade import cascade
from pybase.migrate.rehearsal._losses._conditional import conditional
from pybase.migrate.rehearsal._losses._emptied import emptied
from pybase.migrate.rehearsal._losses._names import created, dropped, lost, renames
from pybase.migrate.rehearsal._losses._rows import changed_rows
from pybase.migrate.rehearsal._losses._types import converted
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._rules import Case
from pybase.migrate.sql import QualifiedName, parse_backfill
from pybase.migrate.sql.grammar import MOVES_PARTITIONS, is_kind, newer_form, nodes, parsed

__all__ = ["cascade", "created", "find_losses", "renames"]


def find_losses(case: Case) -> tuple[Loss, ...]:
    """Return the data that a direction may destroy, by the names at its start."""
    start, end = case.run.start, case.run.end
    gone = [*dropped(start, end)]
    kept = {*_moved_partitions(case)}
    losses = {Loss(item.table, item.column) for item in lost(start, end) if item.table not in kept}
    losses |= {loss for loss in lost_attributes(start, end) if not _is_gone(loss, gone)}
    for observation in case.observations:
        found = {*_chosen(case, observation)}
        if observation.error is None:
            is_first = observation is case.observations[0]
            found |= {*emptied(start, observation), *converted(start, observation)}
            found |= {*changed_rows(start, observation, is_first)}
        losses |= {loss for loss in found if not _is_gone(loss, gone)}
    losses |= {loss for loss in conditional(case.observations) if not _is_gone(loss, gone)}
    return tuple(sorted(losses))


def _moved_partitions(case: Case) -> Iterator[QualifiedName]:
    """Yield the partitions that were merged or split: their rows are in others."""
    for observation in case.observations:
        if newer_form(observation.sql) in MOVES_PARTITIONS:
            yield from (partition.qualified_name for _, partition in observation.dropped)


def _is_gone(loss: Loss, gone: Collection[TableColumn]) -> bool:
    """Whether it is lost with its table or column anyway."""
    return bool({loss.place, TableColumn(loss.table)} & {*gone})


def _calls_own(observation: Observation) -> bool:
    """Whether a query calls a function that a revision has created: its body may do anything."""
    own = {function.name for function in observation.before.functions.values()}
    return is_kind(observation.sql, ast.SelectStmt) and any(
        call.funcname[-1].sval in own for call in nodes(parsed(observation.sql), ast.FuncCall)
    )


def _chosen(case: Case, observation: Observation) -> Iterator[Loss]:
    """Yield the unknown: what a role owns, and what a downgrade composes or does after an error."""
    sql = observation.sql
    is_dynamic = is_kind(sql, ast.DoStmt) and re.search(r"\bexecute\b", sql, re.IGNORECASE)
    is_composed = is_dynamic or is_kind(sql, ast.CallStmt) or _calls_own(observation)
    is_hidden = not case.is_upgrade and is_composed and parse_backfill(sql) is None
    is_unseen = not case.is_upgrade and observation.error is not None
    if is_hidden or is_unseen or is_kind(sql, ast.DropOwnedStmt):
        yield Loss(QualifiedName("", ""), kind=LossKind.UNKNOWN)
