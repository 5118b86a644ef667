"""Columns as source: `sa.Column(...)` where SQLAlchemy can say it, and as SQL."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.autogenerate._source import comment_of, escaped, text
from pybase.migrate.autogenerate._types import python_type
from pybase.migrate.sql._names import raw

NOTHING: Mapping[str, Any] = MappingProxyType({})


def column_source(
    side: Side, column: Column, *, in_key: bool = False, changed: Mapping[str, Any] = NOTHING
) -> str | None:
    """Return `sa.Column(...)`, or None where SQLAlchemy cannot say it.

    `changed` overrides `default`, `required` and the like for a step on the way.
    """
    default = str(changed.get("default", column.default))
    required = bool(changed.get("required", column.required))
    enums = frozenset(side.labels)
    type_ = python_type(column.type, column.collation, enums)
    if type_ is None or not (raw(column.name) and raw(column.table)):
        return None
    arguments = [repr(raw(column.name)), type_]
    options: list[str] = []
    if column.generated:
        persisted = column.storage == "STORED"
        arguments.append(f"sa.Computed({escaped(column.generated)!r}, persisted={persisted})")
    elif column.identity:
        identity = _identity(side, column)
        if identity is None:
            return None
        arguments.append(identity)
    elif column.sequence and default:
        if not (in_key and is_plain_serial(side, column)):
            return None
        options.append("autoincrement=True")
    elif default:
        options.append(f"server_default={text(default)}")
    if in_key and not options and not column.identity:
        options.append("autoincrement=False")
    options.append(f"nullable={not required}")
    comment = comment_of(side, column.identity_key)
    if comment is not None:
        options.append(f"comment={comment!r}")
    return f"sa.Column({', '.join([*arguments, *options])})"


def is_plain_serial(side: Side, column: Column) -> bool:
    """Whether `SERIAL` makes exactly this column and its sequence."""
    sequence = side.objects.get(f"sequence {column.sequence}")
    name = f"{raw(column.table)}_{raw(column.name)}_seq"
    usual = {"integer": 2147483647, "bigint": 9223372036854775807, "smallint": 32767}
    return bool(
        sequence
        and raw(column.sequence) == name
        and column.type in usual
        and re.search(
            rf" AS {column.type} INCREMENT BY 1 MINVALUE 1 MAXVALUE {usual[column.type]}"
            " START WITH 1 CACHE 1$",
            sequence.definition,
        )
    )


def sequence_options(definition: str) -> str:
    """Return the options of a sequence's definition, in full, CYCLE or NO CYCLE among them."""
    found = re.search(r" (INCREMENT BY .*)$", definition)
    options = found[1] if found else ""
    return options if options.endswith(" CYCLE") else f"{options} NO CYCLE"


_USUAL = re.compile(
    r"INCREMENT BY 1 MINVALUE 1 MAXVALUE (32767|2147483647|9223372036854775807) START WITH 1"
    r" CACHE 1 NO CYCLE"
)


def _identity(side: Side, column: Column) -> str | None:
    sequence = side.objects.get(f"sequence {column.sequence}")
    if sequence is None or raw(column.sequence) != f"{raw(column.table)}_{raw(column.name)}_seq":
        return None
    options = sequence_options(sequence.definition)
    always = f"always={column.identity == 'ALWAYS'}"
    if _USUAL.fullmatch(options):
        return f"sa.Identity({always})"
    found = re.fullmatch(
        r"INCREMENT BY (-?\d+) MINVALUE (-?\d+) MAXVALUE (-?\d+) START WITH (-?\d+)"
        r" CACHE (\d+) (NO )?CYCLE",
        options,
    )
    if found is None:
        return None
    words = ("increment", "minvalue", "maxvalue", "start", "cache")
    given = ", ".join(f"{word}={value}" for word, value in zip(words, found.groups(), strict=False))
    return f"sa.Identity({always}, {given}, cycle={found[6] is None})"


def column_sql(
    side: Side, column: Column, *, default: str | None = None, required: bool | None = None
) -> str:
    """Return a column as SQL: name, type and everything else."""
    default = column.default if default is None else default
    required = column.required if required is None else required
    words = [column.name, column.type]
    if column.collation:
        words.append(f"COLLATE {column.collation}")
    if column.generated:
        words.append(f"GENERATED ALWAYS AS ({column.generated}) {column.storage}")
    elif column.identity:
        sequence = side.objects.get(f"sequence {column.sequence}")
        options = sequence_options(sequence.definition) if sequence else ""
        name = f"SEQUENCE NAME {column.sequence} " if sequence else ""
        words.append(f"GENERATED {column.identity} AS IDENTITY ({name}{options})")
    elif default:
        words.append(f"DEFAULT {default}")
    if required:
        words.append("NOT NULL")
    return " ".join(words)
