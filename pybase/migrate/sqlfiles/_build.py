"""From revisions to `sql/` and the drawing: render, rehearse, compose, then write or compare."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pybase.core import cache
from pybase.core.checkout import writing
from pybase.core.errors import CheckFailedError
from pybase.core.inputs import inputs_digest
from pybase.core.settings import Settings
from pybase.migrate import layout
from pybase.migrate.record import Direction, Record
from pybase.migrate.sqlfiles import _files, _load, _manifest
from pybase.migrate.sqlfiles._folder import (
    Replaced,
    compare,
    describe,
    hint,
    read,
    replaced,
    require_place,
)
from pybase.migrate.sqlfiles._load import read_history
from pybase.migrate.sqlfiles._records import to_json

if TYPE_CHECKING:
    from pybase.migrate.catalog import Entity
    from pybase.migrate.revisions import History, RenderedHistory

PACKAGES = ("migrate", "core")
"""What the result of a check depends on, in addition to the project's files."""

_KIND = "sql"


class Built(Struct, frozen=True):
    """A history, rendered and rehearsed: a record for each of its revisions, ancestors first.

    `entities` are the tables at head with their documentation.
    """

    rendered: "RenderedHistory"
    records: tuple[Record, ...]
    schema: dict[str, str]
    entities: "tuple[Entity, ...]"


class Reviewed(Struct, frozen=True):
    """What a reviewer is shown: records, every file of `sql/`, and the tables at head."""

    records: tuple[Record, ...]
    files: Mapping[str, str]
    entities: "tuple[Entity, ...]"


def build(history: "History") -> Built:
    """Render and rehearse a history. Raises UsageError, DatabaseError."""
    folders = {Path(script.path).parent for script in history.revisions}
    require_place(history.settings, [Path(history.scripts.dir), *folders])
    from pybase.migrate.sqlfiles._rehearsed import rehearsed  # Alembic: what is fresh needs none

    return Built(*rehearsed(history))


def files(settings: Settings, built: Built) -> dict[str, str]:
    """Return every generated file, by its path below `sql/`; the drawing is outside."""
    sources = [sql.path.read_bytes() for sql in built.rendered.revisions]
    pairs = list(zip(built.records, sources, strict=True))
    spread = layout.files(layout.declared(built.rendered.metadata))
    composed = _files.compose(pairs, built.schema, to_json(built.entities), spread)
    if settings.picture is not None:
        from pybase.migrate.sqlfiles._schema_page import page  # what is fresh draws nothing

        path = os.path.relpath(settings.picture, settings.sql).replace(os.sep, "/")
        composed[path] = page(built.entities)
    return composed


def stale_revisions(settings: Settings, built: Built) -> frozenset[str]:
    """Return the revisions whose committed SQL is another; none in a project without `sql/`."""
    if not _manifest.has_manifest(settings):
        return frozenset()
    present = read(settings.sql)
    names = _files.stems([record.revision for record in built.records])
    return frozenset(
        record.revision.id
        for record in built.records
        for direction in Direction
        if present.get(f"{direction.value}/{names[record.revision.id]}.sql")
        != _files.sql_file(record, direction).text
    )


def write(settings: Settings) -> Replaced:
    """Write `sql/` from the revisions; returns the files that changed.

    Raises CheckFailedError when a revision cannot be rendered: the files of the others are
    written all the same. Raises UsageError for a folder that is not ours, or that the system
    refuses to write to; nothing is written then.
    """
    problems = _known_problems(settings)
    done = Replaced()
    if problems is None:
        with writing(settings) as writer:
            built = build(read_history(settings))
            problems = list(built.rendered.problems)
            done = replaced(settings, files(settings, built))
            writer.write(done.contents)
            if not done.foreign:
                _remember_fresh(settings, problems)
    _require_rendered(problems)
    return done


def check(settings: Settings) -> None:
    """Refuse a `sql/` or a drawing that the revisions do not render to. Writes nothing.

    Raises CheckFailedError with the files that are not as rendered, and a short diff.
    """
    if _known_problems(settings) is not None:
        return
    built = build(read_history(settings))
    stale = compare(settings.sql, files(settings, built))
    if stale:
        named = (replace(file, path=settings.written_name(file.path)) for file in stale)
        raise CheckFailedError(
            f"{settings.options.sql}/ is not what the revisions render to:\n{describe(named)}",
            hint(stale),
            code="stale-sql",
        )
    _remember_fresh(settings, built.rendered.problems)


def review(settings: Settings) -> Reviewed:
    """Return all that is known of a history; nothing is rendered where `sql/` is fresh.

    Raises as `build`. Writes nothing in `sql/`.
    """
    from pybase.migrate.catalog import Entity  # psycopg: what is fresh is checked without it

    try:
        committed = _load.load(settings)
        if committed is not None:
            present = read(settings.sql)
            records = tuple(committed.records(*Direction))
            entities = msgspec.json.decode(present["schema.json"], type=tuple[Entity, ...])
            return Reviewed(records, present, entities)
    except (_load.StaleError, KeyError, msgspec.DecodeError):
        pass
    built = build(read_history(settings))
    return Reviewed(built.records, files(settings, built), built.entities)


def _known_problems(settings: Settings) -> list[str] | None:
    """Return what could not be rendered, if `sql/` was compared with the files as they are."""
    key = inputs_digest(settings, PACKAGES, folders=_folders(settings))
    return None if key is None else cache.recall(settings, _KIND, key, list[str])


def _folders(settings: Settings) -> list[Path]:
    return [settings.sql, *([settings.picture.parent] if settings.picture else [])]


def _remember_fresh(settings: Settings, problems: Sequence[str]) -> None:
    key = inputs_digest(settings, PACKAGES, folders=_folders(settings))
    if key is not None:
        cache.remember(settings, _KIND, key, list(problems))


def _require_rendered(problems: Sequence[str]) -> None:
    if problems:
        raise CheckFailedError(
            "\n".join(problems),
            "Correct these revisions; the files of all others are in order.",
            code="cannot-render",
        )
