"""The schema at head as SQL, one file an object: what a reviewer reads in `sql/schema/`.

This module decides which object goes into which file, in which order, and asks `sqltext` how to lay
it out; what there is to tell, and how PostgreSQL puts it, comes from `catalog`. It writes no file.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from hashlib import sha256

from pybase.migrate.catalog import CatalogObject
from pybase.migrate.record import FileChange
from pybase.migrate.sql.grammar._format import lay_out

# What may be needed by a table comes before it; what is about others, last.
_ORDER = {
    kind: place
    for place, kinds in enumerate(
        (
            ("schema", "extension", "collation", "domain", "type", "function", "procedure"),
            ("sequence",),
            ("table", "foreign table", "view", "materialized view"),
            ("column",),
            ("constraint",),
            ("index", "statistics", "publication table", "publication schema"),
            ("completion",),
            ("rule", "trigger", "policy"),
            ("comment", "grants", "owner"),
        )
    )
    for kind in kinds
}
_COMPLETED = _ORDER["completion"]
_TABLES = ("table", "foreign table")
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)*")
_LAST_NAME = re.compile(r'\.(?:"(?:[^"]|"")*"|[^."]+)$')
_SEQUENCE_DEFAULTS = re.compile(
    r" (INCREMENT BY 1|MINVALUE 1|MAXVALUE (32767|2147483647|9223372036854775807)"
    r"|START WITH 1|CACHE 1)(?= |$)"
)


def render_schema(objects: Iterable[CatalogObject]) -> dict[str, str]:
    """Render the objects of a database as `{file stem: SQL}`, sorted, stable byte by byte.

    A table's file holds the table and all that hangs on it: columns in their order in the table
    (the history at head always makes the same), constraints by name, then indexes, triggers,
    policies, comments and grants. The stem is the object's name, `records`, or with its schema,
    `app.records`, outside `public`; objects of one name share a file. A name that is not plain
    lower-case gets a digest, so that no two names meet in one file on any file system.
    """
    files = _by_file(objects)
    return {stem: _text(files[stem]) for stem in sorted(files)}


def file_changes(
    before: Iterable[CatalogObject], after: Iterable[CatalogObject]
) -> tuple[FileChange, ...]:
    """Return what a revision changes in the files of the schema, by their names."""
    if before is after:
        return ()
    old, new = ({each.identity: each for each in side} for side in (before, after))
    changed = [
        new.get(identity) or old[identity]
        for identity in old.keys() | new.keys()
        if _said(old.get(identity)) != _said(new.get(identity))
    ]
    stems, tables = _by_file(changed), {each.table for each in changed}
    files = [_by_file(each for each in side if each.table in tables) for side in (before, after)]
    return tuple(
        _file_change(stem, stems[stem], *(_text(side.get(stem, [])) for side in files))
        for stem in sorted(stems)
    )


def _said(item: CatalogObject | None) -> list[str]:
    return [] if item is None else item.statements


def _file_change(stem: str, changed: list[CatalogObject], old: str, new: str) -> FileChange:
    columns = {
        each.name.removeprefix(f"{each.table}.") for each in changed if each.kind == "column"
    }
    tables = [each.table.removeprefix("public.") for each in changed if each.table]
    lines = [*unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)]
    diff = "\n".join("..." if line.startswith("@@") else line for line in lines[_HEAD:])
    return FileChange(min(tables, default=stem), tuple(sorted(columns)), diff)


_HEAD = 3
"""Lines that a unified diff begins with: the names of both files, and its first place in them."""


def _by_file(objects: Iterable[CatalogObject]) -> dict[str, list[CatalogObject]]:
    files: dict[str, list[CatalogObject]] = defaultdict(list)
    for item in objects:
        if item.identity != "schema public":
            files[_stem(item)].append(item)
    return files


def _text(items: list[CatalogObject]) -> str:
    return "\n\n".join(_file(sorted(items, key=_place))) + "\n" if items else ""


def _stem(item: CatalogObject) -> str:
    """Return the name of the file, without its suffix, that an object belongs in."""
    name = item.table or (
        _LAST_NAME.sub("", item.name)
        if item.about.startswith("constraint ")  # of a domain
        else item.name.partition("(")[0].strip()
    )
    name = name.removeprefix("public.")
    if item.table is None and "." not in item.name:
        kind = item.about.removesuffix(item.name).strip()
        name = f"{kind.replace(' ', '_')}.{name}"
    if _PLAIN_NAME.fullmatch(name):
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    plain = re.sub(r"[^a-z0-9_.]+", "-", name.lower().replace('"', "")).strip("-.")
    return f"{plain or 'object'}-{digest}"


def _place(item: CatalogObject) -> tuple[int, int, str]:
    kind = "constraint" if item.position < 0 else item.kind  # a copy alters what it is made by
    return (_ORDER.get(kind, len(_ORDER)), item.position, item.identity)


def _file(items: list[CatalogObject]) -> Iterator[str]:
    """Yield the statements of one file, laid out and terminated; `items` are in order.

    What completes an object comes after all that is created: a partition is attached, and a
    sequence owned, when there is something to attach or to own.
    """
    placed = []
    for item in items:
        first, *extra = _statements(item, items)
        place = _place(item)[0]
        placed += [(place, first)] if first else []
        placed += [(max(place, _COMPLETED), statement) for statement in extra]
    for _, statement in sorted(placed, key=lambda each: each[0]):
        yield lay_out(statement) + ("" if statement.startswith("--") else ";")


def _statements(item: CatalogObject, items: Iterable[CatalogObject]) -> list[str]:
    """Return the statements of one object, the first one empty where a table's own tells it."""
    extra = item.extra or []
    if item.kind in _TABLES:
        return [_table(item, items), *extra]
    if item.kind == "column":
        return ["", *extra]
    if item.kind == "constraint":
        return [_added_constraint(item), *extra]
    if item.kind == "sequence":
        return [_sequence(item), *(extra if item.position == 0 else ())]
    return ["", *extra] if item.position < 0 else [item.definition, *extra]


def _table(table: CatalogObject, items: Iterable[CatalogObject]) -> str:
    """Return CREATE TABLE with the columns and constraints among `items` written out."""
    prefix = f"{table.name}."
    lines = [
        f"{item.name.removeprefix(prefix)} {item.definition}"
        for item in items
        if item.kind == "column"
    ] + [
        f"CONSTRAINT {item.name.removeprefix(prefix)} {item.definition}"
        for item in items
        if item.kind == "constraint" and not _added_constraint(item)
    ]
    head, _, tail = table.definition.partition(f" {table.name} (...)")
    body = ",\n".join(lay_out(line, indent=4) for line in lines)
    return f"{head} {table.name} (\n{body}\n){tail}" if body else f"{head} {table.name} (){tail}"


def _added_constraint(item: CatalogObject) -> str:
    """Return the ALTER TABLE of a constraint that CREATE TABLE would validate at once, else ""."""
    is_domain = item.table is None
    if not is_domain and not item.definition.endswith(" NOT VALID"):
        return ""
    owner = _LAST_NAME.sub("", item.name)
    name = item.name.removeprefix(f"{owner}.")
    what = "DOMAIN" if is_domain else "TABLE"
    return f"ALTER {what} {owner} ADD CONSTRAINT {name} {item.definition}"


def _sequence(item: CatalogObject) -> str:
    """Return CREATE SEQUENCE with what is not its default; of an identity column's, only that."""
    head, _, options = item.definition.partition(f" {item.name} ")
    kept = _SEQUENCE_DEFAULTS.sub("", options)
    if item.position == 0:
        return f"{head} {item.name} {kept}"
    _as, _type, *changed = kept.split(" ", 2)
    return f"ALTER SEQUENCE {item.name} {changed[0]}" if changed else ""
