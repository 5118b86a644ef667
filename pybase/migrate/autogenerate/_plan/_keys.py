"""Constraints and indexes that are added, dropped or changed, in steps safe on a live server."""

from collections.abc import Iterator
from typing import Any

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._context import Context, comments
from pybase.migrate.autogenerate._plan._required import validate
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_kind, constraint_name
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import derived, parts, plain, quote, raw, shown


def dropped(context: Context, item: CatalogObject) -> Part:
    """Plan the drop of a constraint; the downgrade adds it at once, and validated."""
    is_foreign = constraint_kind(item) == "foreignkey"
    return Part(
        Stage.FOREIGN_KEY_DROP if is_foreign else Stage.KEY_DROP, f"Drop {_name(item)}",
        (source.drop_constraint(item),),
        (source.add_constraint(item), *comments(context.old, item.identity)),
        frozenset({item.table or ""}),
        why=f"{_name(item)} is no longer enforced: code that relies on it has to be changed first.",
    )  # fmt: skip


def added(context: Context, item: CatalogObject) -> Iterator[Part]:
    """Plan a new constraint."""
    kind = constraint_kind(item)
    is_atomic = context.single or context.is_partitioned(item.table or "")
    tree: Any = source.parse_constraint(item.definition) if kind else None
    if kind in ("primary", "unique") and not is_atomic and not tree.without_overlaps:
        yield from _by_index(context, item, None)
    elif kind == "check" and not context.single and tree.is_enforced and not tree.is_no_inherit:
        yield from _not_valid(context, item, Stage.CHECK, Stage.VALIDATE)
    elif kind == "foreignkey" and not is_atomic:
        stage = Stage.CHECK if _has_its_key(context, item) else Stage.FOREIGN_KEY
        yield from _not_valid(context, item, stage, Stage.FOREIGN_KEY_VALIDATE)
    else:
        yield _at_once(context, item)


def changed(context: Context, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
    """Plan another definition under the same name."""
    kind, table = constraint_kind(after), after.table or ""
    is_key = kind in ("primary", "unique") and kind == constraint_kind(before)
    if before.definition == f"{after.definition} NOT VALID":
        down = (source.drop_constraint(after), source.add_constraint(before))
        yield validate(table, constraint_name(after), down, find=source.violations(after))
    elif kind == "foreignkey" and _without_timing(before) == _without_timing(after):
        yield _timed(before, after)
    elif is_key and not context.single and not context.is_partitioned(table):
        yield from _by_index(context, after, before)
    else:
        yield dropped(context, before)
        yield from added(context, after)


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
    title = f"Change when {_name(after)} is checked"
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
        stage, f"Add {_name(item)}",
        (source.add_constraint(item), *comments(context.new, item.identity)),
        (source.drop_constraint(item),), _locked(context, item), find=source.violations(item),
        owes=f"{_name(item)} is validated while writers of {table} wait" if is_felt else "",
        why="PostgreSQL cannot add this without reading the table under a lock: choose a quiet "
        "hour, or a new table to which rows are copied in batches." if is_felt else "",
    )  # fmt: skip


def _locked(context: Context, item: CatalogObject) -> frozenset[str]:
    uses = context.new.uses.get(item.identity) or context.old.uses.get(item.identity)
    owners = {owner for owner, _ in uses.columns} if uses else set()
    return frozenset(owners | {item.table or ""})


def _not_valid(
    context: Context, item: CatalogObject, add: Stage, validated: Stage
) -> Iterator[Part]:
    start, drop = source.add_constraint(item, not_valid=True), source.drop_constraint(item)
    what = "check" if constraint_kind(item) == "check" else "foreign key"
    stays_so = item.definition.endswith(" NOT VALID")
    later = "." if stays_so else "; the next revision validates the rows that exist already."
    yield Part(
        add, f"Add {_name(item)}", (start, *comments(context.new, item.identity)), (drop,),
        _locked(context, item),
        why=f"NOT VALID: the {what} applies to every write from now on and reads no row{later}",
    )  # fmt: skip
    if not stays_so:
        yield validate(
            item.table or "", constraint_name(item), (drop, start),
            find=source.violations(item), stage=validated,
        )  # fmt: skip


def _by_index(
    context: Context, item: CatalogObject, before: CatalogObject | None
) -> Iterator[Part]:
    """Plan a key: its index is built CONCURRENTLY; the next revision makes it the constraint's."""
    table, name = item.table or "", raw(constraint_name(item))
    index = source.key_index(item, derived(name, "new") if before else name)
    build = _create(context.new, index, safe=True)
    yield Part(
        Stage.INDEX, f"Build the index of {name}", build,
        (source.drop_index(index, concurrently=True),),
        frozenset({table}), autocommit=True, autocommit_down=True, alone=True, why=_BUILD,
        find=source.violations(item),
    )  # fmt: skip
    down: tuple[str, ...]
    if before is None:
        down = (source.drop_constraint(item, if_exists=True), *build)
    else:
        old = source.key_index(before, derived(name, "old"))
        down = (
            *_create(context.old, old, safe=True), _use_index(before, old, is_change=True),
            *comments(context.old, before.identity), *build,
        )  # fmt: skip
    yield Part(
        Stage.KEY, f"{'Change' if before else 'Add'} {name}",
        (_use_index(item, index, is_change=before is not None),
         *comments(context.new, item.identity)),
        down, frozenset({table}), autocommit_down=True, alone=True,
        why="The constraint takes over the index that the revision before has built, and reads no "
        "row. The downgrade builds that index again, outside a transaction.",
    )  # fmt: skip


def _use_index(item: CatalogObject, index: CatalogObject, *, is_change: bool) -> str:
    tree = source.parse_constraint(item.definition)
    name = constraint_name(item)
    return source.alter_table(
        item.table or "",
        f"{f'DROP CONSTRAINT IF EXISTS {name}, ' if is_change else ''}ADD CONSTRAINT {name} "
        f"{'PRIMARY KEY' if constraint_kind(item) == 'primary' else 'UNIQUE'} "
        f"USING INDEX {quote(raw(index.name))}{' DEFERRABLE' if tree.deferrable else ''}"
        f"{' INITIALLY DEFERRED' if tree.initdeferred else ''}",
    )


def _name(item: CatalogObject) -> str:
    return raw(constraint_name(item))


# --- indexes ----------------------------------------------------------------------------------

_BUILD = (
    "CONCURRENTLY lets writers continue, and cannot run in a transaction: this revision holds "
    "nothing else. An interrupted build leaves an invalid index, which IF NOT EXISTS would take "
    "for complete. So drop first, then create: run again after a crash, the pair ends in one valid "
    "index."
)


def index_dropped(context: Context, item: CatalogObject) -> Part:
    """Plan the drop of an index."""
    safe = _is_safe(context, item)
    return Part(
        Stage.INDEX_DROP, f"Drop {raw(item.name)}",
        (source.drop_index(item, concurrently=safe),), _create(context.old, item, safe=safe),
        frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
        why="CONCURRENTLY lets readers and writers continue, and cannot run in a transaction."
        if safe else "",
    )  # fmt: skip


def index_added(context: Context, item: CatalogObject) -> Part:
    """Plan a new index."""
    safe, table = _is_safe(context, item), plain(item.table or "")
    return Part(
        Stage.INDEX, f"Index {table}: {raw(item.name)}", _create(context.new, item, safe=safe),
        (source.drop_index(item, concurrently=safe),),
        frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
        why=_BUILD if safe else "", owes="" if safe or context.single else
        f"{raw(item.name)} is built while writers of {table} wait",
        find=source.violations(item),
    )  # fmt: skip


def index_changed(context: Context, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
    """Plan another definition under the same name: build it next to the old one, then switch."""
    if not _is_safe(context, after) or before.table != after.table:
        yield index_dropped(context, before)
        yield index_added(context, after)
        return
    yield Part(
        Stage.INDEX, f"Rebuild {raw(after.name)}",
        tuple(_replaced(context.new, after)), tuple(_replaced(context.old, before)),
        frozenset({after.table or ""}), autocommit=True, autocommit_down=True, alone=True,
        why="The new index is built while the old one still answers queries; then it takes its "
        "name. Run again after a crash, it starts over.",
        find=source.violations(after),
    )  # fmt: skip


def _replaced(side: Side, item: CatalogObject) -> Iterator[str]:
    name = derived(raw(item.name), "new")
    yield source.drop_index(item, concurrently=True, name=name)
    yield source.create_index(item, concurrently=True, name=name)
    yield source.drop_index(item, concurrently=True)
    qualified = shown(".".join(map(quote, [*parts(item.name)[:-1], name])))
    yield source.execute(f"ALTER INDEX {qualified} RENAME TO {quote(raw(item.name))}")
    yield from (*source.extras(item), *comments(side, item.identity))


def _create(side: Side, item: CatalogObject, *, safe: bool) -> tuple[str, ...]:
    cleared = (source.drop_index(item, concurrently=True),) if safe else ()
    build = source.create_index(item, concurrently=safe)
    return (*cleared, build, *source.extras(item), *comments(side, item.identity))


def _is_safe(context: Context, item: CatalogObject) -> bool:
    return not context.single and not context.is_partitioned(item.table or "")
