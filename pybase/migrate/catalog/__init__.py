"""A whole schema as a mapping, and the difference of two: the one way we compare schemas.

`snapshot` reads every object that a revision of anybody could have made and gives each a readable
identity and PostgreSQL's own definition. It serves four jobs: models equal revisions, a downgrade
leaves no trace, committed SQL equals the online run, and what a revision changed. This package
knows no model and no revision, and never writes to a database.

Left out, because no comparison of schemas should depend on it: the order of columns, the names of
NOT NULL constraints (PostgreSQL 16 has none), the version of an extension, where a sequence stands,
and whatever belongs to an extension, to the system, to the cluster (roles, tablespaces, databases
and their settings) or to one session. User mappings, subscriptions and security labels too.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg

from pybase.core.humanize import counted
from pybase.migrate.catalog._read import CatalogObject, read_objects

__all__ = [
    "CatalogObject",
    "Change",
    "Snapshot",
    "describe",
    "difference",
    "objects",
    "read_objects",
    "snapshot",
    "snapshot_of",
]

Snapshot: TypeAlias = Mapping[str, str]
"""Identity of each object -> its definition.

An identity is the kind and the quoted, qualified name: `table public.records`, `column
public.records.data`, `index public.ix_records_data`, `function public.f(integer, text)`, `comment
on table public.records`, `grants on schema "Old"`. A definition is SQL without a last semicolon.
"""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One object that two snapshots do not agree on; None on the side that lacks it."""

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

    `ignore_tables` names relations as identities do (`public.alembic_version`): they are left out
    with everything that hangs on them. Works in an open transaction, whose own changes it sees, as
    well as in autocommit, whatever the settings of the session are, and leaves no trace in either.
    An owner is told only where it is not the role of the session, and grants only where they are
    not the default. `keep_prepared` makes the next reads of this session three times as fast, and
    leaves a prepared statement in it.

    Raises `psycopg.Error` when the server refuses the read.
    """
    return snapshot_of(objects(connection, ignore_tables, keep_prepared=keep_prepared))


def objects(
    connection: psycopg.Connection[Any],
    ignore_tables: Collection[str] = (),
    *,
    keep_prepared: bool = False,
) -> tuple[CatalogObject, ...]:
    """Read what a snapshot is made of, where more than its text is wanted. As `snapshot`."""
    ignored = set(ignore_tables)
    found = read_objects(connection, keep_prepared=keep_prepared)
    return tuple(item for item in found if item.table not in ignored)


def snapshot_of(items: Iterable[CatalogObject]) -> dict[str, str]:
    """Return the snapshot of objects that were read already."""
    return dict(sorted((item.identity, ";\n".join(item.statements)) for item in items))


def difference(old: Snapshot, new: Snapshot) -> list[Change]:
    """Return what must change to lead from `old` to `new`, sorted by identity."""
    return [
        Change(identity, old.get(identity), new.get(identity))
        for identity in sorted(old.keys() | new.keys())
        if old.get(identity) != new.get(identity)
    ]


def describe(
    changes: Iterable[Change], before: str = "before", after: str = "after", limit: int = 20
) -> str:
    """Tell changes as text for an error message, without a newline at its end.

    `before` and `after` name the two sides ("models", "revisions"). The columns, constraints and
    the like of a table that one side lacks are counted, not listed, and so is what exceeds `limit`.
    """
    blocks = ["\n".join(_lines(change, parts, before, after)) for change, parts in _folded(changes)]
    if len(blocks) > limit:
        blocks[limit:] = [f"and {len(blocks) - limit} more"]
    return "\n".join(blocks)


_PART = re.compile(
    r"""(?:comment\ on\ |grants\ on\ |owner\ of\ )?
        (?:column|constraint|trigger|rule|policy)\ (?P<whole>.+)\.(?:"(?:[^"]|"")*"|[^."]+)""",
    re.VERBOSE | re.DOTALL,
)
_ABOUT = re.compile(r"(?:comment on|grants on|owner of) (?P<whole>.+)", re.DOTALL)
_WHOLE = re.compile(r"(?:(?:foreign )?table|(?:materialized )?view|domain) (?P<name>.+)", re.DOTALL)


def _folded(changes: Iterable[Change]) -> Iterator[tuple[Change, int]]:
    """Yield each change that is worth a line, with the number of those that follow from it."""
    changes = list(changes)
    wholes = {}
    for change in changes:
        if change.is_one_sided:
            match = _WHOLE.fullmatch(change.identity)
            for name in (change.identity, *(match.groups() if match else ())):
                wholes[name, change.before is None] = change.identity
    told, parts = [], Counter[str]()
    for change in changes:
        matches = (pattern.fullmatch(change.identity) for pattern in (_PART, _ABOUT))
        keys = [(match["whole"], change.before is None) for match in matches if match]
        whole = next((wholes[key] for key in keys if key in wholes), None)
        if whole and change.is_one_sided:
            parts[whole] += 1
        else:
            told.append(change)
    for change in told:
        yield change, parts[change.identity]


def _lines(change: Change, parts: int, before: str, after: str) -> Iterator[str]:
    """Yield one change as lines: what it is about, then the definitions that tell it apart."""
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
