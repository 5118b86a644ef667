"""Units of a plan: what each creates and drops, and what is dropped for the sake of another."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Unit
from pybase.migrate.autogenerate._plan import _columns as columns
from pybase.migrate.autogenerate._plan import _other_objects as other_objects
from pybase.migrate.autogenerate._plan._context import Context
from pybase.migrate.autogenerate._plan._types import is_replaced
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_kind
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql.names import quote, raw, schema_of

_KEYS = ("primary", "unique", "exclude")
_RELATIONS = ("table", "foreign table", "view", "materialized view", "index", "sequence")
_WITHOUT_CONCERN = ("schema", "type", "domain", "function", "procedure", "sequence", "extension")
"""Kinds that lock no table: they may be created in the revision of what needs them."""


def replacements(
    context: Context, changes: Sequence[Change]
) -> Mapping[str, tuple[CatalogObject, ...]]:
    """Return what each new constraint or index replaces, by its identity.

    That is what has its name, the other primary key of its table, and the check or foreign key of
    the same columns: rows can often not satisfy both.
    """
    old, new = context.old, context.new
    gone = [
        old.objects[change.identity]
        for change in changes
        if change.after is None and _is_rule(old.objects[change.identity], new)
    ]
    gone = [item for item in gone if not columns.dropped_along(context, item)]
    found: dict[str, tuple[CatalogObject, ...]] = {}
    for change in changes:
        item = new.objects.get(change.identity)
        if change.before is None and item is not None and _is_rule(item, old):
            found[item.identity] = tuple(other for other in gone if _gives_way(other, item))
            gone = [other for other in gone if other not in found[item.identity]]
    return {identity: items for identity, items in found.items() if items}


def _is_rule(item: CatalogObject, other: Side) -> bool:
    """Whether an object is a constraint or an index of a table that the other side has, too."""
    return item.kind in ("constraint", "index") and item.table in other.tables


def _gives_way(before: CatalogObject, after: CatalogObject) -> bool:
    if before.table != after.table:
        return False
    kinds = constraint_kind(before), constraint_kind(after)
    if kinds == ("primary", "primary") or _name(before) & _name(after):
        return True
    is_same = kinds in (("check", "check"), ("foreignkey", "foreignkey"))
    return is_same and bool(before.columns) and set(before.columns) == set(after.columns)


def _name(item: CatalogObject) -> frozenset[str]:
    """Return the name that an object takes among the relations of its schema, if it takes one."""
    if item.kind in _RELATIONS:
        return frozenset({f"name {item.name}"})
    if constraint_kind(item) in _KEYS:
        schema = quote(schema_of(item.table or "") or "public")
        return frozenset({f"name {schema}.{quote(raw(item.name))}"})
    return frozenset()


# --- units ------------------------------------------------------------------------------------


def table_unit(
    side: Side, tables: Collection[str], part: Part, apart: Collection[str], *, is_new: bool
) -> Unit:
    """Return the unit that creates or drops tables with what belongs to them, but for `apart`."""
    items = [item for key, item in side.objects.items() if key in {f"table {t}" for t in tables}]
    items += [item for table in tables for item in side.by_table.get(table, [])]
    items = [item for item in items if item.identity not in apart]
    keys = frozenset(key for item in items for key in (item.identity, *_name(item)))
    if is_new:
        return Unit((part,), creates=keys, concerns=frozenset({"tables"}))
    return Unit((part,), drops=keys, concerns=frozenset({"dropped tables"}))


def unit(context: Context, change: Change, item: CatalogObject, parts: Sequence[Part]) -> Unit:
    """Return the unit of one difference."""
    old, new = (side.objects.get(change.identity) for side in (context.old, context.new))
    gone = [*context.replaced.get(change.identity, ())]
    if old is not None and (new is None or _is_replaced(context, old, new)):
        gone += [old, *_dropped_along(context, old)]
    created = () if new is None or _is_unlogged(context, item) else (new,)
    return Unit(
        tuple(parts),
        frozenset(key for each in created for key in (each.identity, *_name(each))),
        frozenset(key for each in gone for key in (each.identity, *_name(each))),
        frozenset() if item.kind in _WITHOUT_CONCERN and not item.table else _concerns(item),
        min(1, len(parts) - 1) if _is_built_first(item, gone) else 0,
    )  # fmt: skip


def _is_built_first(item: CatalogObject, gone: Sequence[CatalogObject]) -> bool:
    """Whether the first part builds an index, which takes its place in the second."""
    return constraint_kind(item) in _KEYS or (bool(gone) and item.kind == "index")


def _concerns(item: CatalogObject) -> frozenset[str]:
    """Return what an object is about: its table, and for a column its name in any table."""
    column = {f"column {raw(item.name)}"} if item.kind == "column" else set()
    return frozenset({item.table or item.identity, *column})


def _dropped_along(context: Context, item: CatalogObject) -> Iterator[CatalogObject]:
    column = context.old.columns.get((item.table or "", quote(raw(item.name))))
    if item.kind == "column" and column is not None:
        for other in context.old.of(item.table or "", "constraint", "index"):
            if columns.is_dropped_along(context, other.identity, column):
                yield other


def _is_replaced(context: Context, old: CatalogObject, new: CatalogObject) -> bool:
    """Whether what depends on an object has to give way before the object changes."""
    if old.kind == "column":
        name = (old.table or "", quote(raw(old.name)))
        before, after = context.old.columns.get(name), context.new.columns.get(name)
        return bool(before and after) and _shape(before) != _shape(after)
    if old.kind == "type":
        return is_replaced(context.old, context.new, old.name)
    if other_objects.is_redefined(old, new):
        return True
    return old.kind in ("constraint", "index", "view", "materialized view") or _is_unlogged(
        context, old
    )


def _shape(column: object) -> tuple[object, ...]:
    return tuple(getattr(column, name) for name in ("type", "collation", "generated", "storage"))


def _is_unlogged(context: Context, item: CatalogObject) -> bool:
    """Whether a table that stays becomes unlogged: only after those that refer to it."""
    pair = [side.objects.get(item.identity) for side in (context.old, context.new)]
    parts = [source.table_parts(each) for each in pair if each is not None and each.kind == "table"]
    return len(parts) == 2 and [bool(each and each.unlogged) for each in parts] == [False, True]
