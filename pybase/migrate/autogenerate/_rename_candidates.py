"""Which of the things that go and come look alike, so that they may be one under two names.

Owns likeness only: `candidates` lose data if they are renames and not taken for it, so a person
has to say; `derived` have another name and nothing else, so nobody needs to.
"""

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate._renames import Rename
from pybase.migrate.autogenerate._schema_snapshot import Column, Side, constraint_name
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql._names import parts, plain, raw, shown


def candidates(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return the pairs that may be renames, and lose something if they are not taken for it."""
    gone = [old.objects[each.identity] for each in changes if each.after is None]
    come = [new.objects[each.identity] for each in changes if each.before is None]
    found = [
        *_schemas(old, new, gone, come),
        *_tables(old, new, gone, come),
        *_columns(old, new, gone, come),
        *_types(old, new, gone, come),
        *_values(old, new),
        *_sequences(old, new, gone, come),
    ]
    return [pair for _, pair in sorted(found, key=lambda each: (-each[0], each[1]))]


_Scored = tuple[float, Rename]


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _schemas(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    """Return a schema all of whose tables are now in another one."""
    lost = {_in_schema(each) for each in gone if each.kind == "table"}
    won = {_in_schema(each) for each in come if each.kind == "table"}
    for before in sorted({schema for schema, _ in lost}):
        if before == "public" or any(parts(name)[0] == before for name in new.tables):
            continue
        for after in sorted({schema for schema, _ in won}):
            if after == "public" or any(parts(name)[0] == after for name in old.tables):
                continue
            names = {name for schema, name in lost if schema == before}
            if names & {name for schema, name in won if schema == after}:
                yield 3.0, Rename("schema", before, after)


def _in_schema(item: CatalogObject) -> tuple[str, str]:
    names = parts(item.name)
    return names[0], names[-1]


def _tables(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind == "table"):
        for after in (each for each in come if each.kind == "table"):
            one = {(each.name, each.base_type) for each in old.columns_of(before.name)}
            other = {(each.name, each.base_type) for each in new.columns_of(after.name)}
            shared = len(one & other) / max(len(one | other), 1)
            types = sorted(kind for _, kind in one) == sorted(kind for _, kind in other)
            names = _alike(raw(before.name), raw(after.name))
            if shared >= 0.5 or (types and (shared > 0.3 or names > 0.6)):
                yield (
                    2 + shared + names / 10,
                    Rename("table", plain(before.name), plain(after.name)),
                )


_FAMILIES = (
    {"text", "character varying", "character", "public.citext", "uuid"},
    {"integer", "bigint", "smallint", "numeric", "real", "double precision", "boolean"},
    {"timestamp with time zone", "timestamp without time zone", "date"},
    {"json", "jsonb"},
)


def _columns(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (_column(old, each) for each in gone if each.kind == "column"):
        for after in (_column(new, each) for each in come if each.kind == "column"):
            if before is None or after is None or before.table != after.table:
                continue
            if before.generated and after.generated:
                continue  # computed anew, nothing is lost
            names = _alike(before.name, after.name)
            if _same_shape(old, new, before, after) or names > 0.6:
                score = 1 + names / 2 + (before.type == after.type) / 2
                yield score, Rename("column", raw(before.name), raw(after.name), before.table)


def _column(side: Side, item: CatalogObject) -> Column | None:
    table = item.table or ""
    if table not in side.tables:
        return None
    return side.columns.get((table, item.name.removeprefix(f"{table}.")))


def _same_shape(old: Side, new: Side, before: Column, after: Column) -> bool:
    if before.base_type == after.base_type:
        return before.type.endswith("[]") == after.type.endswith("[]")
    if before.base_type in old.labels and after.base_type in new.labels:
        return True
    return any({before.base_type, after.base_type} <= family for family in _FAMILIES)


def _types(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind in ("type", "domain")):
        for after in (each for each in come if each.kind == before.kind):
            one, other = (set(side.labels.get(item.name, ())) for side, item in
                          ((old, before), (new, after)))  # fmt: skip
            shared = len(one & other) / max(len(one | other), 1)
            same = _nameless(before) == _nameless(after)
            if same or shared >= 0.5:
                yield 2 + shared, Rename("type", plain(before.name), plain(after.name))


def _nameless(item: CatalogObject) -> str:
    return item.definition.replace(item.name, "", 1).replace(shown(item.name), "", 1)


def _values(old: Side, new: Side) -> Iterator[_Scored]:
    for name in sorted(old.labels.keys() & new.labels.keys()):
        before, after = old.labels[name], new.labels[name]
        gone = [label for label in before if label not in after]
        come = [label for label in after if label not in before]
        for one in gone:
            for other in come:
                place = before.index(one) == after.index(other)
                score = 1 + _alike(one, other) / 2 + place / 2
                yield score, Rename("enum value", one, other, name)


def _sequences(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind == "sequence" and not each.table):
        for after in (each for each in come if each.kind == "sequence" and not each.table):
            if _nameless(before) == _nameless(after):
                yield 1.0, Rename("sequence", plain(before.name), plain(after.name))


def derived(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return what has another name and nothing else: constraints, indexes, owned sequences.

    Nothing is guessed here: the definition is the same, so no data and no rule can be lost.
    """
    gone = [old.objects[each.identity] for each in changes if each.after is None]
    come = [new.objects[each.identity] for each in changes if each.before is None]
    taken: set[str] = set()
    found: list[Rename] = []
    for before in gone:
        for after in come:
            if after.identity in taken or before.kind != after.kind or before.table != after.table:
                continue
            rename = _derived(old, new, before, after)
            if rename is not None:
                taken.add(after.identity)
                found.append(rename)
                break
    return found


def _derived(old: Side, new: Side, before: CatalogObject, after: CatalogObject) -> Rename | None:
    if before.kind == "constraint" and before.table in new.tables and before.table:
        if before.definition == after.definition and (before.extra or []) == (after.extra or []):
            one, other = (raw(constraint_name(each)) for each in (before, after))
            return Rename("constraint", one, other, before.table)
    if before.kind == "index" and before.table in new.tables:
        if before.definition and source_indexes.index_sql(
            before, name="x"
        ) == source_indexes.index_sql(after, name="x"):
            return Rename("index", plain(before.name), plain(after.name))
    if before.kind == "sequence" and before.table in new.tables and before.table:
        owners = (
            {each.name for each in side.columns.values() if each.sequence == item.name}
            for side, item in ((old, before), (new, after))
        )
        if len({*map(frozenset, owners)}) == 1:
            return Rename("sequence", plain(before.name), plain(after.name))
    return None
