"""Rules about what a rehearsal cannot show, found in the text of statements.

Code that does something else on another database, and switches that let later writes be lost or
unchecked.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from pglast import ast, enums

from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._observation import Observation
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._case import Case
from pybase.migrate.sql.grammar import WRITES, code_words, is_kind, parsed

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
    words = code_words(observation.sql)
    line = f" {' '.join(words)} "
    is_switched = "session_replication_role" in line and "replica" in line.replace("_repl", "")
    if " disable trigger " in line or is_switched:
        tree = parsed(observation.sql)
        oid = find_relation(observation.before, tree.relation) if _is_table(tree) else None
        if oid is None and not _is_table(tree):
            yield Finding(observation.index, "disables-triggers")
        elif oid is not None and case.is_known(oid):
            yield case.finding(observation, "disables-triggers", oid)


def _is_table(tree: object) -> bool:
    return isinstance(tree, ast.AlterTableStmt)


def discarded_writes(case: Case, observation: Observation) -> Iterator[Finding]:
    """Find rules that do nothing instead of a write, or of a table something else."""
    tree, relations = parsed(observation.sql), observation.after.relations
    is_rule = isinstance(tree, ast.RuleStmt)
    oid = find_relation(observation.after, tree.relation) if is_rule else None
    is_other = is_rule and tree.instead and oid is not None and relations[oid].is_table
    if is_other or " do instead nothing " in f" {' '.join(code_words(observation.sql))} ":
        name = None if oid is None else relations[oid].qualified_name
        yield Finding(observation.index, "discards-writes", name)


def lasting_settings(case: Case) -> Iterator[Finding]:
    """Find settings that decide what statements mean, and that outlast the revision in Alembic."""
    places: dict[str, int] = {}
    for index, text in enumerate(case.script.texts):
        tree = parsed(text)
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


_MEANINGFUL = frozenset(
    {"search_path", "role", "session_authorization", "timezone", "datestyle", "intervalstyle"}
)

RULES = (disabled_triggers, discarded_writes)
RUN_RULES = (depends_on_database, lasting_settings)
