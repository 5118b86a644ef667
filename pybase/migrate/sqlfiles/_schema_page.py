"""Schema page: a Mermaid diagram of all tables, and for each table its columns in Markdown.

Pure text: the same entities give the same bytes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pybase.migrate.catalog import Entity, EntityColumn, ForeignKey
from pybase.migrate.sql import one_line
from pybase.migrate.sqlfiles.markdown import code, prose

_HEAD = """\
# The schema

Written by `nox -s sql` from the schema that the revisions make, and never edited by hand.
"""
_REPLACED = """
In the diagram `_` stands for characters that it cannot show; the tables have the exact names.
"""
_NO_TABLES = "\nThere are no tables.\n"
_KEYS_ONLY = (
    "\nThe diagram has the columns of keys only: with all of them it is too large to be drawn.\n"
)
_TOO_LARGE = "\nThere is no diagram: it would be too large to be drawn.\n"
_MOST_DRAWN = 50_000
"""Characters: Mermaid refuses a longer diagram, and on GitHub the limit is fixed."""

_TABLE_HEAD = "| column | type | null | default | meaning |\n| --- | --- | --- | --- | --- |\n"


def page(entities: Sequence[Entity]) -> str:
    """Return the page, with a last newline."""
    if not entities:
        return _HEAD + _NO_TABLES
    sections = "".join(f"\n{_section(entity)}" for entity in entities)
    return f"{_HEAD}{_drawing(entities)}{sections}"


def _drawing(entities: Sequence[Entity]) -> str:
    """Return the diagram, with as many columns as there is room for, and a note on it."""
    names = _names(entities)
    note = _REPLACED if _is_changed(entities, names) else ""
    for with_all, text in ((True, note), (False, _KEYS_ONLY + note)):
        diagram = "\n".join(_diagram(entities, names, with_all=with_all))
        if len(diagram) <= _MOST_DRAWN:
            return f"{text}\n```mermaid\n{diagram}\n```\n"
    return _TOO_LARGE


# --- the diagram ----------------------------------------------------------------------------------
# Mermaid has no escapes. A quoted name may be nearly anything, but a blank is not harmless even
# there ("direction LR" in it turns the diagram), nor are # ; $ % ~ and <. So they are not drawn.

_NOT_IN_NAME = re.compile(r"[^\w.-]")
_NOT_IN_WORD = re.compile(r"[^A-Za-z0-9\u00c0-\uffff_\-\[\]()]|[\u2000-\u2fff\u3000-\u303f]")
_NOT_FIRST = re.compile(r"[^A-Za-z_\u00c0-\uffff]|(?:PK|FK|UK)(?![A-Za-z0-9_])", re.IGNORECASE)


def _diagram(
    entities: Iterable[Entity], names: Mapping[str, str], *, with_all: bool
) -> Iterator[str]:
    yield "erDiagram"
    for entity in entities:
        yield f'    "{names[entity.identity]}" {{'
        for column in entity.columns:
            marks = ", ".join(_marks(entity, column))
            if marks or with_all:
                type_ = _word(column.short_type)
                yield f"        {type_} {_word(column.name)} {marks}".rstrip()
        yield "    }"
    for entity in entities:
        for key in entity.foreign_keys:
            yield f"    {_relation(entity, key, names)}"


def _marks(entity: Entity, column: EntityColumn) -> Iterator[str]:
    if column.name in entity.primary_key:
        yield "PK"
    if any(column.name in key.columns for key in entity.foreign_keys):
        yield "FK"
    if (column.name,) in entity.unique_keys:
        yield "UK"


def _relation(entity: Entity, key: ForeignKey, names: Mapping[str, str]) -> str:
    one = "|o" if key.is_optional else "||"
    many = "o|" if key.is_unique else "o{"
    target = names.get(key.target) or _name(key.target)  # an extension's table is not drawn
    label = ", ".join(map(_name, key.columns))
    return f'"{target}" {one}--{many} "{names[entity.identity]}" : "{label}"'


def _names(entities: Iterable[Entity]) -> dict[str, str]:
    """Return the name in the diagram of each entity, by its identity; no two are the same."""
    names: dict[str, str] = {}
    for entity in entities:
        first = name = _name(entity.label)
        number = 1
        while name in names.values():
            number += 1
            name = f"{first}_{number}"
        names[entity.identity] = name
    return names


def _name(text: str) -> str:
    return _NOT_IN_NAME.sub("_", text)


def _word(text: str) -> str:
    """Return a type or a column as one word of Mermaid's grammar."""
    word = _NOT_IN_WORD.sub("_", text)
    return f"_{word}" if _NOT_FIRST.match(word) else word


def _is_changed(entities: Iterable[Entity], names: Mapping[str, str]) -> bool:
    """Whether anything is drawn under another name than its own."""
    return any(
        names[entity.identity] != entity.label
        or any(
            _word(word) != word
            for column in entity.columns
            for word in (column.name, column.short_type)
        )
        for entity in entities
    )


# --- the tables -----------------------------------------------------------------------------------


def _section(entity: Entity) -> str:
    meaning = f"\n{prose(entity.comment)}\n" if one_line(entity.comment) else ""
    rows = "".join(f"| {' | '.join(_cells(column))} |\n" for column in entity.columns)
    return f"## {prose(entity.label)}\n{meaning}\n{_TABLE_HEAD}{rows}"


def _cells(column: EntityColumn) -> tuple[str, ...]:
    null = "yes" if column.is_nullable else "no"
    texts = (code(column.name), code(column.type), null, code(column.default))
    return (*texts, prose(column.comment))
