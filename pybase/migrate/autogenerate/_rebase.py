"""Rebase: revisions that only this branch has go after those of the main branch.

Only `down_revision` and its line in the docstring change, and nothing where the new order fails on
a server.
"""

import ast
import re
from collections.abc import Mapping
from pathlib import Path

from alembic.script import Script
from msgspec import Struct

from pybase.core.checkout import Writer, writing
from pybase.core.errors import CheckFailedError, UsageError
from pybase.core.settings import Settings
from pybase.migrate import sqlfiles
from pybase.migrate.autogenerate._own import own_revisions, require_not_applied
from pybase.migrate.autogenerate._terminable import terminable
from pybase.migrate.revisions import History, parents, read
from pybase.migrate.sqlfiles import Built


class Move(Struct, frozen=True):
    """A revision that gets another parent."""

    script: Script
    parent: str
    """The id of the new parent."""


class Rebased(Struct, frozen=True):
    """The moves, and the files of `sql/` that changed."""

    moves: tuple[Move, ...]
    sql: tuple[str, ...]


def rebase(settings: Settings) -> Rebased | None:
    """Put the revisions of this branch after those of the main branch; None without two heads.

    Raises UsageError where git cannot distinguish them, CheckFailedError where the main branch
    has two heads itself, where a revision to move is applied already, or where it fails in its new
    place; nothing is changed then.
    """
    with terminable(), writing(settings) as writer:
        history = read(settings)
        if len(history.heads) < 2 or history.branches:
            return None
        moves = _moves(history, _ours(history))
        scripts = [move.script for move in moves]
        require_not_applied(history, scripts, "before what is to come first")
        return _move(writer, history, moves)


def _ours(history: History) -> dict[str, Script]:
    """Return the revisions that the main branch does not have."""
    ours = own_revisions(
        history, "Or put one after the other by its down_revision, and run `nox -s sql`."
    )
    if not ours:
        raise CheckFailedError(
            "All revisions are on the main branch already, and those are not moved.",
            'Join the heads: alembic merge heads -m "join ...", then nox -s sql',
            code="all-merged",
        )
    return ours


def _moves(history: History, ours: Mapping[str, Script]) -> list[Move]:
    """Return each chain of ours with its new parent: the main branch, or the chain before."""
    theirs = [script for script in history.revisions if script.revision not in ours]
    followed = {parent for script in theirs for parent in parents(script)}
    heads = sorted({script.revision for script in theirs} - followed)
    if len(heads) != 1:
        raise CheckFailedError(
            f"The main branch has {len(heads)} heads: {', '.join(heads) or 'none'}.",
            "Join them there first.",
            code="main-two-heads",
        )
    end, moves = heads[0], []
    for script in _roots(history, ours):
        if parents(script) != (end,):
            moves.append(Move(script, end))
        end = _last(script, ours)
    return moves


def _roots(history: History, ours: Mapping[str, Script]) -> list[Script]:
    """Return the first revisions of our chains. Raises CheckFailedError for a merge among them."""
    roots = []
    for script in history.revisions:
        if script.revision not in ours:
            continue
        if script.is_merge_point:
            raise CheckFailedError(
                f"{Path(script.path).name} joins two heads, and cannot be moved.",
                "Delete it, and run the same command again.",
                code="merge-revision",
            )
        if not set(parents(script)) & set(ours):
            roots.append(script)
    attached = [script for script in roots if parents(script)]
    return sorted(attached or roots, key=lambda script: Path(script.path).name)


def _last(script: Script, ours: Mapping[str, Script]) -> str:
    """Return the end of the chain that begins with a revision."""
    while following := sorted(script.nextrev & set(ours)):
        if len(following) > 1:
            raise CheckFailedError(
                f"Two of your revisions follow {script.revision}: {', '.join(following)}.",
                "Put one after the other by its down_revision first.",
                code="own-two-heads",
            )
        script = ours[following[0]]
    return script.revision


def _move(writer: Writer, history: History, moves: list[Move]) -> Rebased:
    """Write the new parents and the SQL."""
    settings = history.settings
    paths = [Path(move.script.path) for move in moves]
    writer.write(
        {
            path: _with_parent(path.read_text("utf-8"), move.parent)
            for path, move in zip(paths, moves, strict=True)
        }
    )
    built = sqlfiles.build(read(settings))
    _require_sound(built, {move.script.revision for move in moves})
    sql = sqlfiles.replaced(settings, sqlfiles.files(settings, built))
    writer.write(sql.contents)
    return Rebased(tuple(moves), tuple(change.path for change in sql.changes))


_REFUSED = frozenset({"rehearsal-failed", "cannot-render", "downgrade-wrong"})


def _require_sound(built: Built, moved: set[str]) -> None:
    """Refuse an order that a server refuses, from the first revision that moves on."""
    is_after = False
    for record in built.records:
        is_after = is_after or record.revision.id in moved
        findings = (f for _, effects in record.report.effects for f in effects.findings)
        for finding in findings if is_after else ():
            if finding.code in _REFUSED:
                raise CheckFailedError(
                    f"In its new place, {Path(record.revision.path).name} does not work: "
                    f"{finding.message}",
                    "Nothing was changed. Fix that revision, and run the same command again.",
                    code="order-fails",
                )


_REVISES = re.compile(r"^(Revises:)[ \t]*.*$", re.MULTILINE)


def _with_parent(text: str, parent: str) -> str:
    """Return the text of a revision file with another parent, in its code and its docstring.

    Raises UsageError where `down_revision` is not written as a plain value.
    """
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if "down_revision" in names and isinstance(value, ast.Constant | ast.Tuple):
            lines = text.splitlines(keepends=True)
            line = lines[value.lineno - 1]
            if value.end_lineno == value.lineno and line.isascii():
                before, after = line[: value.col_offset], line[value.end_col_offset :]
                lines[value.lineno - 1] = f'{before}"{parent}"{after}'
                return _REVISES.sub(rf"\1 {parent}", "".join(lines), count=1)
    raise UsageError(
        "down_revision is not a plain value in a revision that has to be moved.",
        "Put it after the other head by hand, and run nox -s sql.",
        code="computed-parent",
    )
