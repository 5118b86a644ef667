"""The files of `sql/` as text: composed from records, compared with the folder, written to it.

    sql/README.md            how to read it, how to write it again
    sql/upgrade/<stem>.sql   one file a revision and direction, named after the revision's file
    sql/downgrade/<stem>.sql
    sql/records/<stem>.json  the record of a revision, for programs
    sql/schema/<name>.sql    the schema at head
    sql/schema.json          the tables at head, for drawings
    sql/manifest.txt         see `_manifest`
    ../docs/schema.md        the schema as a drawing, where the settings name a file

The same revisions give the same bytes on every machine: no times, versions, hosts or users.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import unified_diff
from itertools import chain
from pathlib import Path

from msgspec import Struct

from pybase.core.files import digest, files_below, write_file
from pybase.migrate.record import Direction, Directions, Record, Revision, Script, ScriptStatus
from pybase.migrate.sql import one_line
from pybase.migrate.sqlfiles import _manifest
from pybase.migrate.sqlfiles._header import header, statement_comments
from pybase.migrate.sqlfiles._records import BEGIN, COMMIT, ENCODING, STRINGS, encode

_SHOWN_FILES = 20
_SHOWN_LINES = 20

_README = """\
# The SQL of every revision

Written by `nox -s sql` from `migrations/versions/`, and never edited by hand. `nox -s sql-lint`
fails when a file is stale, missing or not clean.

- `upgrade/` and `downgrade/`: what is run, one file per revision and direction. Each can be run
  by itself: `psql -v ON_ERROR_STOP=1 -f FILE`. Its header states how it is run, and what was
  observed on a scratch database: for each table that existed before, the strongest lock and what
  that blocks; what it `loses`; what is `unseen`, because no sample rows could be created or
  the revision could not be run; its `hazards`, each explained above its statement. No such line:
  nothing was locked against writers, rewritten or lost.
- `schema/`: the schema at head, one file per table or other object.
- `records/`: one record per revision, from which the headers are rendered: its statements' places,
  transactions, effects and hazards. `migrate`, `pending`, `downgrade`, `backfill` and `review` load
  it; no program reads a comment.
- `schema.json`: the tables at head, for drawings.
- `manifest.txt`: the order of the revisions, and digests that tie each revision file to its
  record and its two SQL files.

Reviewing a pull request: read the new files in `upgrade/`, then `downgrade/`, then what changed
in `schema/`.
"""


class Stale(Struct, frozen=True):
    """A file that is not as the revisions render it; `diff` is short, or empty."""

    path: str
    reason: str
    diff: str = ""


class SqlFile(Struct, frozen=True):
    """A SQL file: its text, and the lines, from 1, of its statements and of their comments."""

    text: str
    statements: tuple[tuple[int, int], ...] = ()
    comments: Mapping[int, int] | None = None


def compose(
    records: Sequence[tuple[Record, bytes]], schema: Mapping[str, str], tables: str
) -> dict[str, str]:
    """Return every file of `sql/`, by its path in that folder.

    Each record is paired with the content of its revision's file; `tables` is schema.json.
    """
    files = {"README.md": _README, "schema.json": tables}
    names = stems([record.revision for record, _ in records])
    lines = []
    for record, source in records:
        revision = record.revision
        both = Directions(*(sql_file(record, direction) for direction in Direction))
        places = Directions(both.upgrade.statements, both.downgrade.statements)
        texts = (encode(record, places), both.upgrade.text, both.downgrade.text)
        line = _manifest.line(revision.id, revision.parents, names[revision.id], source, *texts)
        lines.append(line)
        paths = (line.record_path, *(line.path(direction) for direction in Direction))
        files.update(zip(paths, texts, strict=True))
    files[_manifest.NAME] = _manifest.to_text(lines)
    return files | {f"schema/{name}.sql": text for name, text in schema.items()}


def stems(revisions: Sequence[Revision]) -> dict[str, str]:
    """Return the name of each revision's files: that of its own, made unique where two share it."""
    counts = Counter(revision.stem.casefold() for revision in revisions)
    return {
        revision.id: revision.stem
        if counts[revision.stem.casefold()] == 1
        else f"{revision.stem}_{digest(revision.id.encode())[:8]}"
        for revision in revisions
    }


def sql_file(record: Record, direction: Direction) -> SqlFile:
    """Return one SQL file: a header of comments, then the statements as they will run."""
    comments = statement_comments(record, direction)
    return script_file(header(record, direction), record.scripts[direction], comments)


def script_file(
    top: str, script: Script, comments: Mapping[int, Sequence[str]] | None = None
) -> SqlFile:
    """Return the file of one script; `comments` are lines above statements, by number from 0."""
    lines = [*top.split("\n")]
    if not script.has_sql:
        return SqlFile("\n".join((*lines, _refusal(script), "")))
    comments = comments or {}
    places: list[tuple[int, int]] = []
    commented: dict[int, int] = {}
    if not all(map(str.isascii, (*script.texts, *chain(*comments.values())))):
        lines += [ENCODING, ""]
    if any("\\" in text for text in script.texts):
        lines += [STRINGS, ""]
    for block in script.blocks:
        lines += [line for frame in BEGIN for line in (frame, "")] if block.transactional else []
        for statement in block.parts:
            number = len(places)
            commented[number] = len(lines) + 1
            lines += comments.get(number, ())
            first = len(lines) + 1
            lines += f"{statement.sql};".split("\n")
            places.append((first, len(lines)))
            lines.append("")
        lines += [COMMIT, ""] if block.transactional else []
    return SqlFile("\n".join(lines), tuple(places), commented)


def _refusal(script: Script) -> str:
    """Return SQL that stops psql: a file that cannot be run must not look as if it had been."""
    is_irreversible = script.status is ScriptStatus.IRREVERSIBLE
    what = "cannot be undone" if is_irreversible else "has no SQL"
    reason = one_line(f"This revision {what}: {script.reason}")
    literal = reason.replace("'", "''").replace("%", "%%").replace("$", "")
    return f"DO $$ BEGIN RAISE '{literal}'; END $$;"


def read(folder: Path, others: Iterable[str] = ()) -> dict[str, str]:
    """Return the files in `folder` by path below it; of `others`, those that are outside of it."""
    base = len(str(folder)) + 1
    inside = {path[base:].replace(os.sep, "/"): path for path in files_below(str(folder))}
    outside = {path: str(_place(folder, path)) for path in others if path.startswith("../")}
    return {
        path: text for path, file in (inside | outside).items() if (text := _text(file)) is not None
    }


def _text(path: str) -> str | None:
    """Return the text of a file, or None where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="") as file:  # noqa: PTH123
            return file.read()
    except FileNotFoundError:
        return None


def _place(folder: Path, path: str) -> Path:
    """Return where a file is, also one outside of a folder that does not exist yet."""
    return Path(os.path.normpath(folder / path))


def compare(folder: Path, files: Mapping[str, str]) -> list[Stale]:
    """Return which files of `folder` are stale, missing or orphaned, in the order of their paths.

    A path in `files` may lead out of the folder; no file outside is ever orphaned.
    """
    present = read(folder, files)
    stale = []
    for path in sorted({*files, *present}):
        if path not in present:
            stale.append(Stale(path, "missing"))
        elif path not in files:
            stale.append(Stale(path, "orphaned"))
        elif present[path] != files[path]:
            stale.append(Stale(path, "stale", _diff(path, present[path], files[path])))
    return stale


def _diff(path: str, old: str, new: str) -> str:
    names = (f"committed {path}", f"rendered {path}")
    lines = unified_diff(old.splitlines(), new.splitlines(), *names, lineterm="", n=1)
    return "\n".join(lines)


def describe(changes: Iterable[Stale]) -> str:
    """Return the changes for a terminal: each file with its reason, and how the diff begins."""
    stale = list(changes)
    lines = [f"  {change.reason:<9} {change.path}" for change in stale[:_SHOWN_FILES]]
    if len(stale) > _SHOWN_FILES:
        lines.append(f"  and {len(stale) - _SHOWN_FILES} more")
    readable = [change for change in stale if not change.path.endswith(".json")]
    diff = [line for change in readable for line in change.diff.splitlines()]
    lines += [f"    {line}" for line in diff[:_SHOWN_LINES]]
    if len(diff) > _SHOWN_LINES:
        lines.append(f"    ... {len(diff) - _SHOWN_LINES} more lines")
    return "\n".join(lines)


def write_files(folder: Path, files: Mapping[str, str]) -> list[Stale]:
    """Make `folder` hold exactly `files`. Returns what had to change; the rest is not touched."""
    changes = compare(folder, files)
    for change in changes:
        path = _place(folder, change.path)
        if change.reason == "orphaned":
            path.unlink()
        else:
            write_file(path, files[change.path])
    return changes
