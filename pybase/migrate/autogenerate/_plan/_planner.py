"""Planner: every difference of two schemas becomes a step of a revision, or is named."""

from collections.abc import Iterator, Sequence

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Plan, Stage
from pybase.migrate.autogenerate._plan import _alterations as alterations
from pybase.migrate.autogenerate._plan import _columns as columns
from pybase.migrate.autogenerate._plan import _enums as enums
from pybase.migrate.autogenerate._plan import _keys as keys
from pybase.migrate.autogenerate._plan import _other_objects as other_objects
from pybase.migrate.autogenerate._plan._context import Context
from pybase.migrate.autogenerate._schema_snapshot import Column, Side, constraint_kind
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql.names import plain


def plan_changes(context: Context, changes: Sequence[Change]) -> Plan:
    """Plan the steps from the old schema to the new one."""
    plan = Plan()
    new_tables = _one_sided_tables(context.new, context.old, changes)
    old_tables = _one_sided_tables(context.old, context.new, changes)
    plan.parts += [*_create_tables(context, new_tables), *_drop_tables(context, old_tables)]
    for change in changes:
        item = context.new.objects.get(change.identity) or context.old.objects[change.identity]
        is_new = change.before is None and item.table in new_tables
        is_gone = change.after is None and item.table in old_tables
        if not (is_new or is_gone or _is_implied(context, change, item)):
            for step in _steps(context, change, item):
                (plan.unsolved if isinstance(step, str) else plan.parts).append(step)  # type: ignore[arg-type]
    plan.parts += _readded_foreign_keys(context, {change.identity for change in changes})
    return plan


def _one_sided_tables(side: Side, other: Side, changes: Sequence[Change]) -> set[str]:
    items = (side.objects.get(change.identity) for change in changes)
    names = {item.name for item in items if item is not None and item.kind == "table"}
    return {name for name in names if f"table {name}" not in other.objects}


# --- tables -----------------------------------------------------------------------------------


def _create_tables(context: Context, tables: set[str]) -> Iterator[Part]:
    order, later = source.sort_tables(context.new, tables)
    for table in order:
        referenced = {
            owner
            for key in context.new.of(table, "constraint")
            if constraint_kind(key) == "foreignkey" and key.identity in context.new.uses
            for owner, _ in context.new.uses[key.identity].columns
        }
        yield Part(
            Stage.TABLE, f"Create {plain(table)}",
            tuple(source.create_table(context.new, table, later)), (source.drop_table(table),),
            frozenset(referenced - tables),
        )  # fmt: skip
    for key in (context.new.objects[identity] for identity in sorted(later)):
        add, drop = source.add_constraint(key), source.drop_constraint(key)
        yield Part(Stage.TABLE, f"Add {plain(key.name)}", (add,), (drop,))


def _drop_tables(context: Context, tables: set[str]) -> Iterator[Part]:
    order, later = source.sort_tables(context.old, tables)
    for key in (context.old.objects[identity] for identity in sorted(later)):
        add, drop = source.add_constraint(key), source.drop_constraint(key)
        yield Part(Stage.DROP, f"Drop {plain(key.name)}", (drop,), (add,))
    for table in reversed(order):
        name = plain(table)
        yield Part(
            Stage.DROP, f"Drop {name}", (source.drop_table(table),),
            tuple(source.create_table(context.old, table, later)), frozenset({table}),
            loses=f"{name} and all of its rows",
            owes=f"drops-table on {name}: accept it with the reason why it is unused",
            why=f"The rows of {name} are lost, and code that still uses it fails: first release a "
            "version that does not. The downgrade creates the table, not its rows.",
        )  # fmt: skip


# --- what is created or dropped with something else --------------------------------------------


def _is_implied(context: Context, change: Change, item: CatalogObject) -> bool:
    """Whether a change is a consequence of another one, which has its own steps."""
    old, new = context.old, context.new
    if other_objects.is_domain_constraint(item):
        domain = f"domain {item.name.rpartition('.')[0]}"
        return domain not in old.objects or domain not in new.objects
    if item.kind == "column":
        sides = [
            column
            for column in (_column(old, item.identity), _column(new, item.identity))
            if column
        ]
        return bool(sides) and not any(column.is_local for column in sides)
    if item.kind == "comment":
        is_created = item.about in new.objects and item.about not in old.objects
        return is_created if change.before is None else item.about not in new.objects
    if item.kind == "index" and f"materialized view {item.table}" in old.objects | new.objects:
        view = f"materialized view {item.table}"
        return old.definitions.get(view) != new.definitions.get(view)
    if item.kind == "sequence" and item.table:
        return _comes_with_its_column(context, change, item)
    return change.after is None and columns.dropped_along(context, item)


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
    old, new = (side.objects.get(change.identity) for side in (context.old, context.new))
    if item.kind == "column":
        yield from _column_steps(context, change.identity)
    elif item.kind == "type" and item.name in context.old.labels and new and old:
        yield enums.changed(context.old, context.new, item.name, single=context.single)
    elif item.kind == "constraint" and item.table:
        if old and new:
            yield from keys.changed(context, old, new)
        elif new:
            yield from keys.added(context, new)
        else:
            yield keys.dropped(context, item)
    elif item.kind == "index":
        if old and new:
            yield from keys.index_changed(context, old, new)
        else:
            yield keys.index_added(context, new) if new else keys.index_dropped(context, item)
    elif change.before is None:
        yield other_objects.created(context.new, item)
    elif change.after is None:
        yield other_objects.dropped(context.old, item)
    elif not other_objects.follows(change, item):
        yield other_objects.changed(context.old, context.new, change.identity)


def _column_steps(context: Context, identity: str) -> Iterator[Part]:
    old, new = (_column(side, identity) for side in (context.old, context.new))
    if old and new:
        yield from alterations.changed(context, old, new)
    elif new:
        yield from columns.added(context, new)
    elif old:
        yield columns.dropped(context, old)


def _column(side: Side, identity: str) -> Column | None:
    item = side.objects.get(identity)
    if item is None or item.table is None:
        return None
    return side.columns.get((item.table, item.name.removeprefix(f"{item.table}.")))


# --- what stays, and prevents a change --------------------------------------------------------


def _readded_foreign_keys(context: Context, changed: set[str]) -> Iterator[Part]:
    """Drop and add foreign keys whose key, or the type of whose columns, changes."""
    for item in context.old.objects.values():
        is_kept = item.identity in context.new.objects and item.identity not in changed
        if is_kept and item.kind == "constraint" and constraint_kind(item) == "foreignkey":
            if _depends_on_change(context, item, changed):
                yield keys.dropped(context, item)
                yield from keys.added(context, item)


def _depends_on_change(context: Context, item: CatalogObject, changed: set[str]) -> bool:
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
