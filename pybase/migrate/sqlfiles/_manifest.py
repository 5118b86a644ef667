"""The manifest: every file of `sql/` by name, and with digests those of each revision.

What no manifest names is never deleted.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from msgspec import Struct

from pybase.core.files import digest, with_line_feeds
from pybase.core.settings import Settings
from pybase.migrate.record import Direction, Directions

MANIFEST = "manifest.txt"
ALWAYS = frozenset({MANIFEST, "README.md", "schema.json"})
"""Files that belong to no revision, and that every folder has."""

_HEADER = (
    "# Written by `nox -s sql`: the files that belong to no revision, then one line a revision,\n"
    "# parents first: id, parents, file name, digests of the revision file, its record, its\n"
    "# upgrade SQL and its downgrade SQL. Only what is named here is ever deleted.\n"
    "# A conflict here means that two branches each added a revision: settle their order first.\n"
)


class Line(Struct, frozen=True):
    """A revision, its parents, the name of its files, and their digests."""

    revision: str
    parents: tuple[str, ...]
    stem: str
    source: str
    record: str
    sql: Directions[str]

    def path(self, direction: Direction) -> str:
        """Return the path of a SQL file below `sql/`."""
        return f"{direction.value}/{self.stem}.sql"

    @property
    def record_path(self) -> str:
        """The path of the record below `sql/`."""
        return f"records/{self.stem}.json"

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the record, the upgrade and the downgrade."""
        return self.record_path, *map(self.path, Direction)

    def __str__(self) -> str:
        parents = ",".join(map(_encoded, self.parents)) or "-"
        digests = (self.source, self.record, self.sql.upgrade, self.sql.downgrade)
        return " ".join((_encoded(self.revision), parents, _encoded(self.stem), *digests))


def line(revision: str, parents: tuple[str, ...], stem: str, source: bytes, *texts: str) -> Line:
    """Return the line of a revision, given its file, its record, its upgrade and its downgrade."""
    record, upgrade, downgrade = (digest(text.encode()) for text in texts)
    sql = Directions(upgrade, downgrade)
    return Line(revision, parents, stem, digest(with_line_feeds(source)), record, sql)


def to_text(lines: Iterable[Line], others: Iterable[str] = ()) -> str:
    """Return the file; `others` are the paths of files that belong to no revision."""
    rows = (*(quote(path) for path in sorted(others)), *map(str, lines))
    return _HEADER + "".join(f"{row}\n" for row in rows)


def names(text: str) -> set[str]:
    """Return the files that a manifest names; also of one in which git has left a conflict.

    Empty for a file that is no manifest of ours.
    """
    rows = _rows(text)
    lines = [_line(*row) for row in rows if len(row) == _FIELDS and _DIGESTS.fullmatch(row[-1])]
    others = {unquote(row[0]) for row in rows if len(row) == 1}
    if not lines and not others >= ALWAYS - {MANIFEST}:
        return set()
    return others.union(ALWAYS, *(line.paths for line in lines))


def has_manifest(settings: Settings) -> bool:
    """Return whether the project keeps its SQL in `sql/`."""
    return (settings.sql / MANIFEST).is_file()


def read(settings: Settings) -> list[Line] | None:
    """Read the manifest; None where there is none.

    Raises ValueError for another format, another order than parents first, and for a file that
    cannot be read: what is not reviewed must not be run in its place.
    """
    try:
        text = (settings.sql / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ValueError(f"{MANIFEST} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"{MANIFEST} cannot be read: {error.strerror}") from None
    rows = [row for row in _rows(text) if len(row) > 1]
    if not all(len(row) == _FIELDS for row in rows):
        raise ValueError(f"{MANIFEST} was written by an earlier version, or edited")
    lines = [_line(*row) for row in rows]
    _require_order(lines)
    return lines


_FIELDS = 7
_DIGESTS = re.compile(r"[0-9a-f]{16}")


def _rows(text: str) -> list[list[str]]:
    return [row.split() for row in text.splitlines() if not row.startswith("#")]


def _require_order(lines: Iterable[Line]) -> None:
    """Refuse a revision that is listed twice, or before one of its parents."""
    listed: set[str] = set()
    for line in lines:
        if line.revision in listed:
            raise ValueError(f"{MANIFEST} lists revision {line.revision} twice")
        missing = [parent for parent in line.parents if parent not in listed]
        if missing:
            raise ValueError(
                f"{MANIFEST} lists revision {line.revision} before its parent {missing[0]}"
            )
        listed.add(line.revision)


def _line(
    revision: str, parents: str, stem: str, source: str, record: str, up: str, down: str
) -> Line:
    ids = () if parents == "-" else tuple(map(unquote, parents.split(",")))
    return Line(unquote(revision), ids, unquote(stem), source, record, Directions(up, down))


def _encoded(name: str) -> str:
    """Return a name without blanks, commas and the like; `-` alone means no parents."""
    return quote(name, safe="") if name != "-" else "%2D"
