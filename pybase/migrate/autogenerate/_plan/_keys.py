"""Constraints that are added, dropped or changed, in steps safe on a live server."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._context import Context, comments
from pybase.migrate.autogenerate._plan._indexes import (
    BUILD,
    create,
    dropped_aside,
    instead,
    name_of,
    renamed,
    restored,
)
from pybase.migrate.autogenerate._plan._required import validate
from pybase.migrate.autogenerate._schema_snapshot import constraint_kind, constraint_name
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import plain, quote, raw


def dropped(context: Context, item: CatalogObject) -> Part:
    """Plan the drop of a constraint; the downgrade adds it at once, and validated."""
    is_foreign = constraint_kind(item) == "foreignkey"
    return Part(
        Stage.FOREIGN_KEY_DROP if is_foreign else Stage.KEY_DROP, f"Drop {name_of(item)}",
        (source.drop_constraint(item),),
        (source.add_constraint(item), *comments(context.old, item.identity)),
        frozenset({item.table or ""}),
        why=f"{name_of(item)} is no longer enforced: code that relies on it is changed first.",
    )  # fmt: skip


def added(context: Context, item: CatalogObject) -> Iterator[Part]:
    """Plan a new constraint, and the drop of those that it replaces."""
    yield from _added(context, item, context.replaced.get(item.identity, ()))


def again(context: Context, item: CatalogObject) -> Iterator[Part]:
    """Plan a constraint in the transaction that has dropped it."""
    if constraint_kind(item) in ("check", "foreignkey"):
        yield from _added(context, item, ())
    else:
        yield _at_once(context, item)


def changed(context: Context, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
    """Plan another definition under the same name."""
    kind, table = constraint_kind(after), after.table or ""
    if before.definition == f"{after.definition} NOT VALID":
        down = (source.drop_constraint(after), source.add_constraint(before))
        yield validate(table, constraint_name(after), down, find=source.violations(after))
    elif kind == "foreignkey" and _without_timing(before) == _without_timing(after):
        yield _timed(before, after)
    else:
        yield from _added(context, after, (before,))


def _added(
    context: Context, item: CatalogObject, replaced: Sequence[CatalogObject]
) -> Iterator[Part]:
    kind = constraint_kind(item)
    is_atomic = context.single or context.is_partitioned(item.table or "")
    tree: Any = source.parse_constraint(item.definition) if kind else None
    if kind in ("primary", "unique") and not is_atomic and not tree.without_overlaps:
        yield from _by_index(context, item, replaced)
    elif kind == "check" and not context.single and tree.is_enforced and not tree.is_no_inherit:
        yield from _not_valid(context, item, replaced, Stage.CHECK, Stage.VALIDATE)
    elif kind == "foreignkey" and not is_atomic:
        stage = Stage.CHECK if _has_its_key(context, item) else Stage.FOREIGN_KEY
        yield from _not_valid(context, item, replaced, stage, Stage.FOREIGN_KEY_VALIDATE)
    else:
        yield instead(context, replaced, _at_once(context, item))


def _has_its_key(context: Context, item: CatalogObject) -> bool:
    """Whether the key that a foreign key refers to exists already, and stays as it is."""
    uses = context.new.uses.get(item.identity)
    return uses is not None and any(
        context.is_unchanged(key)
        for key in context.old.objects.values()
        if constraint_kind(key) in ("primary", "unique")
        and key.identity in context.old.uses
        and context.old.uses[key.identity].index == uses.index
    )


def _timed(before: CatalogObject, after: CatalogObject) -> Part:
    """Plan another time at which a foreign key is checked, which PostgreSQL changes in place."""
    table = after.table or ""
    trees = (source.parse_constraint(item.definition) for item in (after, before))
    up, down = (
        source.alter_table(
            table,
            f"ALTER CONSTRAINT {constraint_name(after)} "
            f"{'' if tree.deferrable else 'NOT '}DEFERRABLE "
            f"INITIALLY {'DEFERRED' if tree.initdeferred else 'IMMEDIATE'}",
        )
        for tree in trees
    )
    title = f"Change when {name_of(after)} is checked"
    return Part(Stage.FOREIGN_KEY, title, (up,), (down,), frozenset({table}))


def _without_timing(item: CatalogObject) -> dict[str, object]:
    timing = ("deferrable", "initdeferred")
    tree = source.parse_constraint(item.definition)()
    return {key: value for key, value in tree.items() if key not in timing}


def _at_once(context: Context, item: CatalogObject) -> Part:
    kind, table = constraint_kind(item), plain(item.table or "")
    stage = {"check": Stage.CHECK, "foreignkey": Stage.FOREIGN_KEY}.get(kind, Stage.KEY)
    is_felt = not context.single and not item.definition.endswith("NOT ENFORCED")
    return Part(
        stage, f"Add {name_of(item)}",
        (source.add_constraint(item), *comments(context.new, item.identity)),
        (source.drop_constraint(item),), _locked(context, item), find=source.violations(item),
        owes=f"{name_of(item)} is validated while writers of {table} wait" if is_felt else "",
        why="PostgreSQL cannot add this without reading the table under a lock: choose a quiet "
        "hour, or a new table to which rows are copied in batches." if is_felt else "",
    )  # fmt: skip


def _locked(context: Context, item: CatalogObject) -> frozenset[str]:
    uses = context.new.uses.get(item.identity) or context.old.uses.get(item.identity)
    owners = {owner for owner, _ in uses.columns} if uses else set()
    return frozenset(owners | {item.table or ""})


def _not_valid(
    context: Context,
    item: CatalogObject,
    replaced: Sequence[CatalogObject],
    add: Stage,
    validated: Stage,
) -> Iterator[Part]:
    start, drop = source.add_constraint(item, not_valid=True), source.drop_constraint(item)
    what = "check" if constraint_kind(item) == "check" else "foreign key"
    stays_so = item.definition.endswith(" NOT VALID")
    later = "." if stays_so else "; the next revision validates the rows that exist already."
    part = instead(context, replaced, Part(
        add, f"Add {name_of(item)}", (start, *comments(context.new, item.identity)), (drop,),
        _locked(context, item),
        why=f"NOT VALID: the {what} applies to every write from now on and reads no row{later}",
    ))  # fmt: skip
    yield replace(part, title=_allowed(item, replaced) or part.title)
    if not stays_so:
        yield validate(
            item.table or "", constraint_name(item), (drop, start),
            find=source.violations(item), stage=validated,
        )  # fmt: skip


def _allowed(item: CatalogObject, replaced: Sequence[CatalogObject]) -> str:
    """Return the title where one list of values replaces another, else an empty text."""
    lists = [values for check in (*replaced, item) if (values := source.listed_values(check))]
    if len(lists) != 2 or lists[0][0] != lists[1][0]:
        return ""
    (_, before), (column, after) = lists
    where = f"{plain(item.table or '')}.{column}"
    added, gone = (
        ", ".join(repr(value) for value in one if value not in other)
        for one, other in ((after, before), (before, after))
    )
    if not added:
        return f"Refuse {gone} in {where}" if gone else ""
    return f"Allow {added}{f', no longer {gone},' if gone else ''} in {where}"


def _by_index(
    context: Context, item: CatalogObject, replaced: Sequence[CatalogObject]
) -> Iterator[Part]:
    """Plan a key: its index is built CONCURRENTLY; the next revision makes it the constraint's."""
    table, name = item.table or "", name_of(item)
    index = source.key_index(item, context.free_name(name, "new") if replaced else name)
    build = create(context.new, index, safe=True)
    yield Part(
        Stage.INDEX, f"Build the index of {name}", build,
        (source.drop_index(index, concurrently=True),),
        frozenset({table}), autocommit=True, autocommit_down=True, alone=True, why=BUILD,
        find=source.violations(item),
    )  # fmt: skip
    gone = [before for before in replaced if before.kind == "constraint"]
    asides = [(before, context.free_name(name, "old")) for before in replaced if before not in gone]
    down = [] if gone else [source.drop_constraint(item, if_exists=True)]
    for before in gone:
        down += _key_restored(context, before, item)
    yield Part(
        Stage.KEY, f"{'Change' if replaced else 'Add'} {name}",
        (*(renamed(before, name, aside) for before, aside in asides),
         _use_index(item, index, gone), *comments(context.new, item.identity)),
        (*down, *(line for pair in asides for line in _from_aside(context, *pair)), *build),
        frozenset({table}), autocommit_down=True, alone=True,
        why="The constraint takes over the index that the revision before has built, and reads no "
        "row. The downgrade builds that index again, outside a transaction.",
    )  # fmt: skip
    for before, aside in asides:
        yield dropped_aside(context, before, aside)


def _from_aside(context: Context, index: CatalogObject, aside: str) -> Iterator[str]:
    yield renamed(index, aside, name_of(index))
    yield from (*source.extras(index), *comments(context.old, index.identity))


def _key_restored(context: Context, before: CatalogObject, item: CatalogObject) -> Iterator[str]:
    """Yield what puts a key back in the place of the one that has replaced it."""
    if constraint_kind(before) in ("primary", "unique"):
        old = source.key_index(before, context.free_name(name_of(before), "old"))
        yield from create(context.old, old, safe=True)
        yield _use_index(before, old, [item])
        yield from comments(context.old, before.identity)
    else:
        yield source.drop_constraint(item, if_exists=True)
        yield from restored(context, before)


def _use_index(item: CatalogObject, index: CatalogObject, gone: Sequence[CatalogObject]) -> str:
    tree = source.parse_constraint(item.definition)
    name = constraint_name(item)
    drops = "".join(f"DROP CONSTRAINT IF EXISTS {constraint_name(other)}, " for other in gone)
    return source.alter_table(
        item.table or "",
        f"{drops}ADD CONSTRAINT {name} "
        f"{'PRIMARY KEY' if constraint_kind(item) == 'primary' else 'UNIQUE'} "
        f"USING INDEX {quote(raw(index.name))}{' DEFERRABLE' if tree.deferrable else ''}"
        f"{' INITIALLY DEFERRED' if tree.initdeferred else ''}",
    )
