"""The committed SQL as something to run: what was reviewed, checked against its revisions.

Reads `sql/` and tells whether it is fresh, by the digests of its manifest alone: nothing of Alembic
is imported and nothing is rendered. It never connects and never writes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.database import _ledger as ledger
from pybase.migrate.sql._lock_modes import LOCKS, SHARE

if TYPE_CHECKING:  # reading a manifest needs no grammar
    from pybase.migrate.sql._split import Block

MANIFEST = "manifest.txt"

REFUSAL = "DO $$ BEGIN RAISE 'This revision "
"""How the SQL begins of a revision that has none."""


@dataclass(frozen=True)
class Step:
    """One direction of one revision, as its committed file says it."""

    revision: str
    is_upgrade: bool
    text: str

    @property
    def title(self) -> str:
        """What the revision does, in its author's words."""
        return self.text.partition("\n")[0].removeprefix("-- ").removeprefix("Undo: ")

    @property
    def is_runnable(self) -> bool:
        """Whether there is SQL for it, of which our grammar knows where each statement ends."""
        ends = [each.transactional for each in self.blocks[-1:]]
        return f"\n{REFUSAL}" not in self.text and ends == [True]

    @property
    def is_blocking(self) -> bool:
        """Whether the rehearsal saw it stand in others' way, or nobody knows."""
        header = _HEADER.match(self.text)
        return bool(header and _BLOCKING.search(header[0]))

    @cached_property
    def blocks(self) -> "tuple[Block, ...]":
        """The statements, without the frame that sqlfiles put around them."""
        from pybase.migrate.sql._split import split

        return tuple(_blocks(split(self.text)))

    @property
    def digest(self) -> str | None:
        """Digest of the revision's own statements, as its line for the ledger says it."""
        found = ledger.in_file(self.text)
        return found[1] if found else None


_BLOCKING = re.compile(
    f": (?:{'|'.join(sorted({blocks for _, blocks in LOCKS[SHARE:]}))})"
    "|^-- (?:loses|unseen|hazards) ",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Entry:
    """A line of the manifest, with the SQL that it speaks of."""

    revision: str
    parents: tuple[str, ...]
    upgrade: Step
    downgrade: Step


@dataclass(frozen=True)
class Committed:
    """The folder `sql/`. `stale` says why it cannot be believed, in half a sentence."""

    entries: tuple[Entry, ...] = ()
    stale: str = ""

    @property
    def is_linear(self) -> bool:
        """Whether each revision follows the one in the line before."""
        before: tuple[str, ...] = ()
        for entry in self.entries:
            if entry.parents != before:
                return False
            before = (entry.revision,)
        return bool(self.entries)

    @property
    def version_table(self) -> str | None:
        """Alembic's version table, by the name under which the last revision moves it."""
        return version_table(self.entries[-1].upgrade.text) if self.entries else None

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {entry.revision: place for place, entry in enumerate(self.entries)}

    def path(self, at: str | None, destination: str, *, is_upgrade: bool) -> list[Step] | None:
        """Return the steps of a linear history from `at` (None is base) to `destination`.

        None for what only Alembic can make out, or will refuse.
        """
        start = -1 if at is None else self._places.get(at)
        end = None if start is None else self._end(start, destination, is_upgrade=is_upgrade)
        if start is None or end is None:
            return None
        if is_upgrade:
            return [entry.upgrade for entry in self.entries[start + 1 : end + 1]]
        if end > start:
            return None
        return [entry.downgrade for entry in reversed(self.entries[end + 1 : start + 1])]

    def _end(self, start: int, destination: str, *, is_upgrade: bool) -> int | None:
        if re.fullmatch(r"\+\d+" if is_upgrade else r"-\d+", destination):
            end = start + int(destination)
            return end if -1 <= end < len(self.entries) and end != start else None
        if destination in ("head", "heads") and is_upgrade:
            return len(self.entries) - 1
        if destination == "base" and not is_upgrade:
            return -1
        exact = self._places.get(destination)
        if exact is not None or not re.fullmatch(r"[0-9a-f]{4,}", destination):
            return exact
        found = [self._places[each] for each in self._places if each.startswith(destination)]
        return found[0] if len(found) == 1 else None

    def get(self, revision: str, *, is_upgrade: bool) -> Step | None:
        """Return one direction of a revision."""
        place = self._places.get(revision)
        if place is None:
            return None
        return self.entries[place].upgrade if is_upgrade else self.entries[place].downgrade


def version_table(text: str) -> str | None:
    """Return Alembic's version table, as the SQL of a revision names it where it moves it."""
    found = _VERSION.findall(text)
    return found[-1] if found else None


_VERSION = re.compile(
    r"^(?:INSERT INTO (?=.* \(version_num\)$)|UPDATE (?=.*\nSET version_num = )"
    r"|DELETE FROM (?=.*\nWHERE .*\.version_num = ))"
    r'((?:"[^"\n]*"|[^\s"])+)',
    re.MULTILINE,
)


class Line(NamedTuple):
    """A line of the manifest: a revision, its parents, and the digests of its three files."""

    revision: str
    parents: str
    source: str
    upgrade: str
    downgrade: str


def manifest(settings: Settings) -> list[Line] | None:
    """Read the manifest; None where there is none. Raises ValueError where it is no manifest."""
    try:
        text = (settings.sql / MANIFEST).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    if not all(len(line) == len(Line._fields) for line in lines):
        raise ValueError(f"{MANIFEST} is not as it was written")
    return [Line(*line) for line in lines]


def read(settings: Settings, *, way_back: bool = True) -> Committed | None:
    """Read `sql/` and compare it with the revisions; None where there is no manifest.

    Without the `way_back` downgrades are neither read nor compared: a run up does not need them.
    """
    try:
        lines = manifest(settings)
    except ValueError as error:
        return Committed(stale=str(error))
    if lines is None:
        return None
    revisions = {digest(path.read_bytes()): path for path in _revision_files(settings)}
    ways = ("upgrade", "downgrade") if way_back else ("upgrade",)
    entries = []
    for revision, parents, source, *digests in lines:
        path = revisions.pop(source, None)
        if path is None:
            return Committed(stale=f"revision {revision} has changed, or is gone")
        texts = [
            verified(settings.sql / way / f"{path.stem}.sql", wanted)
            for way, wanted in zip(ways, digests, strict=False)
        ]
        if None in texts:
            return Committed(stale=f"the SQL of revision {revision} has changed, or is gone")
        up, down, *_ = (*(text or "" for text in texts), "")
        steps = (Step(revision, True, up), Step(revision, False, down))
        entries.append(Entry(revision, _ids(parents), *steps))
    if revisions:
        return Committed(stale=f"{min(revisions.values()).name} has no SQL yet")
    return Committed(tuple(entries))


def changed(reviewed: Committed, connection: psycopg.Connection[Any]) -> list[ledger.Entry]:
    """Return what is applied to a database, by its ledger, from other SQL than is committed now."""
    table = ledger.beside(reviewed.version_table or "")
    found = ledger.entries(lambda query: connection.execute(query.encode()), table)
    steps = ((each, reviewed.get(each.revision, is_upgrade=True)) for each in found.values())
    return [
        entry
        for entry, step in steps
        if step and entry.direction == "upgrade" and entry.digest not in (None, step.digest)
    ]


def _ids(parents: str) -> tuple[str, ...]:
    return () if parents == "-" else tuple(parents.split(","))


def digests(settings: Settings) -> Callable[[str, bool], str | None]:
    """Return what tells the digest of a revision's committed SQL, where that is fresh."""

    @cache
    def found() -> Committed | None:
        return read(settings)

    def digest_of(revision: str, is_upgrade: bool) -> str | None:
        known = found()
        step = known and known.get(revision, is_upgrade=is_upgrade)
        return step.digest if step else None

    return digest_of


def verified(path: Path, wanted: str) -> str | None:
    """Return the text of a file that has the digest which the manifest says."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content.decode("utf-8") if digest(content) == wanted else None


def _revision_files(settings: Settings) -> Iterable[Path]:
    """Return every revision's file, as Alembic would find them."""
    folder = _plain_folder(settings)
    if folder is None:
        from pybase.migrate.revisions import (
            _history as history,  # only Alembic can read such a configuration
        )

        return [Path(script.path) for script in history.read(settings).revisions]
    return [path for path in folder.glob("*.py") if not path.name.startswith((".", "__init__"))]


def _plain_folder(settings: Settings) -> Path | None:
    """Return the folder of the revisions, or None where it takes Alembic to tell."""
    ini = ConfigParser({"here": str(settings.root)})
    try:
        ini.read(settings.config_path, encoding="utf-8")
        section = dict(ini["alembic"])
    except (Error, KeyError, UnicodeDecodeError):
        return None
    location = section.get("script_location", "")
    if not location or ":" in location or section.keys() & _UNUSUAL:
        return None
    return Path(location) / "versions"


_UNUSUAL = {"version_locations", "recursive_version_locations", "sourceless"}


def _blocks(statements: Iterable[str]) -> Iterable["Block"]:
    """Find the transactions that sqlfiles wrote as BEGIN, a lock timeout, and COMMIT."""
    from pybase.migrate.sql._split import Block

    inside: list[str] | None = None
    is_begun = False
    for statement in statements:
        frame = _HEADER.sub("", statement)
        if is_begun and frame.startswith("SET LOCAL lock_timeout"):
            is_begun = False
        elif frame == "BEGIN" and inside is None:
            inside, is_begun = [], True
        elif frame == "COMMIT" and inside is not None:
            yield Block(tuple(inside), transactional=True)
            inside = None
        elif inside is not None:
            inside.append(statement)
        elif frame != "SET client_encoding = 'UTF8'":
            yield Block((statement,), transactional=False)
    if inside:
        yield Block(tuple(inside), transactional=True)


_HEADER = re.compile(r"\A(?:--.*\n|\n)+")
