"""Rules about what a rehearsal cannot show, found in the text of statements.

Code that does something else on another database, and switches that let later writes be lost or
unchecked.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pglast import ast, enums

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql.grammar import WRITES, code_words, is_kind, nodes, parsed, statements, trees

_EXECUTED = (*WRITES, ast.SelectStmt, ast.DoStmt, ast.CallStmt, ast.CreateTableAsStmt)
"""Statements that use values now; a default, a policy or a function may ask where it is."""

_NAMES = frozenset(
    {
        *("current_user", "session_user", "current_role", "current_catalog"),
        *("reltuples", "n_live_tup", "pg_database", "pg_stat_database", "pg_settings"),
    }
)
_FUNCTIONS = frozenset(
    {
        *("current_database", "current_setting", "version", "pg_is_in_recovery"),
        *("inet_server_addr", "inet_server_port", "inet_client_addr", "inet_client_port"),
        *("pg_relation_size", "pg_table_size", "pg_total_relation_size", "pg_database_size"),
    }
)
_NOT_A_CALL = frozenset({"into", "table", "exists", "references", "on"})
"""Words before the name of a table, whose columns follow in brackets."""

_BRANCHES = frozenset({"if", "elsif", "case", "while"})


def depends_on_database(case: Case) -> Iterator[Finding]:
    """Find code that asks for its database, server or role, or branches by numbers of rows."""
    asking: set[str] = set()
    places: dict[int, list[str]] = {}
    for index, text in enumerate(case.script.texts):
        if text in case.script.bookkeeping:
            continue
        words = code_words(text)
        if is_kind(text, ast.CreateFunctionStmt):
            asking |= _function_that_asks(text)
        elif is_kind(text, *_EXECUTED):
            places[index] = [*_asked(words), *_called(words, asking), *_counted(text, words)]
    details = dict.fromkeys(word for asked in places.values() for word in asked)
    if details:
        first = next(index for index, asked in places.items() if asked)
        yield Finding(first, "depends-on-database", detail=", ".join(details))


def _asked(words: Sequence[str]) -> Iterator[str]:
    yield from (word for word in words if word in _NAMES)
    yield from _called(words, _FUNCTIONS)


def _called(words: Sequence[str], functions: Collection[str]) -> Iterator[str]:
    before = ("", *words)
    for place, word in enumerate(words[:-1]):
        if word in functions and words[place + 1] == "(" and before[place] not in _NOT_A_CALL:
            yield f"{word}()"


def _function_that_asks(text: str) -> set[str]:
    """Return the name of the function that a statement creates, if its code asks."""
    tree = parsed(text)
    name = tree.funcname[-1].sval
    bodies = [option.arg for option in tree.options or () if option.defname == "as"]
    asks = any(list(_asked(code_words(f"DO $_${part.sval}$_$"))) for arg in bodies for part in arg)
    return {name} if asks else set()


def _counted(text: str, words: Sequence[str]) -> Iterator[str]:
    """Find a branch by a number of rows, or a condition on that of a complete table."""
    line = f" {' '.join(words)} "
    tables = (match["table"] for match in _COUNT.finditer(line))
    # what a batch has changed is counted from a common table expression
    is_counted = any(f" {table} as ( " not in line for table in tables)
    is_branch = is_kind(text, ast.DoStmt) and is_counted and _BRANCHES & {*words}
    if is_branch or _TOTAL.search(line):
        yield "count()"


_COUNT = re.compile(r" count \( .*? from (?P<table>\S+)", re.DOTALL)
_TOTAL = re.compile(r" \( select count \( [^()]* \) from \S+ (?:\. \S+ )?\) ")
"""Of tokens with a blank between them: a number of rows, and that of all rows of a table."""


def disabled_triggers(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find triggers disabled where the rehearsal has none, or for as long as a block runs."""
    line = f" {' '.join(code_words(observation.sql))} "
    is_switched = "session_replication_role" in line and "replica" in line.replace("_repl", "")
    is_disabled = " disable trigger " in line and not observation.error
    texts = filter(_DISABLES.search, statements(observation.sql))
    trees = [tree for tree in map(parsed, texts) if isinstance(tree, ast.AlterTableStmt)]
    if is_switched or (is_disabled and not trees):
        yield Finding(observation.index, "disables-triggers")
    for tree in trees if is_disabled else ():
        oid = find_relation(observation.before, tree.relation)
        if oid is not None and case.is_known(oid):
            yield case.finding(observation, "disables-triggers", oid)


_DISABLES = re.compile(r"\bdisable\s+trigger\b", re.IGNORECASE)


def discarded_writes(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find rules that do nothing instead of a write, or of a table something else."""
    relations = observation.after.relations
    rules = [tree for tree in trees(observation.sql) if _is_rule(tree)]
    for tree in rules:
        oid = find_relation(observation.after, tree.relation)
        is_other = oid is not None and relations[oid].is_table
        if tree.instead and (is_other or not tree.actions):
            name = None if oid is None else relations[oid].qualified_name
            yield Finding(observation.index, "discards-writes", name)
    if not rules and " do instead nothing " in f" {' '.join(code_words(observation.sql))} ":
        yield Finding(observation.index, "discards-writes")


def _is_rule(tree: object) -> bool:
    return isinstance(tree, ast.RuleStmt)


def lasting_settings(case: Case) -> Iterator[Finding]:
    """Find settings that decide what statements mean, and that outlast the revision in Alembic."""
    places: dict[str, int] = {}
    texts = enumerate(case.script.texts if case.run.error is None else ())
    steps = [(index, tree) for index, text in texts for tree in trees(text)]
    for index, tree in steps:
        for name in filter(_MEANINGFUL.__contains__, _set_by_function(tree)):
            places[name] = index
        if not isinstance(tree, ast.VariableSetStmt) or tree.is_local:
            continue
        name = (tree.name or "").lower()
        if tree.kind == enums.VariableSetKind.VAR_RESET_ALL:
            places.clear()
        elif tree.kind == enums.VariableSetKind.VAR_SET_VALUE and name in _MEANINGFUL:
            places[name] = index
        else:
            places.pop(name, None)
    for name, index in places.items():
        yield Finding(index, "sets-session", detail=name)


def _set_by_function(tree: Any) -> Iterator[str]:
    """Yield the settings that a SELECT of set_config() changes for the session."""
    for call in nodes(tree, ast.FuncCall) if isinstance(tree, ast.SelectStmt) else ():
        is_call = call.funcname[-1].sval == "set_config" and len(call.args or ()) == 3
        values = [getattr(argument, "val", None) for argument in call.args or ()] if is_call else []
        if is_call and isinstance(values[0], ast.String) and isinstance(values[2], ast.Boolean):
            if not values[2].boolval:
                yield str(values[0].sval).lower()


_MEANINGFUL = frozenset(
    {"search_path", "role", "session_authorization", "timezone", "datestyle", "intervalstyle"}
)

RULES = (disabled_triggers, discarded_writes)
RUN_RULES = (depends_on_database, lasting_settings)
