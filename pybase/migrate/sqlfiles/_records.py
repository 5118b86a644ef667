"""The record of a revision: what it is, its statements, and what they were observed to do.

`sql/records/<stem>.json` holds it for programs; the SQL files hold its statements for reviewers,
under a header that is rendered from the record. The record has the place of each statement in
its SQL file, so what runs is the reviewed text, and no comment is ever read.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from pybase.migrate.record import (
    Directions,
    Record,
    Revision,
    RevisionReport,
    Script,
    ScriptStatus,
    Statement,
    StatementKind,
    VersionTable,
)
from pybase.migrate.sql import one_line

FORMAT = 5
"""Version of the format; a folder of another one is written again."""

LOCK_TIMEOUT_S = 2
"""Seconds that a statement piped into psql waits for a lock before it gives up."""

BEGIN = ("BEGIN;", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s';")
COMMIT = "COMMIT;"
ENCODING = "SET client_encoding = 'UTF8';"
"""psql takes its encoding from the locale; the bytes of a file are UTF-8 wherever it runs."""
STRINGS = "SET standard_conforming_strings = on;"
"""With off, which a role may have set, a backslash in a literal is an escape."""


class _Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A statement of a SQL file: its first and last line, counted from 1."""

    first: int
    last: int
    transaction: int | None
    kind: StatementKind = StatementKind.OWN


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """One direction, without the text of its statements."""

    status: ScriptStatus = ScriptStatus.SQL
    reason: str = ""
    digest: str = ""
    check: str = ""
    is_of_scratch: bool = False
    statements: tuple[_Place, ...] = ()


class _File(msgspec.Struct, frozen=True):
    format: int
    revision: Revision
    version_table: VersionTable
    scripts: Directions[_Stored]
    report: RevisionReport


class RecordError(ValueError):
    """A record, or a SQL file, that is not as it was written."""


def encode(record: Record, places: Directions[Sequence[tuple[int, int]]]) -> str:
    """Return a record as JSON; `places` are the lines of each statement in its file."""
    stored = [
        _Stored(
            script.status,
            script.reason,
            script.digest,
            script.check,
            script.is_of_scratch,
            tuple(
                _Place(first, last, statement.transaction, statement.kind)
                for statement, (first, last) in zip(
                    script.statements, places[direction], strict=True
                )
            )
            if script.has_sql
            else (),
        )
        for direction, script in record.scripts
    ]
    file = _File(FORMAT, record.revision, record.version_table, Directions(*stored), record.report)
    return msgspec.json.format(msgspec.json.encode(file), indent=1).decode() + "\n"


class _Digest(msgspec.Struct, frozen=True):
    digest: str = ""


class _Digests(msgspec.Struct, frozen=True):
    scripts: dict[str, _Digest]


def own_digests(text: str) -> object:
    """Return what to compare of a record in any format: the digests of its own statements."""
    try:
        return msgspec.json.decode(text, type=_Digests)
    except msgspec.DecodeError:
        return text


def decode(content: bytes, texts: Directions[str | None]) -> Record:
    """Return the record, with its statements cut out of the SQL files; None leaves a file out.

    Raises RecordError where a SQL file holds anything else than the statements, their frame of
    transactions, and comments; where there are none, than the refusal that a reviewer reads.
    """
    try:
        file = msgspec.json.decode(content, type=_File)
    except msgspec.DecodeError as error:
        raise RecordError(str(error)) from error
    if file.format != FORMAT:
        raise RecordError("it was written by another version")
    scripts = [_script(stored, texts[direction]) for direction, stored in file.scripts]
    return Record(file.revision, file.version_table, Directions(*scripts), file.report)


def _script(stored: _Stored, text: str | None) -> Script:
    script = Script(
        (), stored.status, stored.reason, stored.digest, stored.check, stored.is_of_scratch
    )
    if text is None:
        return script
    lines = text.split("\n")
    if not script.has_sql:
        _require_refusal(script, lines)
        return script
    statements = tuple(
        Statement(
            "\n".join(lines[place.first - 1 : place.last]).removesuffix(";"),
            place.transaction,
            place.kind,
        )
        for place in stored.statements
    )
    script = replace(script, statements=statements)
    _require_nothing_else(script, stored.statements, lines)
    return script


def _require_nothing_else(script: Script, places: Sequence[_Place], lines: Sequence[str]) -> None:
    """Refuse a file whose other lines are more than comments and the frame of transactions."""
    expected = frame(script)
    line = 0
    for place in (*places, None):
        end = place.first - 1 if place else len(lines)
        for number in range(line, end):
            code = lines[number]
            if code and not code.startswith("--") and code not in (ENCODING, STRINGS):
                if next(expected, None) != code:
                    raise RecordError(f"line {number + 1} is not in the record")
        if place is not None:
            is_after_the_last = line < place.first <= place.last <= len(lines)
            if next(expected, None) != "" or not is_after_the_last:
                raise RecordError(f"the statement of line {place.first} is not in the record")
            line = place.last
    if next(expected, None) is not None:
        raise RecordError("a statement of the record is missing")


def _require_refusal(script: Script, lines: Sequence[str]) -> None:
    """Refuse a file with statements where the record has none: its revision would run as Python."""
    if [line for line in lines if line and not line.startswith("--")] != [refusal(script)]:
        raise RecordError("it has no statements there, but the file has")


def refusal(script: Script) -> str:
    """Return SQL that stops psql: a file that cannot be run must not look as if it had been."""
    is_irreversible = script.status is ScriptStatus.IRREVERSIBLE
    what = "cannot be undone" if is_irreversible else "has no SQL"
    reason = one_line(f"This revision {what}: {script.reason}")
    literal = reason.replace("'", "''").replace("%", "%%").replace("$", "")
    return f"DO $$ BEGIN RAISE '{literal}'; END $$;"


def frame(script: Script) -> Iterator[str]:
    """Yield the lines of a file that frame its statements, and "" for each statement."""
    check = [line for line in script.check.split("\n") if line]
    if not script.has_check_inside:
        yield from check
    for block in script.blocks:
        yield from BEGIN if block.transactional else ()
        yield from check if script.has_check_inside else ()
        yield from ("" for _ in block.parts)
        if block.transactional:
            yield COMMIT


def to_json(value: Any) -> str:
    """Return any value of a record as JSON, formatted."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"
