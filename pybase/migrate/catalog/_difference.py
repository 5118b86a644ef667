"""Snapshots of schemas as text, and the difference of two."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import psycopg
from msgspec import Struct

from pybase.core.humanize import counted
from pybase.migrate.catalog._definitions import CatalogObject, read_objects

Snapshot: TypeAlias = Mapping[str, str]
"""Identity of each object -> its definition.

An identity is the kind and the quoted, qualified name: `table public.records`, `column
public.records.data`, `index public.ix_records_data`, `function public.f(integer, text)`, `comment
on table public.records`, `grants on schema "Old"`. A definition is SQL without a last semicolon.
"""

_ABOUT = ("comment on ", "grants on ", "owner of ")
_PART_KINDS = ("column ", "constraint ", "trigger ", "rule ", "policy ")
_PARENT_KINDS = ("table ", "foreign table ", "view ", "materialized view ", "domain ")


class Change(Struct, frozen=True, order=True):
    """One object on which two snapshots do not agree; None where one lacks it."""

    identity: str
    before: str | None
    after: str | None

    @property
    def is_one_sided(self) -> bool:
        """Whether one of the snapshots lacks the object."""
        return self.before is None or self.after is None


def snapshot(
    connection: psycopg.Connection[Any],
    *,
    ignore_tables: Collection[str] = (),
    keep_prepared: bool = False,
) -> dict[str, str]:
    """Read every object of a database as `{identity: definition}`, sorted by identity.

    `ignore_tables` and `keep_prepared` as in `read_objects`. Works in an open transaction, whose
    own changes are read, as well as in autocommit, whatever the settings of the session are, and
    leaves no trace in either. An owner is listed only where it is not the role of the session, and
    grants only where they are not the default.

    Raises `psycopg.Error` when the server refuses the read.
    """
    return snapshot_of(read_objects(connection, ignore_tables, keep_prepared=keep_prepared))


def snapshot_of(objects: Iterable[CatalogObject]) -> dict[str, str]:
    """Return the snapshot of objects that were read already."""
    return dict(sorted((item.identity, ";\n".join(item.statements)) for item in objects))


def difference(old: Snapshot, new: Snapshot) -> list[Change]:
    """Return the changes that turn `old` into `new`, sorted by identity."""
    return [
        Change(identity, old.get(identity), new.get(identity))
        for identity in sorted(old.keys() | new.keys())
        if old.get(identity) != new.get(identity)
    ]


def describe(
    changes: Iterable[Change], before: str = "before", after: str = "after", limit: int = 20
) -> str:
    """Return changes as text for an error message, without a newline at its end.

    `before` and `after` name the two sides ("models", "revisions"). The columns, constraints and
    the like of a table that one side lacks are counted, not listed, and so is what exceeds `limit`.
    """
    blocks = ["\n".join(_lines(change, parts, before, after)) for change, parts in _folded(changes)]
    if len(blocks) > limit:
        blocks[limit:] = [f"and {len(blocks) - limit} more"]
    return "\n".join(blocks)


def _folded(changes: Iterable[Change]) -> Iterator[tuple[Change, int]]:
    """Yield each change that is worth a line, with the number of those that follow from it."""
    changes = list(changes)
    one_sided = {
        (name, change.before is None): change.identity
        for change in changes
        if change.is_one_sided
        for name in (change.identity, _without(_PARENT_KINDS, change.identity))
    }
    listed, parts = [], Counter[str]()
    for change in changes:
        keys = ((name, change.before is None) for name in _parent_names(change.identity))
        parent = next((one_sided[key] for key in keys if key in one_sided), None)
        if parent and change.is_one_sided:
            parts[parent] += 1
        else:
            listed.append(change)
    for change in listed:
        yield change, parts[change.identity]


def _parent_names(identity: str) -> Iterator[str]:
    """Yield what may name the table or domain of a part, then the subject of a comment."""
    subject = _without(_ABOUT, identity)
    name = _without(_PART_KINDS, subject)
    if name != subject:
        words = name.split(".")  # a name may contain a point: then this yields names of nothing
        yield from (".".join(words[:length]) for length in range(1, len(words)))
    if subject != identity:
        yield subject


def _without(prefixes: tuple[str, ...], identity: str) -> str:
    prefix = next((text for text in prefixes if identity.startswith(text)), "")
    return identity.removeprefix(prefix)


def _lines(change: Change, parts: int, before: str, after: str) -> Iterator[str]:
    """Yield one change as lines: what it is about, then the definitions that differ."""
    if change.before is None or change.after is None:
        side = after if change.before is None else before
        more = f", with {counted(parts, 'object')} of its own" if parts else ""
        yield f"only in {side}: {change.identity}{more}"
        return
    width = max(len(before), len(after))
    yield f"differs: {change.identity}"
    for side, definition in ((before, change.before), (after, change.after)):
        margin = "\n" + " " * (width + 6)
        yield f"    {side:<{width}}  {margin.join(definition.splitlines())}"
