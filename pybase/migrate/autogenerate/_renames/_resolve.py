"""Renames carried out on the scratch database, before anything else is compared.

Those of `--rename` come first, then what differs in its name alone; what may be a rename or not is
asked. PostgreSQL itself then shows what else the rename has changed.
"""

from collections.abc import Sequence

import psycopg
from msgspec import Struct

from pybase.core.errors import UsageError
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate._operations import Part
from pybase.migrate.autogenerate._renames._candidates import candidates, derived
from pybase.migrate.autogenerate._renames._rename import (
    Rename,
    choose,
    create_schema,
    first_known,
    parse,
    rename_parts,
    rename_sql,
)
from pybase.migrate.autogenerate._request import Request
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.autogenerate._scope import Scope
from pybase.migrate.catalog import Change
from pybase.migrate.revisions import RenderedHistory
from pybase.postgres import connect_scratch


class Resolved(Struct, frozen=True):
    """The old schema after the renames, what still differs, and the steps of the renames."""

    old: Side
    changes: list[Change]
    parts: list[Part]


def resolve_renames(
    url: str, rendered: RenderedHistory, scope: Scope, old: Side, new: Side, request: Request
) -> Resolved:
    """Carry out every rename on the scratch database.

    Raises CheckFailedError where only the user can decide, UsageError for an unknown `--rename`.
    """
    flags = list(request.renames)
    parts: list[Part] = []
    is_open = not request.no_rename
    while True:
        changes = compare.gap(old, new, scope)
        known = first_known(old, new, flags)
        taken = [known[1]] if known else []
        if known:
            flags.remove(known[0])
        elif not request.no_rename or parts:
            taken = derived(old, new, changes)
        if not taken and is_open and not flags:
            taken = choose(candidates(old, new, changes), request.ask)
            is_open = bool(taken) and request.ask is not None
        if not taken:
            break
        parts += _carry_out(url, old, taken)
        old = compare.read_url(url, rendered, scope)
    for flag in flags:
        parse(old, new, flag)  # raises UsageError: it names nothing
    return Resolved(old, changes, parts)


def _carry_out(url: str, old: Side, taken: Sequence[Rename]) -> list[Part]:
    """Rename on the scratch database; return the steps that do the same in a revision."""
    parts: list[Part] = []
    with connect_scratch(url, autocommit=True) as connection:
        for rename in taken:
            try:
                for sql in (*create_schema(old, rename), *rename_sql(rename)):
                    connection.execute(sql.encode())
            except psycopg.Error as error:
                problem = f"{rename.flag} cannot be done: {error.diag.message_primary}."
                raise UsageError(problem, "Nothing was written.", code="rename-fails") from error
            parts += rename_parts(old, rename)
    return parts
