"""Rename candidates: which of the dropped and added objects may be one under two names."""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import product

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._renames._rename import Rename
from pybase.migrate.autogenerate._schema_snapshot import Column, Side, constraint_name
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql.names import parts, plain, raw, shown

_Pairs = list[tuple[CatalogObject, CatalogObject]]
_Scored = Iterator[tuple[float, Rename]]


def candidates(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return the pairs that may be renames, and lose data if they are and are not treated so."""
    dropped, added = _one_sided(old, new, changes)
    pairs = [(one, other) for one, other in product(dropped, added) if one.kind == other.kind]
    scored = [
        *_schemas(old, new, dropped, added),
        *_tables(old, new, pairs),
        *_columns(old, new, pairs),
        *_types(old, new, pairs),
        *_values(old, new),
        *_sequences(pairs),
    ]
    return [rename for _, rename in sorted(scored, key=lambda pair: (-pair[0], pair[1]))]


def _one_sided(
    old: Side, new: Side, changes: Sequence[Change]
) -> tuple[list[CatalogObject], list[CatalogObject]]:
    dropped = [old.objects[change.identity] for change in changes if change.after is None]
    added = [new.objects[change.identity] for change in changes if change.before is None]
    return dropped, added


def _similarity(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _shared(one: set[object], other: set[object]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _schemas(
    old: Side, new: Side, dropped: list[CatalogObject], added: list[CatalogObject]
) -> _Scored:
    """Yield a schema all of whose tables are now in another one."""
    (lost, kept), (won, known) = (
        ({parts(item.name) for item in items if item.kind == "table"}, side.tables)
        for items, side in ((dropped, new), (added, old))
    )
    remaining, present = (
        {parts(name)[0] for name in names} | {"public"} for names in (kept, known)
    )
    for before in sorted({schema for schema, _ in lost} - remaining):
        for after in sorted({schema for schema, _ in won} - present):
            names = {name for schema, name in lost if schema == before}
            if names & {name for schema, name in won if schema == after}:
                yield 3.0, Rename("schema", before, after)


def _tables(old: Side, new: Side, pairs: _Pairs) -> _Scored:
    for before, after in pairs:
        if before.kind != "table":
            continue
        one, other = (
            {(column.name, column.base_type) for column in side.columns_of(item.name)}
            for side, item in ((old, before), (new, after))
        )
        shared = _shared({*one}, {*other})
        same_types = sorted(kind for _, kind in one) == sorted(kind for _, kind in other)
        names = _similarity(raw(before.name), raw(after.name))
        if shared >= 0.5 or (same_types and (shared > 0.3 or names > 0.6)):
            rename = Rename("table", plain(before.name), plain(after.name))
            yield 2 + shared + names / 10, rename


_FAMILIES = (
    {"text", "character varying", "character", "public.citext", "uuid"},
    {"integer", "bigint", "smallint", "numeric", "real", "double precision", "boolean"},
    {"timestamp with time zone", "timestamp without time zone", "date"},
    {"json", "jsonb"},
)


def _columns(old: Side, new: Side, pairs: _Pairs) -> _Scored:
    for before, after in (
        (_column(old, one), _column(new, other)) for one, other in pairs if one.kind == "column"
    ):
        if before is None or after is None or before.table != after.table:
            continue
        if before.generated and after.generated:
            continue  # computed again, nothing is lost
        names = _similarity(before.name, after.name)
        if _is_same_shape(old, new, before, after) or names > 0.6:
            score = 1 + names / 2 + (before.type == after.type) / 2
            yield score, Rename("column", raw(before.name), raw(after.name), before.table)


def _column(side: Side, item: CatalogObject) -> Column | None:
    table = item.table or ""
    is_table = table in side.tables
    return side.columns.get((table, item.name.removeprefix(f"{table}."))) if is_table else None


def _is_same_shape(old: Side, new: Side, before: Column, after: Column) -> bool:
    if before.base_type == after.base_type:
        return before.type.endswith("[]") == after.type.endswith("[]")
    if before.base_type in old.labels and after.base_type in new.labels:
        return True
    return any({before.base_type, after.base_type} <= family for family in _FAMILIES)


def _types(old: Side, new: Side, pairs: _Pairs) -> _Scored:
    for before, after in pairs:
        if before.kind in ("type", "domain"):
            one, other = old.labels.get(before.name, ()), new.labels.get(after.name, ())
            shared = _shared({*one}, {*other})
            if shared >= 0.5 or _nameless(before) == _nameless(after):
                yield 2 + shared, Rename("type", plain(before.name), plain(after.name))


def _nameless(item: CatalogObject) -> str:
    return item.definition.replace(item.name, "", 1).replace(shown(item.name), "", 1)


def _values(old: Side, new: Side) -> _Scored:
    for name in sorted(old.labels.keys() & new.labels.keys()):
        before, after = old.labels[name], new.labels[name]
        dropped = [label for label in before if label not in after]
        added = [label for label in after if label not in before]
        for one, other in product(dropped, added):
            place = before.index(one) == after.index(other)
            score = 1 + _similarity(one, other) / 2 + place / 2
            yield score, Rename("enum value", one, other, name)


def _sequences(pairs: _Pairs) -> _Scored:
    for before, after in pairs:
        if before.kind == "sequence" and not before.table and not after.table:
            if _nameless(before) == _nameless(after):
                yield 1.0, Rename("sequence", plain(before.name), plain(after.name))


# --- without a question -----------------------------------------------------------------------


def derived(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return constraints, indexes and owned sequences that differ in their name alone."""
    dropped, added = _one_sided(old, new, changes)
    renames: list[Rename] = []
    for before in dropped:
        for after in added:
            if before.kind == after.kind and before.table == after.table:
                rename = _derived(old, new, before, after)
                if rename is not None:
                    added.remove(after)
                    renames.append(rename)
                    break
    return renames


def _derived(old: Side, new: Side, before: CatalogObject, after: CatalogObject) -> Rename | None:
    table = before.table
    if table is None or table not in new.tables or not _is_same(old, new, before, after):
        return None
    if before.kind != "constraint":
        return Rename(before.kind, plain(before.name), plain(after.name))
    one, other = (raw(constraint_name(item)) for item in (before, after))
    return Rename("constraint", one, other, table)


def _is_same(old: Side, new: Side, before: CatalogObject, after: CatalogObject) -> bool:
    """Whether two parts of a table are the same but for their name."""
    match before.kind:
        case "constraint":
            return before.statements == after.statements
        case "index":
            has_both = bool(before.definition and after.definition)
            return has_both and source.unnamed_index(before) == source.unnamed_index(after)
        case "sequence":
            return _owners(old, before) == _owners(new, after)
        case _:
            return False


def _owners(side: Side, sequence: CatalogObject) -> set[str]:
    return {column.name for column in side.columns.values() if column.sequence == sequence.name}
