"""The committed SQL, loaded to be run or shown: records, checked against their revisions.

By the digests of the manifest alone: nothing is rendered, nothing is written, and Alembic is
imported only for a configuration that only Alembic can read.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pybase.core.configuration import read_options
from pybase.core.errors import CheckFailedError
from pybase.core.files import digest, with_line_feeds
from pybase.core.settings import Settings
from pybase.migrate.record import Direction, Directions, Graph, Record, VersionTable, ancestors
from pybase.migrate.sql import hidden_character
from pybase.migrate.sqlfiles import _manifest
from pybase.migrate.sqlfiles._folder import require_place
from pybase.migrate.sqlfiles._manifest import Line
from pybase.migrate.sqlfiles._records import RecordError, decode

if TYPE_CHECKING:
    from pybase.migrate.revisions import History


class StaleError(CheckFailedError):
    """The committed SQL is not what the revisions render to; `reason` is half a sentence."""

    def __init__(self, settings: Settings, reason: str, code: str = "stale-sql") -> None:
        super().__init__(
            f"{settings.options.sql}/ is stale: {reason}.",
            f"Run `nox -s sql`, have it reviewed, and commit {settings.options.sql}/.",
            code=code,
        )
        self.reason = reason


class Committed(Struct, frozen=True, dict=True):
    """A folder `sql/` whose manifest lists exactly the revisions of this checkout."""

    settings: Settings
    lines: tuple[Line, ...]
    sources: Mapping[str, bytes]
    """The revisions' files, by the digests of the manifest."""

    @cached_property
    def graph(self) -> Graph:
        """The parents of each revision."""
        return {line.revision: line.parents for line in self.lines}

    @cached_property
    def by_revision(self) -> dict[str, Line]:
        """The manifest's lines by revision."""
        return {line.revision: line for line in self.lines}

    @cached_property
    def _folder(self) -> str:
        return str(self.settings.sql)

    @cached_property
    def version_table(self) -> VersionTable:
        """Alembic's version table, as env.py configured it when the SQL was rendered.

        Raises StaleError as `record`.
        """
        if not self.lines:
            return VersionTable()
        return self.record(self.lines[-1].revision).version_table

    def record(self, revision: str, *directions: Direction) -> Record:
        """Return the record of a revision, with the statements of some directions.

        Raises StaleError for a file that has changed, is missing, or holds more than its record;
        with `directions` also for a folder, or a revision's file, that does not fit.
        """
        line = self.by_revision[revision]
        content = self._verified(line.record_path, line.record, revision)
        texts = [
            self.text(revision, direction) if direction in directions else None
            for direction in Direction
        ]
        try:
            record = decode(content, Directions(*texts))
        except RecordError as error:
            reason = f"the SQL of revision {revision} is not its record: {error}"
            raise StaleError(self.settings, reason) from error
        if directions:
            self._require_fit(line, record)
        return record

    def _require_fit(self, line: Line, record: Record) -> None:
        """Refuse a record that contradicts the manifest, the others or its revision's file."""
        revision = record.revision
        if self._misfit:
            raise StaleError(self.settings, self._misfit)
        if (revision.id, revision.parents) != (line.revision, line.parents):
            difference = "the manifest in its id or parents"
        elif record.version_table != self.version_table:
            difference = "the last one in its version table"
        elif name := revision.contradiction(self.sources[line.source]):
            difference = f"the revision's file in its {name}"
        else:
            return
        reason = f"the record of revision {line.revision} differs from {difference}"
        raise StaleError(self.settings, reason)

    @cached_property
    def _misfit(self) -> str:
        """The first file of a revision that only the folder or only the manifest has."""
        listed = {path for line in self.lines for path in line.paths}
        folders = {"records": ".json", "upgrade": ".sql", "downgrade": ".sql"}
        present = {
            f"{folder}/{name}"
            for folder, suffix in folders.items()
            for name in _names(f"{self._folder}/{folder}")
            if name.endswith(suffix) and not name.startswith(".")
        }
        path = min(present ^ listed, default="")
        return path and f"{path} is {'not in the manifest' if path in present else 'missing'}"

    def records(self, *directions: Direction) -> Iterator[Record]:
        """Return all records, parents first. Raises StaleError as `record`."""
        return (self.record(line.revision, *directions) for line in self.lines)

    def text(self, revision: str, direction: Direction) -> str:
        """Return a SQL file.

        Raises StaleError as `record`, and for a character that a reviewer cannot see.
        """
        line = self.by_revision[revision]
        path = line.path(direction)
        content = self._verified(path, line.sql[direction], revision)
        try:
            text = content.decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            raise StaleError(self.settings, f"{path} is not UTF-8") from None
        hidden = hidden_character(text)
        if hidden is not None:
            reason = f"{path} has the hidden character {hidden[1]}"
            raise StaleError(self.settings, reason, code="hidden-character")
        return text

    def _verified(self, path: str, expected: str, revision: str) -> bytes:
        try:
            with open(f"{self._folder}/{path}", "rb") as file:  # noqa: PTH123  thousands
                content = file.read()
        except OSError:
            content = b""
        content = with_line_feeds(content)
        if digest(content) != expected:
            reason = f"the SQL of revision {revision} has changed, or is missing"
            raise StaleError(self.settings, reason)
        return content

    def path(
        self, heads: Sequence[str], destination: str, direction: Direction
    ) -> list[str] | None:
        """Return the revisions to run on a database at `heads`, in order.

        None for a destination that only Alembic can resolve, or refuse.
        """
        if any(head not in self.graph for head in heads):
            return None
        if direction.is_upgrade:
            targets = self._upgrade_targets(heads, destination)
            if targets is None:
                return None
            pending = ancestors(self.graph, targets) - ancestors(self.graph, heads)
            return [line.revision for line in self.lines if line.revision in pending]
        applied = ancestors(self.graph, heads)
        kept = self._kept(heads, destination)
        if kept is None:
            return None
        order = (line.revision for line in reversed(self.lines))
        return [revision for revision in order if revision in applied - kept]

    def _upgrade_targets(self, heads: Sequence[str], destination: str) -> Iterable[str] | None:
        tips = set(self.graph) - {parent for parents in self.graph.values() for parent in parents}
        if destination == "heads" or (destination == "head" and len(tips) == 1):
            return tips
        if re.fullmatch(r"\+\d+", destination):
            return self._steps_up(heads, int(destination))
        revision = self._named(destination)
        return None if revision is None else [revision]

    def _steps_up(self, heads: Sequence[str], count: int) -> list[str] | None:
        """Return what is `count` steps above the only head, along a line without branches."""
        children: dict[str | None, list[str]] = {}
        for revision, parents in self.graph.items():
            for parent in parents or (None,):
                children.setdefault(parent, []).append(revision)
        last = heads[0] if heads else None
        for _ in range(count if len(heads) < 2 else 0):
            following = children.get(last, [])
            if len(following) != 1 or len(self.graph[following[0]]) > 1:
                return None
            last = following[0]
        return [last] if last and count and len(heads) < 2 else None

    def _kept(self, heads: Sequence[str], destination: str) -> set[str] | None:
        """Return what a downgrade leaves applied: to base, or along a line without branches."""
        if destination == "base":
            return set()
        line: list[str | None] = [*heads] if len(heads) == 1 else []
        while line and line[-1] is not None and len(self.graph[line[-1]]) < 2:
            line.append(next(iter(self.graph[line[-1]]), None))
        if re.fullmatch(r"-[1-9]\d*", destination):
            steps = int(destination[1:])
            target = line[steps] if steps < len(line) else ""
        else:
            target = self._named(destination) or ""
        return ancestors(self.graph, filter(None, [target])) if target in line else None

    def _named(self, name: str) -> str | None:
        """Return the revision of a full id, or of the beginning of one, in hexadecimal."""
        if name in self.graph or not re.fullmatch(r"[0-9a-f]{4,}", name):
            return name if name in self.graph else None
        matches = [revision for revision in self.graph if revision.startswith(name)]
        return matches[0] if len(matches) == 1 else None


def load(settings: Settings) -> Committed | None:
    """Load the manifest of `sql/`; None where there is none.

    Raises StaleError where it does not list exactly the revisions as they are now.
    """
    require_place(settings)
    try:
        lines = _manifest.read(settings)
    except ValueError as error:
        raise StaleError(settings, str(error)) from None
    if lines is None:
        return None
    paths: dict[str, Path] = {}
    sources: dict[str, bytes] = {}
    for path in revision_files(settings):
        content = with_line_feeds(path.read_bytes())
        sources[key := digest(content)] = content
        paths[key] = path
    for line in lines:
        if paths.pop(line.source, None) is None:
            raise StaleError(settings, f"revision {line.revision} has changed, or is missing")
    if paths:
        raise StaleError(settings, f"{min(paths.values()).name} has no SQL yet")
    return Committed(settings, tuple(lines), sources)


def read_history(settings: Settings) -> "History":
    """Return the history as Alembic reads it. Raises as `revisions.read`."""
    from pybase.migrate.revisions import read  # Alembic, 0.45 s: what is fresh does not need it

    return read(settings)


def revision_files(settings: Settings) -> Iterable[Path]:
    """Return every revision's file, as Alembic finds them."""
    folder = _plain_folder(settings)
    if folder is None:
        return [Path(script.path) for script in read_history(settings).revisions]
    return [path for path in folder.glob("*.py") if not path.name.startswith((".#", "__init__"))]


def env_file(settings: Settings) -> Path | None:
    """Return the project's env.py, or None where only Alembic can locate it."""
    folder = _plain_folder(settings)
    return None if folder is None else folder.with_name("env.py")


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  thousands
    except OSError:
        return []


def _plain_folder(settings: Settings) -> Path | None:
    """Return the folder of the revisions, or None where only Alembic can determine it."""
    section = read_options(settings)
    location = section["script_location"]
    if not Path(location).is_dir() or ":" in location or section.keys() & _UNUSUAL:
        return None
    return Path(location) / "versions"


_UNUSUAL = {"version_locations", "recursive_version_locations", "sourceless"}
