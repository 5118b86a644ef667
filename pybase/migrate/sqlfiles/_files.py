"""The files of `sql/` as text, composed from records.

    sql/.gitattributes       for git: no conversion of line ends, and records are generated
    sql/README.md            how to read it, how to write it again
    sql/upgrade/<stem>.sql   one file a revision and direction, named after the revision's file
    sql/downgrade/<stem>.sql
    sql/records/<stem>.json  the record of a revision, for programs
    sql/schema/<name>.sql    the schema at head
    sql/schema.json          the tables at head, for drawings
    sql/citus.sql            the layout on a cluster, and citus.json for programs, where declared
    sql/manifest.txt         see `_manifest`
    ../docs/schema.md        the schema as a drawing, where the settings name a file

The same revisions give the same bytes on every machine: no times, versions, hosts or users.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

from msgspec import Struct

from pybase.core.files import digest
from pybase.migrate.record import Direction, Directions, Record, Revision, Script
from pybase.migrate.sqlfiles import _manifest
from pybase.migrate.sqlfiles._header import header, statement_comments
from pybase.migrate.sqlfiles._records import BEGIN, COMMIT, ENCODING, STRINGS, encode, refusal

_README = """\
# The SQL of every revision

Written by `nox -s sql` from `migrations/versions/`, and never edited by hand. `nox -s sql-lint`
fails when a file is stale, missing or not clean.

- `upgrade/` and `downgrade/`: what is run, one file per revision and direction. Each can be run
  by itself: `psql -v ON_ERROR_STOP=1 -f FILE`. It first checks that the database is at the
  revision that it moves from, so that a second run changes nothing. Its header states how it is
  run, and what was observed on a scratch database: for each table that existed before, the
  strongest lock and what that blocks; what it `loses`; what is `unseen`, because no sample rows
  could be created or the revision could not be run; what differs `on 16` or another version of
  PostgreSQL; its `hazards`, each explained above its statement. No such line: nothing was locked
  against writers, rewritten or lost.
- `schema/`: the schema at head, one file per table or other object.
- `records/`: one record per revision, from which the headers are rendered: its statements' places,
  transactions, effects and hazards. `migrate`, `pending`, `downgrade`, `backfill` and `review` load
  it; no program reads a comment.
- `schema.json`: the tables at head, for drawings.
- `citus.sql`: where the models declare how tables are spread over a Citus cluster, what does that;
  `citus.json`: the same, for programs.
- `manifest.txt`: the order of the revisions, and digests that tie each revision file to its
  record and its two SQL files. `nox -s sql` deletes only what is named there.

Reviewing a pull request: read the new files in `upgrade/`, then `downgrade/`, then what changed
in `schema/`.
"""

_GIT_ATTRIBUTES = """\
# The same bytes on every machine, also with core.autocrlf.
* -text
# Records are for programs: a pull request folds them.
records/** linguist-generated=true
schema.json linguist-generated=true
"""


class SqlFile(Struct, frozen=True):
    """A SQL file: its text, and the lines, from 1, of its statements and of their comments."""

    text: str
    statements: tuple[tuple[int, int], ...] = ()
    comments: Mapping[int, int] | None = None


def compose(
    records: Sequence[tuple[Record, bytes]],
    schema: Mapping[str, str],
    tables: str,
    layout: Mapping[str, str],
) -> dict[str, str]:
    """Return every file of `sql/`, by its path in that folder.

    Each record is paired with the content of its revision's file; `tables` is schema.json, and
    `layout` the files of the layout.
    """
    others = {".gitattributes": _GIT_ATTRIBUTES, "README.md": _README, "schema.json": tables}
    others |= {f"schema/{name}.sql": text for name, text in schema.items()}
    others |= layout
    files: dict[str, str] = {}
    names = stems([record.revision for record, _ in records])
    lines = []
    for record, source in records:
        revision = record.revision
        both = Directions(*(sql_file(record, direction) for direction in Direction))
        places = Directions(both.upgrade.statements, both.downgrade.statements)
        texts = (encode(record, places), both.upgrade.text, both.downgrade.text)
        line = _manifest.line(revision.id, revision.parents, names[revision.id], source, *texts)
        lines.append(line)
        files.update(zip(line.paths, texts, strict=True))
    return {**others, **files, _manifest.MANIFEST: _manifest.to_text(lines, others)}


def stems(revisions: Sequence[Revision]) -> dict[str, str]:
    """Return the name of each revision's files: that of its own, made unique where two share it."""
    counts = Counter(revision.stem.casefold() for revision in revisions)
    return {
        revision.id: revision.stem
        if counts[revision.stem.casefold()] == 1
        else f"{revision.stem}_{digest(revision.id.encode())[:8]}"
        for revision in revisions
    }


def scripts(records: Sequence[Record], of: Collection[str] | None = None) -> dict[str, SqlFile]:
    """Return the SQL files of a history, by path below `sql/`; with `of`, of these revisions."""
    names = stems([record.revision for record in records])
    return {
        f"{direction.value}/{names[record.revision.id]}.sql": sql_file(record, direction)
        for record in records
        if of is None or record.revision.id in of
        for direction in Direction
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
        return SqlFile("\n".join((*lines, refusal(script), "")))
    comments = comments or {}
    places: list[tuple[int, int]] = []
    commented: dict[int, int] = {}
    if not all(map(str.isascii, (*script.texts, *chain(*comments.values())))):
        lines += [ENCODING, ""]
    if any("\\" in text for text in script.texts):
        lines += [STRINGS, ""]
    check = [*script.check.split("\n"), ""] if script.check else []
    lines += check if not script.has_check_inside else []
    for block in script.blocks:
        lines += [line for frame in BEGIN for line in (frame, "")] if block.transactional else []
        lines += check if script.has_check_inside else []
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
