"""Renames, carried out on the scratch database before anything else is compared.

What a person said comes first, then what has another name and nothing else; what may be either is
asked. PostgreSQL itself then tells what the rename has changed on the way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from pybase.core.errors import UsageError
from pybase.migrate.autogenerate import _compare as compare
from pybase.migrate.autogenerate import _rename_candidates as alike
from pybase.migrate.autogenerate import _rename_steps as rename_steps
from pybase.migrate.autogenerate import _renames as renames
from pybase.migrate.autogenerate._compare import Scope
from pybase.migrate.autogenerate._operations import Part
from pybase.migrate.autogenerate._renames import Rename
from pybase.migrate.autogenerate._request import Request
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.catalog import Change
from pybase.migrate.revisions._render import RenderedHistory


@dataclass(frozen=True)
class Comparison:
    """Both sides, after the renames that were settled, and what still differs."""

    old: Side
    new: Side
    changes: list[Change]
    renamed: list[Part]


def renamed(
    url: str,
    rendered: RenderedHistory,
    wanted: Scope,
    old: Side,
    new: Side,
    request: Request,
) -> Comparison:
    """Carry out every rename that is told, asked for or plain on the scratch database."""
    flags = list(request.renames)
    parts: list[Part] = []
    is_open = not request.no_rename
    while True:
        changes = compare.gap(old, new, wanted)
        told = renames.chosen(old, new, flags)[:1]
        taken = [rename for _, rename in told]
        flags = [flag for flag in flags if flag not in {flag for flag, _ in told}]
        if (not taken and not request.no_rename) or (not taken and parts):
            taken = alike.derived(old, new, changes)
        if not taken and is_open and not flags:
            taken = renames.settle(alike.candidates(old, new, changes), request.ask)
            is_open = bool(taken) and request.ask is not None
        if not taken:
            break
        parts += _carry_out(url, old, taken)
        old = compare.read_url(url, rendered)
    for flag in flags:
        renames.parse(old, new, flag)  # raises: nothing is called so
    return Comparison(old, new, changes, parts)


def _carry_out(url: str, old: Side, taken: Sequence[Rename]) -> list[Part]:
    """Rename on the scratch database; the steps that do the same in a revision."""
    parts = []
    with psycopg.connect(url, autocommit=True) as connection:
        for rename in taken:
            steps = [*rename_steps.schema_parts(old, rename), rename_steps.part(rename)]
            statements = [*rename_steps.schema_sql(old, rename), *rename_steps.sql(rename)]
            for statement in statements:
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    raise UsageError(
                        f"{rename.flag} cannot be done: {error.diag.message_primary}.",
                        "Nothing was written.",
                    ) from error
            parts += steps
    return parts
