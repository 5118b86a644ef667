"""What a SQL file says of itself: the header that `comments` wrote, read back.

So that `migrate` can tell what it will lock, read and destroy without rehearsing anything, on a
machine that has no scratch server: what was reviewed is what is believed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pybase.core.files import digest
from pybase.migrate.rehearsal._hazards import ERROR, HAZARDS
from pybase.migrate.sql._lock_modes import LOCKS
from pybase.migrate.sqlfiles._committed import MANIFEST, manifest, verified

if TYPE_CHECKING:
    from alembic.script import Script

    from pybase.migrate.revisions._history import History


@dataclass(frozen=True)
class Table:
    """What a direction was seen to do to a table that was there before.

    `lock` is a rank in `modes.LOCKS`, `text` what the header says of it.
    """

    relation: str
    lock: int
    text: str
    is_rewritten: bool = False
    is_scanned: bool = False
    is_changed: bool = False


@dataclass(frozen=True)
class Header:
    """The header of one file, with the statements behind it.

    `place` is where it leads ("back to base"), `shape` how it runs ("one transaction"), `unseen`
    what the rehearsal could not see. Where it is not `is_fresh`, the file was not what the
    revision renders to, and this was rendered for the occasion.
    """

    revision: str
    title: str
    place: str
    shape: str
    tables: tuple[Table, ...] = ()
    losses: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    sql: str = field(default="", repr=False)
    is_fresh: bool = True

    @property
    def refused(self) -> tuple[str, ...]:
        """The hazards at the level of an error that nobody has accepted."""
        return tuple(
            each
            for each in self.hazards
            if HAZARDS[each.partition(" ")[0]].level == ERROR and "(accepted: " not in each
        )


def parse(text: str, *, is_fresh: bool = True) -> Header:
    """Read a file of `sql/`. Raises ValueError where there is no header of ours."""
    found = _HEADER.match(text)
    if found is None:
        raise ValueError("there is no header")
    tables, told = _rows(found["rows"])
    return Header(
        revision=found["revision"],
        title=found["title"].removeprefix("Undo: "),
        place=found["place"],
        shape=found["shape"],
        tables=tuple(tables),
        losses=tuple(part for part in " ".join(told["loses"]).split(", ") if part),
        hazards=tuple(_joined(told["hazards"])),
        unseen=tuple(_sentence(told["unseen"])),
        sql=text[found.end() :],
        is_fresh=is_fresh,
    )


_HEADER = re.compile(
    r"-- (?P<title>.*)\n--\n-- revision +(?P<revision>.+?), (?P<place>.*); (?P<shape>.*)\n"
    r"(?P<rows>(?:--.*\n)*)"
)
_ROW = re.compile(r"-- (?:(?P<name>\S(?:.*?\S)??)  +| +)(?P<text>\S.*)")
_DONE = "rewritten|scanned|rows changed|no rewrite, no scan"
_TOUCH = re.compile(
    f"(?P<mode>{'|'.join(mode for mode, _ in LOCKS)}): "
    f"(?:{'|'.join(sorted({blocks for _, blocks in LOCKS}))})(?P<done>(?:; (?:{_DONE}))*)"
)
_RANKS = {mode: rank for rank, (mode, _) in enumerate(LOCKS)}


def _rows(text: str) -> tuple[list[Table], dict[str, list[str]]]:
    tables: list[Table] = []
    told: dict[str, list[str]] = {"loses": [], "unseen": [], "hazards": []}
    name = ""
    for row in filter(None, map(_ROW.fullmatch, text.splitlines())):
        name = row["name"] or name
        touch = _TOUCH.fullmatch(row["text"])
        if touch and row["name"] and not any(told.values()):
            tables.append(_table(name, row["text"], touch))
        elif name in told:
            told[name].append(row["text"])
        elif name == "...":
            told["unseen"].append(row["text"])
    return tables, told


def _table(name: str, text: str, touch: "re.Match[str]") -> Table:
    done = touch["done"].split("; ")
    return Table(
        name,
        _RANKS[touch["mode"]],
        text,
        "rewritten" in done,
        "scanned" in done,
        "rows changed" in done,
    )


def _joined(lines: Iterable[str]) -> list[str]:
    """Put lines together again that were one hazard before they were wrapped."""
    found: list[str] = []
    for line in lines:
        code, _, rest = line.partition(" ")
        is_new = code in HAZARDS and (not rest or rest.startswith(("on ", "(accepted: ")))
        is_open = bool(found) and "(accepted: " in found[-1] and not found[-1].endswith(")")
        if is_new and not is_open:
            found.append(line)
        elif found:
            found[-1] += f" {line}"
    return found


def _sentence(lines: Sequence[str]) -> list[str]:
    return [" ".join(lines)] if lines else []


def of(history: "History", scripts: Sequence["Script"], *, is_upgrade: bool = True) -> list[Header]:
    """Return the headers of one direction of some revisions, in their order.

    Those of the committed files, or, when one of these is not fresh, rendered and rehearsed now.
    Raises as build does.
    """
    way = "upgrade" if is_upgrade else "downgrade"
    texts = _committed(history, scripts, way)
    if all(text is not None for text in texts):
        return [parse(text or "") for text in texts]
    from pybase.migrate.sqlfiles import _build as build
    from pybase.migrate.sqlfiles import _files as sqlfiles

    built = build.build(history)
    files = {
        each.script.revision: sqlfiles.file_text(each, getattr(each, way), getattr(report, way))
        for each, report in zip(built.rendered.revisions, built.reports, strict=True)
    }
    return [
        parse(
            files[script.revision],
            is_fresh=text == files[script.revision] or not _keeps_sql(history),
        )
        for script, text in zip(scripts, texts, strict=True)
    ]


def committed(
    history: "History", scripts: Sequence["Script"], *, is_upgrade: bool = True
) -> list[Header]:
    """Return the headers of committed files, and nothing is rendered for them.

    One is without a word where its file is not fresh, or where a project keeps no `sql/`.
    """
    texts = _committed(history, scripts, "upgrade" if is_upgrade else "downgrade")
    is_fresh = not _keeps_sql(history)
    return [
        Header(script.revision, script.doc, "", "", is_fresh=is_fresh)
        if text is None
        else parse(text)
        for script, text in zip(scripts, texts, strict=True)
    ]


def _keeps_sql(history: "History") -> bool:
    return (history.settings.sql / MANIFEST).is_file()


def _committed(history: "History", scripts: Sequence["Script"], way: str) -> list[str | None]:
    """Return the text of each file that is as the manifest says, as its revision is."""
    folder = history.settings.sql / way
    try:
        lines = {line.revision: line for line in manifest(history.settings) or ()}
    except ValueError:
        lines = {}
    texts = []
    for script in scripts:
        path, line = Path(script.path), lines.get(script.revision)
        is_same = line is not None and digest(path.read_bytes()) == line.source
        wanted = getattr(line, way) if is_same else ""
        texts.append(verified(folder / f"{path.stem}.sql", wanted))
    return texts
