"""Two branches each added a revision: put ours after theirs.

Owns what makes a revision ours (the main branch does not have its file), and the two lines of it
that change: `down_revision`, and what the docstring says of it. Nothing else is touched, and where
the new order does not hold on a server, nothing at all.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from pybase.core.errors import CheckFailedError, DatabaseError, UsageError
from pybase.core.files import write_file
from pybase.core.settings import Settings
from pybase.migrate.autogenerate._signals import terminable, undisturbed
from pybase.migrate.database import _connect as target
from pybase.migrate.deploy import _online as online
from pybase.migrate.revisions import _git as branch
from pybase.migrate.revisions import _history as history
from pybase.migrate.revisions._history import History
from pybase.migrate.sqlfiles import _build as build
from pybase.migrate.sqlfiles import _files as sqlfiles


@dataclass(frozen=True)
class Move:
    """A revision that gets another parent."""

    script: Script
    parent: str
    """The id of the new parent."""


@dataclass(frozen=True)
class Rebased:
    """What was moved, and the files of `sql/` that changed."""

    moves: tuple[Move, ...]
    sql: tuple[str, ...]


def rebase(settings: Settings) -> Rebased | None:
    """Put the revisions that are only here behind those of the main branch; None if they are.

    Raises UsageError where git cannot tell which are which, CheckFailedError where the main branch
    has two heads itself, where a revision to move is applied already, or where it fails in its new
    place; nothing is changed then.
    """
    revisions = history.read(settings)
    if len(revisions.heads) < 2:
        return None
    ours = _ours(revisions)
    moves = _moves(revisions, ours)
    _require_not_applied(revisions, moves)
    with terminable():
        return _moved(revisions, moves)


def _ours(revisions: History) -> dict[str, Script]:
    """Return the revisions that the main branch does not have."""
    settings = revisions.settings
    folders = {Path(script.path).resolve().parent for script in revisions.revisions}
    merged = branch.merged(settings, folders)
    if merged is None:
        raise UsageError(
            f"git knows no branch {settings.options.main_branch!r}, so nobody can tell whose "
            "revisions go first.",
            "Name it in [tool.pybase] main_branch, or put one after the other by its "
            "down_revision and run `nox -s sql`.",
        )
    known = {path.resolve() for path in merged}
    ours = {
        script.revision: script
        for script in revisions.revisions
        if Path(script.path).resolve() not in known
    }
    if not ours:
        raise CheckFailedError(
            "All revisions are on the main branch already, and those are not moved.",
            'Join the heads: alembic merge heads -m "join ...", then nox -s sql',
        )
    return ours


def _moves(revisions: History, ours: Mapping[str, Script]) -> list[Move]:
    """Return what moves where: each chain of ours after the main branch, or the chain before."""
    theirs = {script.revision for script in revisions.revisions if script.revision not in ours}
    parents = {
        parent
        for revision in theirs
        for parent in revisions.get(revision)._normalized_down_revisions
    }
    heads = sorted(theirs - parents)
    if len(heads) != 1:
        raise CheckFailedError(
            f"The main branch has {len(heads)} heads: {', '.join(heads) or 'none'}.",
            "Join them there first.",
        )
    end, moves = heads[0], []
    for script in _roots(revisions, ours):
        if script._normalized_down_revisions != (end,):
            moves.append(Move(script, end))
        end = _last(revisions, script, ours)
    return moves


def _roots(revisions: History, ours: Mapping[str, Script]) -> list[Script]:
    """Return the first revisions of our chains. Raises CheckFailedError for a merge among them."""
    found = []
    for script in revisions.revisions:
        if script.revision not in ours:
            continue
        if script.is_merge_point:
            raise CheckFailedError(
                f"{Path(script.path).name} joins two heads, and cannot be moved.",
                "Delete it, and run the same command again.",
            )
        if not set(script._normalized_down_revisions) & set(ours):
            found.append(script)
    in_place = [each for each in found if each._normalized_down_revisions]
    return sorted(in_place or found, key=lambda each: Path(each.path).name)


def _last(revisions: History, script: Script, ours: Mapping[str, Script]) -> str:
    """Return the end of the chain that begins with a revision."""
    while script.nextrev & set(ours):
        following = sorted(script.nextrev & set(ours))
        if len(following) > 1:
            raise CheckFailedError(
                f"Two of your revisions follow {script.revision}: {', '.join(following)}.",
                "Put one after the other by its down_revision first.",
            )
        script = ours[following[0]]
    return script.revision


def _require_not_applied(revisions: History, moves: Iterable[Move]) -> None:
    """Refuse to move what the database at hand has seen in another order."""
    settings = revisions.settings
    if not target.is_at_hand(settings):
        return
    try:
        current, _ = online.look(revisions, target.find(settings))
    except DatabaseError:
        return
    known = [each for each in current if each in {s.revision for s in revisions.revisions}]
    applied = {
        script.revision
        for revision in known
        for script in revisions.scripts.iterate_revisions(revision, "base")
    }
    for move in moves:
        if move.script.revision in applied:
            parents = move.script._normalized_down_revisions
            back = parents[0] if parents else "base"
            raise CheckFailedError(
                f"{Path(move.script.path).name} is applied to the database at hand, before what "
                "is to come first.",
                f"Undo it there: nox -s downgrade -- {back}. Then run the same command again.",
            )


def _moved(revisions: History, moves: list[Move]) -> Rebased:
    """Write the new parents and the SQL; on any failure, everything as it was."""
    settings = revisions.settings
    before = {Path(move.script.path): Path(move.script.path).read_text("utf-8") for move in moves}
    saved: dict[Path, bytes | None] = {}
    is_done = False
    try:
        for move in moves:
            path = Path(move.script.path)
            write_file(path, with_parent(before[path], move.parent))
        built = build.build(history.read(settings))
        _require_sound(built, moves)
        files = build.files(settings, built)
        stale = [each.path for each in sqlfiles.compare(settings.sql, files)]
        saved = {settings.sql / name: _content(settings.sql / name) for name in stale}
        sqlfiles.write(settings.sql, files)
        is_done = True
        return Rebased(tuple(moves), tuple(stale))
    finally:
        if not is_done:
            with undisturbed():
                _restore(before, saved)


def _restore(before: Mapping[Path, str], saved: Mapping[Path, bytes | None]) -> None:
    for path, text in before.items():
        write_file(path, text)
    for path, content in saved.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_file(path, content.decode())


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


_REFUSED = frozenset({"rehearsal-failed", "cannot-render", "downgrade-wrong"})


def _require_sound(built: build.Built, moves: Iterable[Move]) -> None:
    """Refuse an order that a server refuses, from the first revision that moves on."""
    moved = {move.script.revision for move in moves}
    is_after = False
    for revision, report in zip(built.rendered.revisions, built.reports, strict=True):
        is_after = is_after or revision.script.revision in moved
        for finding in (*report.upgrade.findings, *report.downgrade.findings) if is_after else ():
            if finding.code in _REFUSED:
                raise CheckFailedError(
                    f"In its new place, {Path(revision.script.path).name} does not work: "
                    f"{finding.message}",
                    "Nothing was changed. Mend that revision, and run the same command again.",
                )


_REVISES = re.compile(r"^(Revises:)[ \t]*.*$", re.MULTILINE)


def with_parent(text: str, parent: str) -> str:
    """Return the text of a revision file with another parent, in its code and its docstring.

    Raises UsageError where `down_revision` is not written as a plain value.
    """
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        names = [each.id for each in targets if isinstance(each, ast.Name)]
        if "down_revision" in names and isinstance(value, ast.Constant | ast.Tuple):
            lines = text.splitlines(keepends=True)
            line = lines[value.lineno - 1]
            if value.end_lineno == value.lineno and line.isascii():
                quoted = f'"{parent}"'
                lines[value.lineno - 1] = (
                    line[: value.col_offset] + quoted + line[value.end_col_offset :]
                )
                return _REVISES.sub(rf"\1 {parent}", "".join(lines), count=1)
    raise UsageError(
        "down_revision is not a plain value in a revision that has to be moved.",
        "Put it after the other head by hand, and run nox -s sql.",
    )
