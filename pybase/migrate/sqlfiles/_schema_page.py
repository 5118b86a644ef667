"""The schema as a picture: a page of Markdown with a Mermaid diagram and a table an entity.

Owns what the page looks like and how names and texts of people are made safe for it; what there is
to draw comes from `entities`. The same entities give the same bytes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pybase.migrate.catalog import Entity, EntityColumn, ForeignKey
from pybase.migrate.sqlfiles._header import one_line

_HEAD = """\
# The schema

Written by `nox -s sql` from the schema that the revisions make, and never edited by hand.
"""
_DRAWN = """
In the diagram `_` stands for what it cannot draw in a name or a type; the tables have them whole.
"""
_NO_TABLES = "\nThere are no tables.\n"
_KEYS_ONLY = (
    "\nThe diagram has the columns of keys only: with all of them it is too large to be drawn.\n"
)
_TOO_LARGE = "\nThere is no diagram: it would be too large to be drawn.\n"
_MOST_DRAWN = 50_000
"""Characters: Mermaid refuses a longer diagram, and on GitHub nobody can let it."""

_TABLE_HEAD = "| column | type | null | default | meaning |\n| --- | --- | --- | --- | --- |\n"

_SHORTER = (
    (re.compile(r"^(timestamp|time)(\(\d\))? with time zone"), r"\1tz\2"),
    (re.compile(r"^(timestamp|time)(\(\d\))? without time zone"), r"\1\2"),
    (re.compile(r"^character varying"), "varchar"),
    (re.compile(r"^double precision"), "float8"),
)
"""PostgreSQL's own other names of types: Mermaid takes no blank in a type."""


def page(entities: Sequence[Entity]) -> str:
    """Return the whole page, with a last newline."""
    if not entities:
        return _HEAD + _NO_TABLES
    sections = "".join(f"\n{_section(each)}" for each in entities)
    return f"{_HEAD}{_drawing(entities)}{sections}"


def _drawing(entities: Sequence[Entity]) -> str:
    """Return the diagram, with as many columns as there is room for, and what to know of it."""
    names = _names(entities)
    note = _DRAWN if _is_changed(entities, names) else ""
    for with_all, said in ((True, note), (False, _KEYS_ONLY + note)):
        drawn = "\n".join(_diagram(entities, names, with_all=with_all))
        if len(drawn) <= _MOST_DRAWN:
            return f"{said}\n```mermaid\n{drawn}\n```\n"
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
                type_ = _word(short_type(column.type))
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
    """Return the name that each entity is drawn under, by its identity; no two are the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for entity in entities:
        wanted = name = _name(entity.label)
        number = 1
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        found[entity.identity] = name
    return found


def _name(text: str) -> str:
    return _NOT_IN_NAME.sub("_", text)


def _word(text: str) -> str:
    """Make a text one word as Mermaid's grammar takes it for a type or a column."""
    word = _NOT_IN_WORD.sub("_", text)
    return f"_{word}" if _NOT_FIRST.match(word) else word


def short_type(type_: str) -> str:
    """Return a type by its shorter name, where PostgreSQL has one."""
    for long, short in _SHORTER:
        type_ = long.sub(short, type_)
    return type_


def _is_changed(entities: Iterable[Entity], names: Mapping[str, str]) -> bool:
    """Whether anything is drawn under another name than its own."""
    return any(
        names[each.identity] != each.label
        or any(_word(word) != word for c in each.columns for word in (c.name, short_type(c.type)))
        for each in entities
    )


# --- the tables -----------------------------------------------------------------------------------
# Markdown is read in layers (cells first, then code and HTML), and a backslash means another thing
# in each of them; a character reference means the same in all.

_ACTIVE = re.compile(
    r"[&<>`*\[\]|\\~$]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # inside a word it stands for itself
    r"|[#:@](?=\S)"  # an issue, an address, an emoji, somebody's name
    r"|^[-+=#\d]"  # a list or a heading
)
_NAME_AS_CODE = re.compile(r"((?<!`)`[\w.]+`(?!`))")


def _section(entity: Entity) -> str:
    meaning = f"\n{prose(entity.comment)}\n" if one_line(entity.comment) else ""
    rows = "".join(f"| {' | '.join(_cells(each))} |\n" for each in entity.columns)
    return f"## {prose(entity.label)}\n{meaning}\n{_TABLE_HEAD}{rows}"


def _cells(column: EntityColumn) -> Iterator[str]:
    yield code(column.name)
    yield code(column.type)
    yield "yes" if column.is_nullable else "no"
    yield code(column.default)
    yield prose(column.comment)


def prose(text: str) -> str:
    """Write a text of people as one line of Markdown that shows it; a `name` may be code."""
    parts = _NAME_AS_CODE.split(one_line(text))
    return "".join(part if place % 2 else _inert(part) for place, part in enumerate(parts))


def code(text: str) -> str:
    """Write SQL as one line of code, in a table or outside of one; nothing for nothing."""
    line = one_line(text)
    if not line or not re.search(r"[`|\\]", line):
        return line and f"`{line}`"
    return f"<code>{_inert(line)}</code>"


def _inert(text: str) -> str:
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", text)
