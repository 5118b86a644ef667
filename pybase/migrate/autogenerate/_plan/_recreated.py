"""What stays but has to be dropped and created again, because something below it changes.

Drop, change and creation are one transaction: no query misses a view, and no write a rule.
"""

from collections.abc import Collection, Iterator
from graphlib import TopologicalSorter

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import TOGETHER, Part, Plan, Stage, Unit
from pybase.migrate.autogenerate._plan import _indexes as indexes
from pybase.migrate.autogenerate._plan import _keys as keys
from pybase.migrate.autogenerate._plan import _other_objects as other_objects
from pybase.migrate.autogenerate._plan._columns import add_statements, drop_column
from pybase.migrate.autogenerate._plan._context import Context, column_title, comments
from pybase.migrate.autogenerate._schema_snapshot import (
    Column,
    Side,
    constraint_kind,
    constraint_name,
)
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import quote, raw

_VIEWS = ("view", "materialized view")
FIXED = (*_VIEWS, "trigger", "policy", "rule")
"""Kinds that keep PostgreSQL from changing what they use."""


def add_again(plan: Plan, context: Context, changed: set[str]) -> None:
    """Drop and create again what prevents a change; in a plan, in place of its own change."""
    for item, successor in _again(plan, context, changed):
        plan.units = [
            unit
            for unit in plan.units
            if not (item.identity in unit.drops and successor in unit.creates)
        ]
        about = frozenset({item.table or item.identity})
        side = context.new if successor in context.new.objects else context.old
        first, *rest = _created(context, side, side.objects[successor])
        later = _join(plan, context, item.identity, successor)
        dropped, restored = _dropped(context, item)
        if to_primary := _to_primary(context, item):
            later, restored = frozenset(), (to_primary, *comments(context.old, item.identity))
        drop = Part(
            Stage.FOREIGN_KEY_DROP, f"Drop {raw(item.name)}", dropped, restored, first.tables,
            group=TOGETHER,
        )  # fmt: skip
        plan.units.append(
            Unit((drop,), drops=frozenset({item.identity}), concerns=about, precedes=later)
        )
        added = (replace(first, group=TOGETHER), *rest)
        plan.units.append(Unit(added, creates=frozenset({successor}), concerns=about))


def _again(plan: Plan, context: Context, changed: set[str]) -> list[tuple[CatalogObject, str]]:
    """Return what gives way, found again and again, as a view may be on a view; and its successor.

    That is the object itself, or the check or foreign key of another name that replaces it.
    """
    successors = {
        item.identity: identity
        for identity, (item, *others) in context.replaced.items()
        if constraint_kind(item) in ("check", "foreignkey") and not others
    }
    below = _replaced(plan, context) | successors.keys()
    gone = {key for unit in plan.units for key in unit.drops - unit.creates} - successors.keys()
    found = _giving_way(plan, context, below, gone, changed)
    return [(item, successors.get(key, key)) for key, item in sorted(found.items())]


def _giving_way(
    plan: Plan, context: Context, below: set[str], gone: Collection[str], changed: set[str]
) -> dict[str, CatalogObject]:
    """Return what prevents a change of the objects `below`, without what is dropped anyway."""
    found: dict[str, CatalogObject] = {}
    candidates = {key: item for key, item in context.old.objects.items() if key not in gone}
    while more := {
        key: item
        for key, item in candidates.items()
        if key not in found and _gives_way(plan, context, item, below, found, changed)
    }:
        found |= more
    return found


def _replaced(plan: Plan, context: Context) -> set[str]:
    """Return what the plan itself replaces, with the columns of the types among it."""
    replaced = {key for unit in plan.units for key in unit.drops & unit.creates}
    return replaced | _users(context, replaced)


def undo_below(plan: Plan, context: Context) -> None:
    """Drop and create again what prevents the downgrade of new enum values, as in `_again`."""
    for place, each in enumerate(plan.units):
        grown = each.creates - each.drops
        types = {key for key in grown if key.removeprefix("type ") in context.old.labels}
        below = types | _users(context, types)
        found = _giving_way(plan, context, below, (), set()) if types else {}
        needs = {key: plan.dropped.get(key, frozenset()) & found.keys() for key in found}
        order = [_dropped(context, found[key]) for key in TopologicalSorter(needs).static_order()]
        if order:
            part = each.parts[0]
            drops = (line for drop, _ in reversed(order) for line in drop)
            restored = (line for _, restore in order for line in restore)
            down = (*drops, *part.down, *restored)
            plan.units[place] = replace(each, parts=(replace(part, down=down),))


def _gives_way(
    plan: Plan, context: Context, item: CatalogObject, below: set[str],
    again: dict[str, CatalogObject], changed: set[str],
) -> bool:  # fmt: skip
    if constraint_kind(item) == "foreignkey" and _refers_to_change(context, item, changed):
        return True
    replaced = plan.dropped.get(item.identity, frozenset()) & (below | again.keys())
    if not item.definition or not replaced:
        return False
    if item.kind in FIXED:
        return replaced != {f"table {item.table}"}
    if item.kind == "column":
        column = _column(context.old, item)
        return column is not None and bool(column.generated) and item.identity not in below
    if item.kind in ("index", "constraint") and item.table in context.old.tables:
        columns = [need for need in replaced if need.startswith("column ")]
        return any(need in again or item.identity in below for need in columns)
    return False


def _users(context: Context, types: Collection[str]) -> set[str]:
    """Return the columns of some types, by identity as these."""
    return {
        column.identity_key
        for key in types
        for column in context.old.users_of_type(key.removeprefix("type "))
    }


def _column(side: Side, item: CatalogObject) -> Column | None:
    return side.columns.get((item.table or "", quote(raw(item.name))))


def _created(context: Context, side: Side, item: CatalogObject) -> Iterator[Part]:
    if item.kind == "constraint":
        yield from keys.again(context, item)
    elif item.kind == "index":
        yield indexes.again(context, item)
    elif item.kind == "column":
        column = _column(side, item)
        assert column is not None
        up = (
            *add_statements(side, column),
            *source.extras(item),
            *other_objects.belongings(side, item),
        )
        title = f"Add {column_title(column)} again"
        yield Part(Stage.COLUMN, title, up, (drop_column(column),), frozenset({column.table}))
    else:
        yield other_objects.created(side, item)


def _dropped(context: Context, item: CatalogObject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the statements that drop an object as it was, and those that restore it."""
    if item.kind in ("constraint", "index"):
        return (indexes.drop(item),), tuple(indexes.restored(context, item))
    (part,) = _created(context, context.old, item)
    return part.down, part.up


def _join(plan: Plan, context: Context, key: str, successor: str) -> frozenset[str]:
    """Put what an object depends on, and changes, into the revision that adds it again.

    Returns the keys that it refers to then and that are new: the downgrade adds an old foreign key
    once they are gone, as it would use one of them.
    """
    old = context.old.needs.get(key, frozenset())
    new = context.new.needs.get(successor, frozenset())
    kept = frozenset(context.old.objects)
    for place, each in enumerate(plan.units):
        if each.drops & old or each.drops & each.creates & _below(context, old):
            kept |= each.creates
            parts = list(each.parts)
            parts[each.core] = replace(parts[each.core], group=TOGETHER)
            plan.units[place] = replace(each, parts=tuple(parts))
    return frozenset(need for need in new - kept if need.startswith(("constraint ", "index ")))


def _below(context: Context, needs: frozenset[str]) -> frozenset[str]:
    """Return objects with the types of those that are columns."""
    return needs.union(*(context.old.needs.get(need, ()) for need in needs))


# --- foreign keys -----------------------------------------------------------------------------


def _to_primary(context: Context, item: CatalogObject) -> str:
    """Return the statement that restores a foreign key on a primary key, else an empty text.

    Without the columns that it refers to, it uses no other key that has them.
    """
    uses = context.old.uses.get(item.identity)
    if uses is None or constraint_kind(item) != "foreignkey":
        return ""
    keys = (context.old.objects[identity] for identity in context.old.uses)
    primary = next(
        (key for key in keys if constraint_kind(key) == "primary"
         and context.old.uses[key.identity].index == uses.index), None,
    )  # fmt: skip
    head, mark, target = item.definition.partition(" REFERENCES ")
    columns = f"({', '.join(map(quote, source.key_columns(primary)))})" if primary else ""
    if not columns or columns not in target:
        return ""
    action = f"ADD CONSTRAINT {constraint_name(item)} {head}{mark}{target.replace(columns, '', 1)}"
    return source.alter_table(item.table or "", action)


def _refers_to_change(context: Context, item: CatalogObject, changed: set[str]) -> bool:
    uses = context.old.uses.get(item.identity)
    if uses is None:
        return False
    for name in uses.columns:
        before, after = (side.columns.get(name) for side in (context.old, context.new))
        if before and after and _family(before) != _family(after):
            return True
    keys = [
        key
        for key in context.old.objects.values()
        if key.identity in changed and key.identity in context.old.uses
    ]
    indexes = [key.name for key in keys if key.kind == "index"]
    indexes += [
        context.old.uses[key.identity].index
        for key in keys
        if constraint_kind(key) in ("primary", "unique")
    ]
    return uses.index in indexes


def _family(column: Column) -> str:
    """Types that a foreign key may compare with each other."""
    for family in (("integer", "bigint", "smallint"), ("text", "character varying")):
        if column.base_type in family and not column.type.endswith("[]"):
            return family[0]
    return f"{column.type} {column.collation}"
