"""Constraints and indexes that come, go or change, as steps that a live server bears."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate._columns import validate
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_kind, constraint_name
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql._names import derived, plain, quote, raw, shown

_TIMING = re.compile(r"(?: DEFERRABLE)?(?: INITIALLY DEFERRED)?(?P<invalid> NOT VALID)?$")


@dataclass(frozen=True)
class Keys:
    """Plans the constraints and indexes of tables that are there on both sides."""

    old: Side
    new: Side
    single: bool

    def is_partitioned(self, table: str) -> bool:
        """Whether a table has partitions, which refuse most of what is safe."""
        item = self.new.objects.get(f"table {table}") or self.old.objects.get(f"table {table}")
        return item is not None and " PARTITION BY " in item.definition

    # --- constraints

    def dropped(self, item: CatalogObject) -> Part:
        """Plan the end of a constraint."""
        is_foreign = constraint_kind(item) == "foreignkey"
        stage = Stage.FOREIGN_KEY_DROP if is_foreign else Stage.KEY_DROP
        back = self._plainly(item)
        return Part(
            stage, f"Drop {_name(item)}", (source_keys.drop_constraint(item),), back,
            frozenset({item.table or ""}), why=_weaker(item),
        )  # fmt: skip

    def _plainly(self, item: CatalogObject) -> tuple[str, ...]:
        """How a constraint is put back by a downgrade: at once, and proved."""
        return (source_keys.add_constraint(item), *_comment(self.old, item))

    def added(self, item: CatalogObject) -> Iterator[Part]:
        """Plan a new constraint."""
        kind = constraint_kind(item)
        if self.single or not kind:
            yield self._at_once(item)
        elif kind in ("primary", "unique") and not self.is_partitioned(item.table or ""):
            yield self._by_index(item, None)
        elif kind == "check" and not _is_odd(item):
            yield from self._not_valid(item, Stage.CHECK, Stage.VALIDATE)
        elif kind == "foreignkey" and not self.is_partitioned(item.table or ""):
            stage = Stage.CHECK if self._has_its_key(item) else Stage.FOREIGN_KEY
            yield from self._not_valid(item, stage, Stage.FOREIGN_KEY_VALIDATE)
        else:
            yield self._at_once(item)

    def changed(self, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
        """Plan another definition under the same name."""
        kind = constraint_kind(after)
        table = after.table or ""
        if before.definition.removesuffix(" NOT VALID") == after.definition:
            if before.definition != after.definition:
                down = (source_keys.drop_constraint(after), source_keys.add_constraint(before))
                yield validate(table, constraint_name(after), down, find=_rows(after))
                return
        if kind == "foreignkey" and _without_timing(before) == _without_timing(after):
            yield self._timed(before, after)
        elif (
            kind in ("primary", "unique")
            and kind == constraint_kind(before)
            and not self.single
            and not self.is_partitioned(table)
        ):
            yield self._by_index(after, before)
        else:
            yield self.dropped(before)
            yield from self.added(after)

    def _has_its_key(self, item: CatalogObject) -> bool:
        """Whether the key that a foreign key leans on is there already, and stays as it is."""
        uses = self.new.uses.get(item.identity)
        for other in self.old.objects.values() if uses else ():
            found = self.old.uses.get(other.identity)
            if found and constraint_kind(other) in ("primary", "unique") and uses:
                if found.index == uses.index:
                    same = self.new.definitions.get(other.identity)
                    return same == self.old.definitions[other.identity]
        return False

    def _timed(self, before: CatalogObject, after: CatalogObject) -> Part:
        """When a foreign key is checked can be changed in an instant."""
        alter = f"ALTER TABLE {shown(after.table or '')} ALTER CONSTRAINT {constraint_name(after)}"
        up, down = (source.execute(f"{alter} {_timing(item)}") for item in (after, before))
        return Part(
            Stage.FOREIGN_KEY, f"Change when {_name(after)} is checked", (up,), (down,),
            frozenset({after.table or ""}),
        )  # fmt: skip

    def _at_once(self, item: CatalogObject) -> Part:
        kind = constraint_kind(item)
        stage = {"check": Stage.CHECK, "foreignkey": Stage.FOREIGN_KEY}.get(kind, Stage.KEY)
        why = owes = ""
        if not self.single and not item.definition.endswith("NOT ENFORCED"):
            owes = f"{_name(item)} is proved while writers of {plain(item.table or '')} wait"
            why = (
                "PostgreSQL has no way to add this without reading the table under a lock: choose "
                "a quiet hour, or a new table that rows are copied to in batches."
            )
        return Part(
            stage, f"Add {_name(item)}",
            (source_keys.add_constraint(item), *_comment(self.new, item)),
            (source_keys.drop_constraint(item),), self._locked(item), why=why, owes=owes,
            find=_rows(item),
        )  # fmt: skip

    def _locked(self, item: CatalogObject) -> frozenset[str]:
        uses = self.new.uses.get(item.identity) or self.old.uses.get(item.identity)
        owners = {owner for owner, _ in uses.columns} if uses else set()
        return frozenset(owners | {item.table or ""})

    def _not_valid(self, item: CatalogObject, add: Stage, prove: Stage) -> Iterator[Part]:
        name = _name(item)
        start = source_keys.add_constraint(item, not_valid=True)
        drop = source_keys.drop_constraint(item)
        what = "check" if constraint_kind(item) == "check" else "foreign key"
        already = item.definition.endswith(" NOT VALID")
        yield Part(
            add, f"Add {name}", (start, *_comment(self.new, item)), (drop,), self._locked(item),
            why=f"NOT VALID: the {what} holds for every write from now on and reads no row"
            + ("." if already else "; the next revision proves the rest."),
        )  # fmt: skip
        if not already:
            yield validate(
                item.table or "", constraint_name(item), (drop, start),
                find=_rows(item), stage=prove,
            )  # fmt: skip

    def _by_index(self, item: CatalogObject, before: CatalogObject | None) -> Part:
        """Return a key whose index is built while everybody goes on, and then taken over."""
        table = item.table or ""
        return Part(
            Stage.KEY, f"{'Change' if before else 'Add'} {_name(item)}",
            (*self._taken_over(self.new, item, before is not None), *_comment(self.new, item)),
            tuple(self._taken_over(self.old, before, True)) if before
            else (source_keys.drop_constraint(item),),
            frozenset({table}), autocommit=True, autocommit_down=before is not None, alone=True,
            find=_rows(item),
            why="The index is built CONCURRENTLY, and the constraint takes it over in an instant. "
            "Nothing here is in a transaction: run again after a crash, the first statements clear "
            "whatever the last run left behind.",
        )  # fmt: skip

    def _taken_over(self, side: Side, item: CatalogObject, is_change: bool) -> Iterator[str]:
        table, name = item.table or "", constraint_name(item)
        kind = constraint_kind(item)
        index = derived(raw(name), "new") if is_change else raw(name)
        key = source_keys.key_index(item, index)
        if not is_change:
            yield source_keys.drop_constraint(item, if_exists=True)
        yield source_indexes.drop_index(key, concurrently=True)
        yield source_indexes.create_index(key, concurrently=True)
        word = "PRIMARY KEY" if kind == "primary" else "UNIQUE"
        match = _TIMING.search(item.definition)
        timing = (match[0] if match else "").removesuffix(" NOT VALID")
        drop = f"DROP CONSTRAINT IF EXISTS {name}, " if is_change else ""
        yield source.execute(
            f"ALTER TABLE {shown(table)} {drop}ADD CONSTRAINT {name} "
            f"{word} USING INDEX {quote(index)}{timing}"
        )

    # --- indexes

    def index_dropped(self, item: CatalogObject) -> Part:
        """Plan the end of an index."""
        safe = self._is_safe(item)
        return Part(
            Stage.INDEX_DROP, f"Drop {raw(item.name)}",
            (source_indexes.drop_index(item, concurrently=safe),),
            tuple(self._built(self.old, item, safe)),
            frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
            why="CONCURRENTLY lets readers and writers go on, and cannot run in a transaction."
            if safe else "",
        )  # fmt: skip

    def index_added(self, item: CatalogObject) -> Part:
        """Plan a new index."""
        safe = self._is_safe(item)
        up = tuple(self._built(self.new, item, safe))
        return Part(
            Stage.INDEX, f"Index {plain(item.table or '')}: {raw(item.name)}", up,
            (source_indexes.drop_index(item, concurrently=safe),),
            frozenset({item.table or ""}), autocommit=safe, autocommit_down=safe, alone=safe,
            why=_BUILD if safe else "", owes="" if safe or self.single else
            f"{raw(item.name)} is built while writers of {plain(item.table or '')} wait",
            find=_duplicates(item),
        )  # fmt: skip

    def index_changed(self, before: CatalogObject, after: CatalogObject) -> Iterator[Part]:
        """Plan another definition under the same name: build it beside the old one, then switch."""
        if not self._is_safe(after) or before.table != after.table:
            yield self.index_dropped(before)
            yield self.index_added(after)
            return
        yield Part(
            Stage.INDEX, f"Rebuild {raw(after.name)}",
            tuple(self._replaced(after, self.new)), tuple(self._replaced(before, self.old)),
            frozenset({after.table or ""}), autocommit=True, autocommit_down=True, alone=True,
            why="The new index is built beside the old one, which answers queries until it is "
            "done; then it takes its name. Run again after a crash, it starts over.",
            find=_duplicates(after),
        )  # fmt: skip

    def _replaced(self, item: CatalogObject, side: Side) -> Iterator[str]:
        beside = derived(raw(item.name), "new")
        yield source_indexes.drop_index(item, concurrently=True, name=quote(beside))
        yield source_indexes.create_index(item, concurrently=True, name=quote(beside))
        yield source_indexes.drop_index(item, concurrently=True)
        schema = item.name.rpartition(raw(item.name) if '"' not in item.name else item.name)[0]
        qualified = f"{shown(schema)}{quote(beside)}" if schema != "public." else quote(beside)
        yield source.execute(f"ALTER INDEX {qualified} RENAME TO {quote(raw(item.name))}")
        yield from _index_belongings(side, item)

    def _built(self, side: Side, item: CatalogObject, safe: bool) -> Iterator[str]:
        if safe:
            yield source_indexes.drop_index(item, concurrently=True)
        yield source_indexes.create_index(item, concurrently=safe)
        yield from _index_belongings(side, item)

    def _is_safe(self, item: CatalogObject) -> bool:
        return not self.single and not self.is_partitioned(item.table or "")


_BUILD = (
    "CONCURRENTLY lets writers go on, and cannot run in a transaction: this revision holds nothing "
    "else. A build that was cut short leaves an invalid index, which IF NOT EXISTS would take for "
    "done. So drop first, then create: run again after a crash, the pair ends in one valid index."
)


def _index_belongings(side: Side, item: CatalogObject) -> Iterator[str]:
    for extra in item.extra or ():
        if not extra.startswith("--") and " ATTACH PARTITION " not in extra:
            yield source.execute(extra)
    yield from _comment(side, item)


def _comment(side: Side, item: CatalogObject) -> Iterator[str]:
    comment = side.objects.get(f"comment on {item.identity}")
    if comment is not None:
        yield source.execute(comment.definition)


def _name(item: CatalogObject) -> str:
    return raw(constraint_name(item))


def _is_odd(item: CatalogObject) -> bool:
    return item.definition.endswith(("NOT ENFORCED", "NO INHERIT"))


def _timing(item: CatalogObject) -> str:
    definition = item.definition
    first = "DEFERRABLE" if " DEFERRABLE" in definition else "NOT DEFERRABLE"
    second = "DEFERRED" if definition.endswith("INITIALLY DEFERRED") else "IMMEDIATE"
    return f"{first} INITIALLY {second}"


def _without_timing(item: CatalogObject) -> str:
    return _TIMING.sub("", item.definition)


def _weaker(item: CatalogObject) -> str:
    return f"Nothing holds {_name(item)} true any more: code that leans on it has to go first."


def _rows(item: CatalogObject) -> str:
    """Return a query for the rows that stand in the way of a constraint."""
    table = shown(item.table or "")
    kind = constraint_kind(item)
    if kind == "check":
        expression = source_keys.check_expression(item.definition.removesuffix(" NOT VALID"))
        return f"SELECT * FROM {table} WHERE NOT ({expression})" if expression else ""
    if kind == "foreignkey":
        return source_keys.orphans(item)
    if kind in ("primary", "unique"):
        columns = ", ".join(quote(each) for each in source_keys.names_in_key(item))
        return f"SELECT {columns}, count(*) FROM {table} GROUP BY {columns} HAVING count(*) > 1"
    return ""


def _duplicates(item: CatalogObject) -> str:
    found = (
        source_indexes.index_elements(item) if item.definition.startswith("CREATE UNIQUE") else None
    )
    if not found:
        return ""
    elements, where = found
    columns = ", ".join(elements)
    condition = f" WHERE {where}" if where else ""
    table = shown(item.table or "")
    return (
        f"SELECT {columns}, count(*) FROM {table}{condition} GROUP BY {columns} HAVING count(*) > 1"
    )
