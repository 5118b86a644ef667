"""Planner: every difference of two schemas becomes a step of a revision, or is named."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Plan, Stage, Unit
from pybase.migrate.autogenerate._plan import _alterations as alterations
from pybase.migrate.autogenerate._plan import _backfills as backfills
from pybase.migrate.autogenerate._plan import _columns as columns
from pybase.migrate.autogenerate._plan import _indexes as indexes
from pybase.migrate.autogenerate._plan import _keys as keys
from pybase.migrate.autogenerate._plan import _other_objects as other_objects
from pybase.migrate.autogenerate._plan import _types as types
from pybase.migrate.autogenerate._plan._context import Context
from pybase.migrate.autogenerate._plan._order import grouped
from pybase.migrate.autogenerate._plan._recreated import FIXED, add_again, undo_below
from pybase.migrate.autogenerate._plan._units import replacements, table_unit, unit
from pybase.migrate.autogenerate._schema_snapshot import Column, Side, constraint_kind
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql.names import plain, raw


def plan_changes(context: Context, changes: Sequence[Change], renames: Sequence[Part]) -> Plan:
    """Plan the steps from the old schema to the new one, after the renames."""
    context = replace(context, replaced=replacements(context, changes))
    old, new = _needs(context.old, context.new), _needs(context.new, context.old)
    plan = Plan(created=old | new, dropped=old | dict(_needs_of_keys(context, old)))
    if renames:
        plan.units.append(Unit(tuple(renames), concerns=frozenset({"renames"})))
    new_tables = _one_sided_tables(context.new, context.old, changes)
    old_tables = _one_sided_tables(context.old, context.new, changes)
    plan.units += [*_create_tables(context, new_tables), *_drop_tables(context, old_tables)]
    replaced = {item.identity for items in context.replaced.values() for item in items}
    for change in changes:
        item = context.new.objects.get(change.identity) or context.old.objects[change.identity]
        is_new = change.before is None and item.table in new_tables
        is_gone = change.after is None and (item.table in old_tables or item.identity in replaced)
        if not (is_new or is_gone or _is_implied(context, change, item)):
            _add_change(plan, context, change, item)
    add_again(plan, context, {change.identity for change in changes})
    undo_below(plan, context)
    plan.units = list(grouped(plan))
    return plan


def _add_change(plan: Plan, context: Context, change: Change, item: CatalogObject) -> None:
    steps = list(_steps(context, change, item))
    plan.unsolved += [step for step in steps if isinstance(step, str)]
    parts = [step for step in steps if isinstance(step, Part)]
    if parts:
        plan.units.append(unit(context, change, item, parts))


def _needs(side: Side, other: Side) -> dict[str, frozenset[str]]:
    """Return what each object needs: a table that stays also those that it refers to.

    What PostgreSQL keeps from being changed under a column needs the type of that, too.
    """
    needs = dict(side.needs)
    of_columns = {
        column.identity_key: {f"type {column.base_type}"} for column in side.columns.values()
    }
    for identity, item in side.objects.items():
        if item.kind in (*FIXED, "column"):
            needed = needs.get(identity, frozenset())
            needs[identity] = needed.union(*(of_columns.get(key, ()) for key in needed))
    for identity, uses in side.uses.items():
        item = side.objects[identity]
        if constraint_kind(item) == "foreignkey" and item.table in other.tables:
            table = f"table {item.table}"  # it is logged only after them
            referenced = {f"table {owner}" for owner, _ in uses.columns} - {table}
            needs[table] = needs.get(table, frozenset()) | referenced
    for item in side.objects.values():
        if item.kind in ("function", "procedure"):
            needs[item.identity] = needs.get(item.identity, frozenset()) | _mentioned(side, item)
    return needs


def _needs_of_keys(
    context: Context, needs: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the unique keys without the columns whose new type they can have, too.

    PostgreSQL keeps the key then, and it is dropped only after what follows it has been built.
    """
    retyped = (
        after
        for name, after in context.new.columns.items()
        if name in context.old.columns and context.old.columns[name].type != after.type
    )
    kept = {column.identity_key for column in retyped if context.checks.compares(column.type)}
    for identity in context.old.uses if kept else ():
        item = context.old.objects[identity]
        if item.definition and backfills.key_columns(item):
            yield identity, needs.get(identity, frozenset()) - kept


def _mentioned(side: Side, function: CatalogObject) -> set[str]:
    """Return the tables that the body of a function names, which pg_depend does not have.

    Not those that need the function, in a default or a trigger.
    """
    words = set(re.findall(r"\w+", function.definition))
    return {
        f"table {table}"
        for table in side.tables
        if raw(table) in words
        and not any(
            function.identity in side.needs.get(item.identity, ())
            for item in side.by_table.get(table, ())
        )
    }


def _one_sided_tables(side: Side, other: Side, changes: Sequence[Change]) -> set[str]:
    items = (side.objects.get(change.identity) for change in changes)
    names = {item.name for item in items if item is not None and item.kind == "table"}
    return {name for name in names if f"table {name}" not in other.objects}


# --- tables -----------------------------------------------------------------------------------


def _create_tables(context: Context, tables: set[str]) -> Iterator[Unit]:
    order, later = source.sort_tables(context.new, tables)
    for table in order:
        referenced = {
            owner
            for key in context.new.of(table, "constraint")
            if constraint_kind(key) == "foreignkey" and key.identity in context.new.uses
            for owner, _ in context.new.uses[key.identity].columns
        }
        yield table_unit(context.new, [table], Part(
            Stage.TABLE, f"Create {plain(table)}",
            tuple(source.create_table(context.new, table, later)), (source.drop_table(table),),
            frozenset(referenced - tables),
        ), later, is_new=True)  # fmt: skip
    for key in (context.new.objects[identity] for identity in sorted(later)):
        add, drop = source.add_constraint(key), source.drop_constraint(key)
        part = Part(Stage.TABLE, f"Add {plain(key.name)}", (add,), (drop,))
        yield Unit((part,), frozenset({key.identity}), concerns=frozenset({"tables"}))


def _drop_tables(context: Context, tables: set[str]) -> Iterator[Unit]:
    order, later = source.sort_tables(context.old, tables)
    for key in (context.old.objects[identity] for identity in sorted(later)):
        add, drop = source.add_constraint(key), source.drop_constraint(key)
        part = Part(Stage.DROP, f"Drop {plain(key.name)}", (drop,), (add,))
        yield Unit((part,), drops=frozenset({key.identity}), concerns=frozenset({"dropped tables"}))
    for table in reversed(order):
        name, family = plain(table), [table, *source.partitions(context.old, table)]
        yield table_unit(context.old, family, Part(
            Stage.DROP, f"Drop {name}", (source.drop_table(table),),
            tuple(s for one in family for s in source.create_table(context.old, one, later)),
            frozenset({table}),
            owes=f"drops-table on {name}: accept it with the reason why it is unused",
            why=f"The rows of {name} are lost, and code that still uses it fails: first release a "
            "version that does not. The downgrade creates the table, not its rows.",
        ), later, is_new=False)  # fmt: skip


# --- what is created or dropped with something else --------------------------------------------


def _is_implied(context: Context, change: Change, item: CatalogObject) -> bool:
    """Whether a change is a consequence of another one, which has its own steps."""
    old, new = context.old, context.new
    if types.is_domain_constraint(item):
        domain = f"domain {item.name.rpartition('.')[0]}"
        return domain not in old.objects or domain not in new.objects
    sides = [side for side in (old, new) if item.identity in side.objects]
    if all(source.is_inherited_check(side, side.objects[item.identity]) for side in sides):
        return True
    if item.kind == "column":
        return _follows_its_parent(context, item)
    if item.kind == "comment" or (item.kind == "grants" and not item.about.startswith("column ")):
        is_created = item.about in new.objects and item.about not in old.objects
        return is_created if change.before is None else item.about not in new.objects
    if item.kind == "index" and f"materialized view {item.table}" in old.objects | new.objects:
        view = f"materialized view {item.table}"
        return old.definitions.get(view) != new.definitions.get(view)
    if item.kind == "sequence" and item.table:
        return _comes_with_its_column(context, change, item)
    return change.after is None and columns.dropped_along(context, item)


def _follows_its_parent(context: Context, item: CatalogObject) -> bool:
    """Whether a column changes with that of a parent of its table."""
    sides = [side for side in (context.old, context.new) if item.identity in side.objects]
    inherited = [source.is_as_inherited(side, side.objects[item.identity]) for side in sides]
    if inherited == [True, True]:
        return True
    found = [column for side in sides if (column := _column(side, item.identity))]
    return bool(found) and not any(column.is_local for column in found)


def _comes_with_its_column(context: Context, change: Change, item: CatalogObject) -> bool:
    """Whether a sequence is created or dropped with the column that owns it."""
    before, after = (
        next((column for column in side.columns.values() if column.sequence == item.name), None)
        for side in (context.old, context.new)
    )
    if change.after is None:
        return before is not None
    if change.before is None:
        return after is not None
    return bool(before and after and bool(before.identity) != bool(after.identity))


# --- one change -------------------------------------------------------------------------------


def _steps(context: Context, change: Change, item: CatalogObject) -> Iterator[Part | str]:
    """Yield the steps of a change, or a sentence where PostgreSQL has none."""
    if item.kind in _PLANNERS and item.table:
        yield from _part_of_table(context, item.kind, change.identity)
    elif item.kind == "type" and item.name in context.old.labels and not change.is_one_sided:
        yield types.changed(context.old, context.new, item.name, single=context.single)
    elif change.before is None:
        yield other_objects.created(context.new, item)
    elif change.after is None:
        yield other_objects.dropped(context.old, item)
    else:
        old, new = (side.objects[change.identity] for side in (context.old, context.new))
        if not other_objects.follows(change, old, new):
            yield other_objects.changed(context.old, context.new, change.identity)


_Planner: TypeAlias = Callable[..., Iterator[Part]]
_PLANNERS: Mapping[str, tuple[_Planner, _Planner, Callable[..., Part]]] = {
    "column": (alterations.changed, columns.added, columns.dropped),
    "constraint": (keys.changed, keys.added, keys.dropped),
    "index": (indexes.changed, indexes.added, indexes.dropped),
}
"""Kinds of parts of a table, and what plans one that changes, is new, or is gone."""


def _part_of_table(context: Context, kind: str, identity: str) -> Iterator[Part]:
    changed, added, dropped = _PLANNERS[kind]
    old, new = (
        _column(side, identity) if kind == "column" else side.objects.get(identity)
        for side in (context.old, context.new)
    )
    if old and new:
        yield from changed(context, old, new)
    elif new:
        yield from added(context, new)
    elif old:
        yield dropped(context, old)


def _column(side: Side, identity: str) -> Column | None:
    item = side.objects.get(identity)
    if item is None or item.table is None:
        return None
    return side.columns.get((item.table, item.name.removeprefix(f"{item.table}.")))
