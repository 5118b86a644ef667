"""What a statement destroys only where it is there: a rehearsal has none of that.

Read from the text: IF EXISTS, a drop in a block that did not get to it, and a table that IF NOT
EXISTS may find.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pglast import ast, enums

from pybase.migrate.record import Loss, LossKind
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.sql import QualifiedName, parse_backfill
from pybase.migrate.sql.grammar import code_words, names, parsed

_WITH_ROWS = (
    enums.ObjectType.OBJECT_TABLE,
    enums.ObjectType.OBJECT_FOREIGN_TABLE,
    enums.ObjectType.OBJECT_MATVIEW,
)


def conditional(observations: Sequence[Observation]) -> Iterator[Loss]:
    """Yield the tables and columns that are lost where they are there."""
    given: set[QualifiedName] = set()
    own: set[QualifiedName] = set()
    renamed: dict[QualifiedName, QualifiedName] = {}
    for observation in observations:
        if observation.error is not None:
            return
        tree = parsed(observation.sql)
        if isinstance(tree, ast.CreateStmt | ast.CreateTableAsStmt):
            into: Any = getattr(tree, "into", None)
            relation: Any = into.rel if into else getattr(tree, "relation", None)
            is_new = relation.relpersistence == "t" or not tree.if_not_exists
            (own if is_new else given).add(_qualified(relation))
        if isinstance(tree, ast.RenameStmt) and tree.missing_ok and tree.renameType in _WITH_ROWS:
            before, after = _qualified(tree.relation), str(tree.newname)
            renamed[QualifiedName(before.schema, after)] = renamed.get(before, before)
        for table, column in _destroyed(observation, tree):
            if table in renamed:
                yield Loss(renamed[table], column, LossKind.CONDITIONAL)
            is_there = table in own or _is_there(observation, table, column)
            if table in given or not is_there:
                yield Loss(table, column, LossKind.CONDITIONAL)


def _destroyed(observation: Observation, tree: Any) -> Iterator[tuple[QualifiedName, str]]:
    """Yield the tables, and the columns, that the text of a statement drops."""
    if isinstance(tree, ast.DropStmt) and tree.removeType in _WITH_ROWS:
        yield from ((_qualified(name), "") for name in names(observation.sql))
    elif isinstance(tree, ast.AlterTableStmt):
        for command in tree.cmds or ():
            if command.subtype == enums.AlterTableType.AT_DropColumn:
                yield _qualified(tree.relation), command.name
    elif isinstance(tree, ast.DoStmt) and parse_backfill(observation.sql) is None:
        for match in _DROP.finditer(" ".join(code_words(observation.sql))):
            yield QualifiedName(match["schema"] or "public", match["name"]), ""


_DROP = re.compile(
    r"\bdrop (?:materialized view|table)(?: if exists)? "
    r'(?:"?(?P<schema>[^\s"]+)"? \. )?"?(?P<name>[^\s";\'|]+)"?(?= |$)'
)
"""Of tokens with a blank between them; what EXECUTE composes is unknown anyway."""


def _is_there(observation: Observation, table: QualifiedName, column: str) -> bool:
    """Whether the rehearsal had it; a search path may have found it in another schema."""
    state = observation.before
    oid = find_relation(state, ast.RangeVar(relname=table.name, schemaname=table.schema))
    if oid is None:
        touched = (*observation.dropped, *(item[:2] for item in observation.changed))
        return any(relation.name == table.name for _, relation in touched)
    columns = state.relations[oid].columns.values()
    return not column or any(item.name == column and not item.is_dropped for item in columns)


def _qualified(name: Any) -> QualifiedName:
    return QualifiedName(name.schemaname or "public", name.relname)
