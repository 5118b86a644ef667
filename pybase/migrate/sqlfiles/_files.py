"""The folder `sql/`: the only reader and writer of what reviewers read.

    sql/README.md           how to read it, how to write it anew
    sql/upgrade/<stem>.sql  one file a revision and direction, named after the revision's file
    sql/downgrade/<stem>.sql
    sql/schema/<name>.sql   the schema at head
    sql/manifest.txt        a line a revision: id, parents, digests of its three files
    ../docs/schema.md       the schema as a picture, where the settings want one

The same revisions give the same bytes on every machine: no times, versions, hosts or users.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pybase.core.files import digest, write_file
from pybase.migrate.sqlfiles._header import (
    NOT_REHEARSED,
    one_line,
    report_rows,
    statement_comments,
    title,
)

if TYPE_CHECKING:  # comparing digests needs nothing of Alembic, which costs half a second
    from alembic.script import Script

    from pybase.migrate.rehearsal._effects import Report, RevisionReport
    from pybase.migrate.revisions._render import RenderedRevision, Rendering

LOCK_TIMEOUT_S = 2
"""Seconds that a statement piped into psql waits for a lock before it gives up."""

_WIDEST_NAME = 30
"""Longest name that the texts of a header are lined up behind; a longer one stands out."""

_SHOWN_FILES = 20
_SHOWN_LINES = 20

_MANIFEST_HEADER = (
    "# Written by `nox -s sql`, one line a revision, parents first:\n"
    "# id, parents, digests of the revision file, of its upgrade SQL and of its downgrade SQL.\n"
    "# A conflict here means that two branches each added a revision: settle their order first.\n"
)

_README = """\
# The SQL of every revision

Written by `nox -s sql` from `migrations/versions/`, and never edited by hand. `nox -s sql-lint`
fails when a file is stale, missing or not clean.

- `upgrade/` and `downgrade/`: what runs, one file a revision and direction. Each file runs as it
  is: `psql -v ON_ERROR_STOP=1 -f FILE`. The comment at its top says what it is, how it runs, and
  what was seen when it was run on a database that was thrown away: for each table that was there
  before, the strongest lock and what that blocks; what it `loses`; what is `unseen`, because no
  rows could be made or nothing could be run; its `hazards`, each told above its statement. No such
  line: nothing was locked against writers, rewritten or lost.
- `schema/`: the schema at head, one file a table or other object.
- `manifest.txt`: the order of the revisions, and digests that tie each SQL file to its revision.

Reviewing a pull request: read the new files in `upgrade/`, then `downgrade/`, then what changed
in `schema/`.
"""


@dataclass(frozen=True)
class Stale:
    """A file that is not as the revisions render it; `diff` is short, or empty."""

    path: str
    reason: str
    diff: str = ""


def compose(
    rendered: "Iterable[RenderedRevision]",
    reports: "Iterable[RevisionReport]",
    schema: Mapping[str, str],
) -> dict[str, str]:
    """Every file of `sql/`, by its path below that folder."""
    files = {"README.md": _README}
    manifest = [_MANIFEST_HEADER]
    for each, report in zip(rendered, reports, strict=True):
        path = Path(each.script.path)
        upgrade = file_text(each, each.upgrade, report.upgrade)
        downgrade = file_text(each, each.downgrade, report.downgrade)
        files[f"upgrade/{each.file_stem}.sql"] = upgrade
        files[f"downgrade/{each.file_stem}.sql"] = downgrade
        parents = ",".join(each.script._normalized_down_revisions) or "-"
        digests = (digest(path.read_bytes()), digest(upgrade.encode()), digest(downgrade.encode()))
        manifest.append(f"{' '.join((each.script.revision, parents, *digests))}\n")
    files["manifest.txt"] = "".join(manifest)
    return files | {f"schema/{name}.sql": text for name, text in schema.items()}


def file_text(revision: "RenderedRevision", rendering: "Rendering", report: "Report") -> str:
    """One SQL file: a header of comments, then the statements as they will run."""
    accepted = revision.accepted
    is_upgrade = rendering is revision.upgrade
    rows = report_rows(report, accepted)
    has_sql = not (rendering.error or rendering.refusal)
    if has_sql and not report.is_rehearsed and not report.findings:
        rows.append(("unseen", NOT_REHEARSED))
    header = header_text(revision.script, rendering, rows, is_upgrade=is_upgrade)
    return f"{header}\n{sql_text(rendering, statement_comments(report, accepted))}"


def header_text(
    script: "Script",
    rendering: "Rendering",
    rows: Sequence[tuple[str, str]] = (),
    *,
    is_upgrade: bool,
) -> str:
    """Tell what a reviewer has to know before the first statement, as comment lines."""
    named = title(script.doc)
    parents = " and ".join(script._normalized_down_revisions)
    if is_upgrade:
        place = f"after {parents}" if parents else "the first"
    else:
        named, place = f"Undo: {named}", f"back to {parents or 'base'}"
    shape = ("revision", f"{script.revision}, {place}; {transaction_shape(rendering)}")
    width = max(len(name) for name, _ in (shape, *rows) if len(name) <= _WIDEST_NAME)
    lines = [named, "", *(f"{name:<{width}}  {text}" for name, text in (shape, *rows))]
    return "".join(f"-- {line}".rstrip() + "\n" for line in lines)


def sql_text(rendering: "Rendering", comments: Mapping[int, str] = MappingProxyType({})) -> str:
    """Return the statements of one rendering, each terminated, ready for psql.

    `comments` stand above the statements that they count, from 0.
    """
    if rendering.error:
        return _refusal(f"This revision has no SQL: {rendering.error}")
    if rendering.refusal:
        return _refusal(f"This revision cannot be undone: {rendering.refusal}")
    parts = []
    count = 0
    for block in rendering.blocks:
        texts = [f"{comments.get(count + i, '')}{s};\n" for i, s in enumerate(block.statements)]
        count += len(texts)
        parts += [*_BEGIN, *texts, "COMMIT;\n"] if block.transactional else texts
    if any(not text.isascii() for text in parts):
        # psql takes its encoding from the locale; these bytes are UTF-8 wherever it runs
        parts.insert(0, "SET client_encoding = 'UTF8';\n")
    return "\n".join(parts)


_BEGIN = ("BEGIN;\n", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s';\n")


def transaction_shape(rendering: "Rendering") -> str:
    """Say how it runs, as a header says it."""
    if rendering.error:
        return "cannot be rendered"
    if rendering.refusal:
        return "cannot be undone"
    if rendering.is_transactional:
        return "one transaction"
    own = [block for block in rendering.blocks if not rendering.is_bookkeeping(block)]
    if not any(block.transactional for block in own):
        return "no transaction"
    return "partly outside a transaction"


def _refusal(reason: str) -> str:
    """Write SQL that stops psql: a file that cannot be run must not look as if it had been."""
    literal = one_line(reason).replace("'", "''").replace("%", "%%").replace("$", "")
    return f"DO $$ BEGIN RAISE '{literal}'; END $$;\n"


def read(folder: Path, others: Iterable[str] = ()) -> dict[str, str]:
    """Tell what lies in `folder` now, by path below it; of `others`, those that lead out of it."""
    inside = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
    outside = {path: _place(folder, path) for path in others if path.startswith("../")}
    return {
        path: place.read_bytes().decode("utf-8", errors="replace")
        for path, place in (inside | outside).items()
        if place.is_file()
    }


def _place(folder: Path, path: str) -> Path:
    """Say where a file lies, also one outside of a folder that is not there yet."""
    return Path(os.path.normpath(folder / path))


def compare(folder: Path, files: Mapping[str, str]) -> list[Stale]:
    """Which files of `folder` are stale, missing or orphaned, in the order of their paths.

    A path in `files` may lead out of the folder; nothing outside is ever orphaned.
    """
    present = read(folder, files)
    found = []
    for path in sorted({*files, *present}):
        if path not in present:
            found.append(Stale(path, "missing"))
        elif path not in files:
            found.append(Stale(path, "orphaned"))
        elif present[path] != files[path]:
            found.append(Stale(path, "stale", _diff(path, present[path], files[path])))
    return found


def _diff(path: str, old: str, new: str) -> str:
    lines = unified_diff(
        old.splitlines(),
        new.splitlines(),
        f"committed {path}",
        f"rendered {path}",
        lineterm="",
        n=1,
    )
    return "\n".join(lines)


def describe(changes: Iterable[Stale]) -> str:
    """Tell the changes to a terminal: each file with its reason, and how the diff begins."""
    found = list(changes)
    lines = [f"  {each.reason:<9} {each.path}" for each in found[:_SHOWN_FILES]]
    if len(found) > _SHOWN_FILES:
        lines.append(f"  and {len(found) - _SHOWN_FILES} more")
    diff = [line for each in found for line in each.diff.splitlines()]
    lines += [f"    {line}" for line in diff[:_SHOWN_LINES]]
    if len(diff) > _SHOWN_LINES:
        lines.append(f"    ... {len(diff) - _SHOWN_LINES} more lines")
    return "\n".join(lines)


def write(folder: Path, files: Mapping[str, str]) -> list[Stale]:
    """Make `folder` hold exactly `files`. Returns what had to change; the rest is not touched.

    Paths as in `compare`.
    """
    changes = compare(folder, files)
    for change in changes:
        path = _place(folder, change.path)
        if change.reason == "orphaned":
            path.unlink()
        else:
            write_file(path, files[change.path])
    return changes
