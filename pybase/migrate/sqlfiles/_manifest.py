"""The manifest: a line a revision, parents first, with digests that tie its files to it."""

from collections.abc import Iterable
from urllib.parse import quote, unquote

from msgspec import Struct

from pybase.core.files import digest
from pybase.core.settings import Settings
from pybase.migrate.record import Direction, Directions

NAME = "manifest.txt"

_HEADER = (
    "# Written by `nox -s sql`, one line a revision, parents first: id, parents, file name,\n"
    "# digests of the revision file, its record, its upgrade SQL and its downgrade SQL.\n"
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

    def __str__(self) -> str:
        parents = ",".join(map(_encoded, self.parents)) or "-"
        digests = (self.source, self.record, self.sql.upgrade, self.sql.downgrade)
        return " ".join((_encoded(self.revision), parents, _encoded(self.stem), *digests))


def line(revision: str, parents: tuple[str, ...], stem: str, source: bytes, *texts: str) -> Line:
    """Return the line of a revision, given its file, its record, its upgrade and its downgrade."""
    record, upgrade, downgrade = (digest(text.encode()) for text in texts)
    sql = Directions(upgrade, downgrade)
    return Line(revision, parents, stem, digest(source), record, sql)


def to_text(lines: Iterable[Line]) -> str:
    """Return the file."""
    return _HEADER + "".join(f"{line}\n" for line in lines)


def has_manifest(settings: Settings) -> bool:
    """Return whether the project keeps its SQL in `sql/`."""
    return (settings.sql / NAME).is_file()


def read(settings: Settings) -> list[Line] | None:
    """Read the manifest; None where there is none.

    Raises ValueError for another format, and for a file that cannot be read: what is not reviewed
    must not be run in its place.
    """
    try:
        text = (settings.sql / NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise ValueError(f"{NAME} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"{NAME} cannot be read: {error.strerror}") from None
    rows = [row.split() for row in text.splitlines() if not row.startswith("#")]
    if not all(len(row) == _FIELDS for row in rows):
        raise ValueError(f"{NAME} was written by an earlier version, or edited")
    return [_line(*row) for row in rows]


_FIELDS = 7


def _line(
    revision: str, parents: str, stem: str, source: str, record: str, up: str, down: str
) -> Line:
    ids = () if parents == "-" else tuple(map(unquote, parents.split(",")))
    return Line(unquote(revision), ids, unquote(stem), source, record, Directions(up, down))


def _encoded(name: str) -> str:
    """Return a name without blanks, commas and the like; `-` alone means no parents."""
    return quote(name, safe="") if name != "-" else "%2D"
