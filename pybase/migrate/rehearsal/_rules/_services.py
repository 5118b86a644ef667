"""Rules about what an upgrade takes from those who name no relation of it.

Operators, publications, sequences and default privileges, as snapshots of the catalog show them.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from pglast import ast
from pglast.enums import AlterTableType

from pybase.migrate.catalog import Change, difference
from pybase.migrate.record import Finding
from pybase.migrate.rehearsal._row_sources import find_relation
from pybase.migrate.rehearsal._rules._access import mention
from pybase.migrate.rehearsal._rules._case import Case, retyped
from pybase.migrate.rehearsal._rules._objects import renamed_schemas
from pybase.migrate.sql import QualifiedName
from pybase.migrate.sql.grammar import nodes, parsed, trees
from pybase.migrate.sql.names import parts, quote

_USED = re.compile(
    r"(operator(?: class)?|cast|collation|conversion|language|server|access method"
    r"|text search (?:configuration|dictionary|parser)) (?P<name>.+)"
)
"""Kinds that queries name, or use unnamed, and that no other rule looks at."""


def dropped_objects(case: Case) -> Iterator[Finding]:
    """Find objects of those kinds that the end does not have under the old name."""
    changes = {change.identity: change for change in _changes(case)}
    renamed = _renamed_types(case)
    for change in changes.values():
        match = _USED.fullmatch(change.identity)
        is_moved = any(f" {quote(schema)}." in change.identity for schema in renamed_schemas(case))
        is_moved = is_moved or renamed(change.identity) in changes.keys() - {change.identity}
        if match and change.after is None and not is_moved:
            index, name = _mention(case, match["name"]), QualifiedName("", change.identity)
            yield Finding(index, "drops-object", name)
    for item in case.observations if case.is_upgrade else ():
        tree = parsed(item.sql)
        if isinstance(tree, ast.DropUserMappingStmt) and not item.error:
            name = QualifiedName("", f"user mapping of server {tree.servername}")
            yield Finding(item.index, "drops-object", name)


def _renamed_types(case: Case) -> Callable[[str], str]:
    """Return what gives an identity the names that its types have at the end."""
    pairs = ((item, case.run.end.types.get(oid)) for oid, item in case.known.types.items())
    names = {old.quoted: new.quoted for old, new in pairs if new and new.quoted != old.quoted}
    old_name = re.compile("|".join(rf"(?<![\w.\"]){re.escape(name)}(?![\w\"])" for name in names))
    return lambda text: old_name.sub(lambda match: names[match[0]], text) if names else text


def publications(case: Case) -> Iterator[Finding]:
    """Find what subscribers no longer get of tables that remain."""
    gone = {change.identity for change in _changes(case) if change.after is None}
    for change in _changes(case):
        match = _PUBLICATION.fullmatch(change.identity)
        if match is None or f"table {match['item']}" in gone:
            continue
        name, item = parts(match["name"])[0], match["item"]
        if match["part"] and f"publication {match['name']}" in gone:
            continue  # it is part of that
        if lost := _unpublished(change, item):
            index = _mention(case, item or match["name"])
            yield Finding(index, "narrows-publication", QualifiedName("", name), lost)


_PUBLICATION = re.compile(
    r'publication(?P<part> table| schema)? (?P<name>"(?:[^"]|"")+"|[^". ]+)(?:\.(?P<item>.+))?'
)


def _unpublished(change: Change, item: str | None) -> str:
    """Return what a publication leaves out that it had before."""
    before, after = change.before or "", change.after
    if not before or (after is not None and item and before.startswith(after)):
        return ""  # it is new, or has lost its conditions
    if item:
        return item if after is None else f"all of {item}"
    if after is None:
        return "any table"
    (had, left_out), (has, leaves_out) = map(_published, (before, after))
    return ", ".join(sorted((had - has) | (leaves_out - left_out)))


def _published(definition: str) -> tuple[set[str], set[str]]:
    """Return what a publication publishes, and the tables that it leaves out."""
    excepted = _EXCEPTED.search(definition)
    rest = _EXCEPTED.sub("", definition)
    names = set(_NAMES.findall(excepted[1])) if excepted else set()
    return set(_PUBLISHED.findall(rest)), names


_EXCEPTED = re.compile(r" EXCEPT \(TABLE (.+)\)(?=, ALL SEQUENCES| WITH \()")
_NAMES = re.compile(r'(?:"(?:[^"]|"")+"|[^", ])+')
_PUBLISHED = re.compile(r"\b(?:insert|update|delete|truncate|ALL TABLES|ALL SEQUENCES)\b")


def sequences(case: Case) -> Iterator[Finding]:
    """Find sequences that end earlier; not where the type of their column is another."""
    for change in _changes(case):
        kind, _, name = change.identity.partition(" ")
        if kind == "sequence" and change.before and change.after:
            old, new = (_SEQUENCE.search(text) for text in (change.before, change.after))
            is_retyped = any(map(retyped, case.observations))
            detail = _narrowed(old, new) if old and new and not is_retyped else ""
            if detail:
                schema, sequence = parts(name)
                place = QualifiedName(schema, sequence)
                yield Finding(_mention(case, name), "narrows-sequence", place, detail)


_SEQUENCE = re.compile(
    r"INCREMENT BY (?P<step>-?\d+) MINVALUE (?P<low>-?\d+) MAXVALUE (?P<high>-?\d+)"
)


def _narrowed(old: re.Match[str], new: re.Match[str]) -> str:
    """Return what takes values from a sequence."""
    if int(new["step"]) > 0 and int(new["high"]) < int(old["high"]):
        return f"MAXVALUE {new['high']}"
    if int(new["step"]) < 0 and int(new["low"]) > int(old["low"]):
        return f"MINVALUE {new['low']}"
    return ""


def restarted(case: Case) -> Iterator[Finding]:
    """Find a RESTART of a sequence, whose position no catalog has."""
    for item in case.observations if case.is_upgrade else ():
        for tree in () if item.error else trees(item.sql):
            for name, word in _restarted(tree):
                oid = find_relation(item.before, name)
                if oid is not None and case.is_known(oid):
                    yield case.finding(item, "narrows-sequence", oid, word)


def _restarted(tree: Any) -> Iterator[tuple[Any, str]]:
    """Yield what a statement names whose sequence it puts to a fixed place, and by which word."""
    match tree:
        case ast.AlterSeqStmt():
            commands = [(tree.sequence, tree.options)]
        case ast.AlterTableStmt():
            of_identity = AlterTableType.AT_SetIdentity
            cmds = [command for command in tree.cmds or () if command.subtype == of_identity]
            commands = [(tree.relation, command.def_) for command in cmds]
        case _:
            commands = []
    for name, options in commands:
        if any(option.defname == "restart" for option in options or ()):
            yield name, "RESTART"
    for call in nodes(tree, ast.FuncCall) if isinstance(tree, ast.SelectStmt) else ():
        values = [getattr(argument, "val", None) for argument in call.args or ()]
        is_setval = call.funcname[-1].sval == "setval" and len(values) > 1  # no other's of the name
        if is_setval and isinstance(values[0], ast.String) and isinstance(values[1], ast.Integer):
            *schema, sequence = parts(str(values[0].sval))
            yield ast.RangeVar(schemaname=schema[0] if schema else None, relname=sequence), "setval"


def default_privileges(case: Case) -> Iterator[Finding]:
    """Find privileges that objects to come will not have."""
    for change in _changes(case):
        if change.identity.startswith("default privileges "):
            before, after = (_clauses(text) for text in (change.before, change.after))
            lost = {(name, role) for verb, name, role in before - after if verb == "GRANT"}
            lost |= {(name, role) for verb, name, role in after - before if verb == "REVOKE"}
            if lost:
                detail = ", ".join(f"REVOKE {name} FROM {role}" for name, role in sorted(lost))
                yield Finding(-1, "narrows-access", QualifiedName("", change.identity), detail)


def _clauses(definition: str | None) -> set[tuple[str, str, str]]:
    """Return the verb, privilege and role of each part of the definition of default privileges."""
    return {
        (match["verb"], name, match["role"])
        for match in _CLAUSE.finditer(definition or "")
        for name in match["names"].split(", ")
    }


_CLAUSE = re.compile(
    r"\b(?P<verb>GRANT|REVOKE) (?P<names>[A-Z, ]+) ON [A-Z ]+ (?:TO|FROM) "
    r"(?P<role>.+?)(?: WITH GRANT OPTION)?(?=;\n|$)"
)


def _changes(case: Case) -> list[Change]:
    return difference(*case.snapshots) if case.is_upgrade and case.snapshots else []


def _mention(case: Case, name: str) -> int:
    """Return the last statement that names an object, or -1."""
    return mention(case, *parts(name.partition("(")[0])[-1:])


RUN_RULES = (dropped_objects, publications, sequences, restarted, default_privileges)
