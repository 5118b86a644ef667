"""What a statement destroys only where it is there: a rehearsal has none of that.

Read from the text: IF EXISTS, a drop in a block that did not get to it, and a table that IF NOT
EXISTS may find. What a block composes is unknown.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pglast import ast, enums

from pybase.migrate.catalog import State
from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.sql import QualifiedName, parse_backfill
from pybase.migrate.sql.grammar import code_words, dropped_names, is_kind, statements, trees
from pybase.migrate.sql.names import parts

_WITH_ROWS = (
    enums.ObjectType.OBJECT_TABLE,
    enums.ObjectType.OBJECT_FOREIGN_TABLE,
    enums.ObjectType.OBJECT_MATVIEW,
)


def conditional(observations: Sequence[Observation]) -> Iterator[Loss]:
    """Yield the tables and columns that are lost where they are there."""
    tables = _Tables()
    for observation in observations:
        if observation.error is not None:
            return
        is_block = is_kind(observation.sql, ast.DoStmt)
        position = _position_of_backfill(observation)
        for tree in trees(observation.sql):
            tables.note(tree, observation.before, is_block)
            for table, column in _destroyed(tree, observation.before):
                if table == position:
                    continue
                if table in tables.renamed:
                    yield Loss(tables.renamed[table], column, LossKind.CONDITIONAL)
                is_there = table in tables.own or _is_there(observation, table, column)
                if table in tables.given or not is_there:
                    yield Loss(table, column, LossKind.CONDITIONAL)
        if is_block and _composes_a_drop(observation.sql):
            yield Loss(QualifiedName("", ""), kind=LossKind.UNKNOWN)


def _position_of_backfill(observation: Observation) -> QualifiedName | None:
    """Return the table that a backfill makes for its position, and drops at its end."""
    loop = parse_backfill(observation.sql)
    if loop is None:
        return None
    *schema, name = parts(loop[1])
    return _qualified(ast.RangeVar(relname=name, schemaname=(*schema, None)[0]), observation.before)


class _Tables:
    """The tables that a revision has created, may have found in their place, or has renamed."""

    def __init__(self) -> None:
        self.own: set[QualifiedName] = set()
        self.given: set[QualifiedName] = set()
        self.renamed: dict[QualifiedName, QualifiedName] = {}

    def note(self, tree: Any, state: State, is_block: bool) -> None:
        """Go past a statement, which a block need not run."""
        if isinstance(tree, ast.CreateStmt | ast.CreateTableAsStmt):
            into: Any = getattr(tree, "into", None)
            relation: Any = into.rel if into else getattr(tree, "relation", None)
            is_certain = not (is_block or tree.if_not_exists)
            is_new = relation.relpersistence == "t" or is_certain
            (self.own if is_new else self.given).add(_qualified(relation, state))
        if isinstance(tree, ast.RenameStmt) and tree.renameType in _WITH_ROWS:
            if tree.missing_ok or is_block:
                before, after = _qualified(tree.relation, state), str(tree.newname)
                origin = self.renamed.get(before, before)
                self.renamed[QualifiedName(before.schema, after)] = origin


def _destroyed(tree: Any, state: State) -> Iterator[tuple[QualifiedName, str]]:
    """Yield the tables, and the columns, that a statement drops."""
    if isinstance(tree, ast.DropStmt) and tree.removeType in _WITH_ROWS:
        yield from ((_qualified(name, state), "") for name in dropped_names(tree))
    elif isinstance(tree, ast.AlterTableStmt):
        for command in tree.cmds or ():
            if command.subtype == enums.AlterTableType.AT_DropColumn:
                yield _qualified(tree.relation, state), command.name


def _composes_a_drop(sql: str) -> bool:
    """Whether a block runs a text that is known only then, and destroys something."""
    is_composed = any(text.lower().startswith("execute ") for text in statements(sql))
    return is_composed and _DROP.search(" ".join(code_words(sql))) is not None


_DROP = re.compile(r"\b(drop (materialized view|table|column|schema)|truncate)\b")


def _is_there(observation: Observation, table: QualifiedName, column: str) -> bool:
    """Whether the rehearsal had it; a search path may have found it in another schema."""
    state = observation.before
    oid = find_relation(state, ast.RangeVar(relname=table.name, schemaname=table.schema))
    if oid is None:
        touched = (*observation.dropped, *(item[:2] for item in observation.changed))
        return any(relation.name == table.name for _, relation in touched)
    columns = state.relations[oid].columns.values()
    return not column or any(item.name == column and not item.is_dropped for item in columns)


def _qualified(name: Any, state: State) -> QualifiedName:
    """Return the name of a relation, where it is or would be."""
    oid = find_relation(state, name)
    schema = name.schemaname or next(iter(state.search_path), "public")
    return (
        QualifiedName(schema, name.relname) if oid is None else state.relations[oid].qualified_name
    )
