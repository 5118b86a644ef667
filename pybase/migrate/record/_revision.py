"""A revision file, and all that is known of it."""

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from msgspec import Struct

from pybase.migrate.record._acceptance import reason_for
from pybase.migrate.record._effects import Effects, RevisionReport
from pybase.migrate.record._finding import Finding
from pybase.migrate.record._script import Direction, Directions, Script
from pybase.migrate.record._version_table import VersionTable


class Revision(Struct, frozen=True):
    """A revision file, as Alembic reads it.

    `parents` are what it follows and what it depends on, as Alembic normalizes them; `path` is
    relative to the project's root where it is inside. `description` are the paragraphs below the
    title, `accepted` the accepted hazards with their reasons, `queries` find violating rows.
    """

    id: str
    parents: tuple[str, ...]
    title: str
    path: str
    description: str = ""
    created: str = ""
    accepted: Mapping[str, str] = {}
    queries: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """Name of the file without its suffix."""
        return Path(self.path).stem

    def contradiction(self, source: bytes) -> str:
        """Return in which of its attributes the revision's file differs; an empty text for none.

        Only what the file assigns as a literal can differ: its code is not run.
        """
        try:
            declared = _literals(source)
        except (SyntaxError, ValueError):
            return "code"
        below = declared.get("down_revision", self.parents)
        below = (below,) if isinstance(below, str) else tuple(below or ())
        parents = self.parents[: len(below)] if declared.get("depends_on") else self.parents
        accepted = declared.get("accepted_hazards", {})
        attributes = {
            "id": (self.id, declared.get("revision", self.id)),
            "parents": (parents, below),
            "acceptances": (self.accepted, accepted),
        }
        return next((name for name, (one, other) in attributes.items() if one != other), "")


def _literals(source: bytes) -> dict[str, Any]:
    """Return what a module assigns to its names, where that is a literal."""
    literals: dict[str, Any] = {}
    for node in _module(source).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [target.id for target in targets if isinstance(target, ast.Name)]
            try:
                literals |= dict.fromkeys(names, ast.literal_eval(node.value))
            except (ValueError, TypeError):  # computed
                literals = {name: literals[name] for name in literals.keys() - set(names)}
    return literals


def _module(source: bytes) -> ast.Module:
    """Parse a module; without its functions, which take ten times as long, where that is safe."""
    rest = _FUNCTION.sub(b"", source)
    is_plain = rest.count(b'"""') == 2 and b"'''" not in rest and b"\\\n" not in source
    with _PARSER:
        try:
            return ast.parse(rest if is_plain else source)
        except SyntaxError:  # lines of a function that are not indented
            return ast.parse(source)


_PARSER = Lock()
"""CPython 3.11 counts the depth of all parsers of a process in one place: two threads that parse at
once may end in SystemError (AST constructor recursion depth mismatch)."""


_FUNCTION = re.compile(rb"^(?:def|class) [^\n\"']*\n(?:[ \t][^\n]*\n|\n)*", re.MULTILINE)


class Record(Struct, frozen=True):
    """All that is known of one revision: its file, its SQL, and what that was observed to do."""

    revision: Revision
    version_table: VersionTable
    scripts: Directions[Script]
    report: RevisionReport

    def effects(self, direction: Direction) -> Effects:
        """Return what one direction was observed to do."""
        return self.report.effects[direction]

    def reason_for(self, finding: Finding, direction: Direction) -> str | None:
        """Return the reason for which the revision accepts a finding of a direction, or None."""
        findings = self.effects(direction).findings
        return reason_for(self.revision.accepted, finding, direction, findings)
