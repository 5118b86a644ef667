"""Schema at head as SQL, one file an object, for `sql/schema/`; and what changes in the files."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from hashlib import sha256

from pybase.migrate.catalog._definitions import CatalogObject
from pybase.migrate.record import FileChange
from pybase.migrate.sql.names import QualifiedName

# What a table may need is created before it; comments, grants and owners come last.
_ORDER = {
    kind: rank
    for rank, kinds in enumerate(
        (
            (
                "schema",
                "extension",
                "collation",
                "operator family",
                "domain",
                "type",
                "function",
                "procedure",
            ),
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
_SEQUENCE_DEFAULTS = re.compile(
    r" (INCREMENT BY 1|MINVALUE 1|MAXVALUE (32767|2147483647|9223372036854775807)"
    r"|START WITH 1|CACHE 1)(?= |$)"
)


def render_schema(objects: Iterable[CatalogObject]) -> dict[str, str]:
    """Render the objects of a database as `{file stem: SQL}`, sorted, stable byte by byte.

    A table's file contains the table and all that belongs to it: columns in their order in the
    table (always the same for one history), constraints by name, then indexes, triggers, policies,
    comments and grants. The stem is the object's name, `records`, or with its schema,
    `app.records`, outside `public`; objects of one name share a file. A name that is not plain
    lower-case gets a digest, so that no two names share a file on any file system.
    """
    files = _by_file(objects)
    return {stem: _text(files[stem]) for stem in sorted(files)}


def file_changes(
    before: Iterable[CatalogObject], after: Iterable[CatalogObject]
) -> tuple[FileChange, ...]:
    """Return what a revision changes in the files of the schema, by their names."""
    if before is after:
        return ()
    old, new = ({item.identity: item for item in side} for side in (before, after))
    changed = [
        new.get(identity) or old[identity]
        for identity in old.keys() | new.keys()
        if _statements_of(old.get(identity)) != _statements_of(new.get(identity))
    ]
    stems, tables = _by_file(changed), {item.table for item in changed}
    files = [_by_file(item for item in side if item.table in tables) for side in (before, after)]
    return tuple(
        _file_change(stem, stems[stem], *(_text(side.get(stem, [])) for side in files))
        for stem in sorted(stems)
    )


def _statements_of(item: CatalogObject | None) -> list[str]:
    return [] if item is None else item.statements


def _file_change(stem: str, changed: list[CatalogObject], old: str, new: str) -> FileChange:
    columns = {_last_name(item) for item in changed if item.kind == "column"}
    tables = [item.table.removeprefix("public.") for item in changed if item.table]
    lines = [*unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2)]
    diff = "\n".join("..." if line.startswith("@@") else line for line in lines[_HEAD:])
    return FileChange(min(tables, default=stem), tuple(sorted(columns)), diff)


_HEAD = 3
"""Lines that a unified diff begins with: the names of both files, and its first position."""


def _by_file(objects: Iterable[CatalogObject]) -> dict[str, list[CatalogObject]]:
    files: dict[str, list[CatalogObject]] = defaultdict(list)
    for item in objects:
        if item.identity != "schema public":
            files[_stem(item)].append(item)
    return files


def _text(items: list[CatalogObject]) -> str:
    return "\n\n".join(_file(sorted(items, key=_rank))) + "\n" if items else ""


def _stem(item: CatalogObject) -> str:
    """Return the name of the file, without its suffix, that an object belongs in."""
    if item.table is None and len(item.path) < 2:
        name = f"{item.about_kind.replace(' ', '_')}.{item.name}"
    elif item.table is None and item.about_kind == "constraint":
        name = _domain(item).removeprefix("public.")
    else:
        name = (item.table or item.name.removesuffix(item.suffix)).removeprefix("public.")
    if _PLAIN_NAME.fullmatch(name):
        return name
    digest = sha256(name.encode()).hexdigest()[:8]
    plain = re.sub(r"[^a-z0-9_.]+", "-", name.lower().replace('"', "")).strip("-.")
    return f"{plain or 'object'}-{digest}"


def _domain(constraint: CatalogObject) -> str:
    """Return the quoted, qualified name of the domain to which a constraint belongs."""
    return QualifiedName(*constraint.path[:2]).quoted


def _last_name(part: CatalogObject) -> str:
    """Return the quoted name of a column or constraint, without its table or domain."""
    return part.name.removeprefix(f"{part.table or _domain(part)}.")


def _rank(item: CatalogObject) -> tuple[int, int, str]:
    kind = "constraint" if item.position < 0 else item.kind  # a copy alters what creates it
    return (_ORDER.get(kind, len(_ORDER)), item.position, item.identity)


def _file(items: list[CatalogObject]) -> Iterator[str]:
    """Yield the statements of one file, laid out and terminated; `items` are in order.

    What completes an object follows after everything is created: a partition is attached, and a
    sequence owned, when both sides exist.
    """
    ranked = []
    for item in items:
        first, *extra = _statements(item, items)
        rank = _rank(item)[0]
        ranked += [(rank, first)] if first else []
        ranked += [(max(rank, _COMPLETED), statement) for statement in extra]
    for _, statement in sorted(ranked, key=lambda item: item[0]):
        yield _laid_out(statement) + ("" if statement.startswith("--") else ";")


def _statements(item: CatalogObject, items: Iterable[CatalogObject]) -> list[str]:
    """Return the statements of one object, the first one empty where CREATE TABLE contains it."""
    extra = item.extra
    if item.kind in _TABLES:
        return [_table(item, items), *extra]
    if item.kind == "column":
        return ["", *extra]
    if item.kind == "constraint":
        return [_added_constraint(item), *extra]
    if item.kind == "sequence":
        return [_sequence(item), *(extra if item.position == 0 else ())]
    return ["", *extra] if item.position < 0 else [item.definition, *extra]


def _laid_out(text: str, indent: int = 0) -> str:
    from pybase.migrate.sql.grammar import lay_out  # with pglast, 0.2 s

    return lay_out(text, indent=indent)


def _table(table: CatalogObject, items: Iterable[CatalogObject]) -> str:
    """Return CREATE TABLE with the columns and constraints among `items` written out."""
    lines = [f"{_last_name(item)} {item.definition}" for item in items if item.kind == "column"]
    lines += [
        f"CONSTRAINT {_last_name(item)} {item.definition}"
        for item in items
        if item.kind == "constraint" and not _added_constraint(item)
    ]
    head, _, tail = table.definition.partition(f" {table.name} (...)")
    body = ",\n".join(_laid_out(line, indent=4) for line in lines)
    return f"{head} {table.name} (\n{body}\n){tail}" if body else f"{head} {table.name} (){tail}"


def _added_constraint(item: CatalogObject) -> str:
    """Return the ALTER TABLE of a constraint that CREATE TABLE would validate at once, else ""."""
    if item.table is not None and not item.definition.endswith(" NOT VALID"):
        return ""
    parent = f"TABLE {item.table}" if item.table else f"DOMAIN {_domain(item)}"
    return f"ALTER {parent} ADD CONSTRAINT {_last_name(item)} {item.definition}"


def _sequence(item: CatalogObject) -> str:
    """Return CREATE SEQUENCE with what is not its default; of an identity column's, only that."""
    head, _, options = item.definition.partition(f" {item.name} ")
    kept = _SEQUENCE_DEFAULTS.sub("", options)
    if item.position == 0:
        return f"{head} {item.name} {kept}"
    _as, _type, *changed = kept.split(" ", 2)
    return f"ALTER SEQUENCE {item.name} {changed[0]}" if changed else ""
