"""Indexes that are added, dropped or changed, and what is dropped for something else's sake."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan._columns import restore
from pybase.migrate.autogenerate._plan._context import Context, comments
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import parts, plain, quote, raw, shown

BUILD = (
    "CONCURRENTLY lets writers continue, and cannot run in a transaction: this revision holds "
    "nothing else. An interrupted build leaves an invalid index, which IF NOT EXISTS would take "
    "for complete. So drop first, then create: run again after a crash, the pair ends in one valid "
    "index."
)


def dropped(context: Context, item: CatalogObject) -> Part:
    """Plan the drop of an index."""
    safe = is_safe(context, item)
    return Part(
        Stage.INDEX_DROP, f"Drop {raw(item.name)}",
        (source.drop_index(item, concurrently=safe),), create(context.old, item, safe=safe),
        frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
        why="CONCURRENTLY lets readers and writers continue, and cannot run in a transaction."
        if safe else "",
    )  # fmt: skip


def added(context: Context, item: CatalogObject) -> Iterator[Part]:
    """Plan a new index, and the drop of what it replaces."""
    safe, table = is_safe(context, item), plain(item.table or "")
    replaced = context.replaced.get(item.identity, ())
    if safe and replaced:
        yield from _index_instead(context, item, replaced)
        return
    yield instead(context, replaced, Part(
        Stage.INDEX, f"Index {table}: {raw(item.name)}", create(context.new, item, safe=safe),
        (source.drop_index(item, concurrently=safe),),
        frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
        why=BUILD if safe else "", owes="" if safe or context.single else
        f"{raw(item.name)} is built while writers of {table} wait",
        find=source.violations(item),
    ))  # fmt: skip


def again(context: Context, item: CatalogObject) -> Part:
    """Plan an index in the transaction that has dropped it."""
    return Part(
        Stage.INDEX, f"Index {plain(item.table or '')}: {raw(item.name)}",
        create(context.new, item, safe=False), (source.drop_index(item),),
        frozenset({item.table or ""}), find=source.violations(item),
    )  # fmt: skip


def _index_instead(
    context: Context, item: CatalogObject, replaced: Sequence[CatalogObject]
) -> Iterator[Part]:
    """Plan an index whose name is taken: built under another name, it takes the place then."""
    table, name = frozenset({item.table or ""}), name_of(item)
    temporary = context.free_name(name, "new")
    clear = source.drop_index(item, concurrently=True, name=temporary)
    build = source.create_index(item, concurrently=True, name=temporary)
    yield Part(
        Stage.INDEX, f"Build the index of {name}", (clear, build), (clear,), table,
        autocommit=True, autocommit_down=True, alone=True, why=BUILD,
        find=source.violations(item),
    )  # fmt: skip
    yield instead(context, replaced, Part(
        Stage.KEY, f"Change {name}",
        (renamed(item, temporary, name), *source.extras(item),
         *comments(context.new, item.identity)),
        (renamed(item, name, temporary),), table, alone=True,
        why="The index that the revision before has built takes the name and the place.",
    ))  # fmt: skip


def dropped_aside(context: Context, item: CatalogObject, name: str) -> Part:
    """Plan the drop of an index whose name something else has taken."""
    drop = source.drop_index(item, concurrently=True, name=name)
    build = source.create_index(item, concurrently=True, name=name)
    return Part(
        Stage.INDEX_DROP, f"Drop {name}", (drop,), (drop, build),
        frozenset({item.table or ""}), autocommit=True, autocommit_down=True, alone=True,
        why="CONCURRENTLY lets readers and writers continue, and cannot run in a transaction.",
    )  # fmt: skip


def renamed(item: CatalogObject, old: str, new: str) -> str:
    """Return the statement that renames an index; both names are unquoted."""
    qualified = shown(".".join(map(quote, [*parts(item.name)[:-1], old])))
    return source.execute(f"ALTER INDEX {qualified} RENAME TO {quote(new)}")


def changed(context: Context, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
    """Plan another definition under the same name: build it next to the old one, then switch."""
    if not is_safe(context, after):
        yield instead(context, (before,), next(added(context, after)))
        return
    if before.table != after.table:
        yield from _index_instead(context, after, (before,))
        return
    yield Part(
        Stage.INDEX, f"Rebuild {raw(after.name)}",
        tuple(_rebuilt(context, context.new, after)), tuple(_rebuilt(context, context.old, before)),
        frozenset({after.table or ""}), autocommit=True, autocommit_down=True, alone=True,
        why="The new index is built while the old one still answers queries; then it takes its "
        "name. Run again after a crash, it starts over.",
        find=source.violations(after),
    )  # fmt: skip


def _rebuilt(context: Context, side: Side, item: CatalogObject) -> Iterator[str]:
    name = context.free_name(raw(item.name), "new")
    yield source.drop_index(item, concurrently=True, name=name)
    yield source.create_index(item, concurrently=True, name=name)
    yield source.drop_index(item, concurrently=True)
    yield renamed(item, name, raw(item.name))
    yield from (*source.extras(item), *comments(side, item.identity))


def create(side: Side, item: CatalogObject, *, safe: bool) -> tuple[str, ...]:
    cleared = (source.drop_index(item, concurrently=True),) if safe else ()
    build = source.create_index(item, concurrently=safe)
    return (*cleared, build, *source.extras(item), *comments(side, item.identity))


def is_safe(context: Context, item: CatalogObject) -> bool:
    return not context.single and not context.is_partitioned(item.table or "")


# --- what gives way -----------------------------------------------------------------------------


def instead(context: Context, replaced: Sequence[CatalogObject], part: Part) -> Part:
    """Drop what a part replaces in the transaction of the part: no write is without a rule."""
    if not replaced:
        return part
    names = ", ".join(name_of(item) for item in replaced)
    word = part.title.rpartition(" ")[2]
    return replace(
        part, title=f"Change {word}" if names == word else f"Replace {names} by {word}",
        up=(*map(drop, replaced), *part.up),
        down=(*part.down, *(line for item in replaced for line in restored(context, item))),
    )  # fmt: skip


def drop(item: CatalogObject) -> str:
    return source.drop_index(item) if item.kind == "index" else source.drop_constraint(item)


def restored(context: Context, item: CatalogObject) -> Iterator[str]:
    yield restore(item)
    yield from (*source.extras(item), *comments(context.old, item.identity))


def name_of(item: CatalogObject) -> str:
    """Return the name of a constraint or index, unquoted."""
    return raw(item.name)
