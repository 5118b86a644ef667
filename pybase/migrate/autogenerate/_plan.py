"""From the difference of two sides to a plan: every difference becomes a step, or is named."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pybase.migrate.autogenerate import _enums as enums
from pybase.migrate.autogenerate import _other_objects as others
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate._alter import Alterations
from pybase.migrate.autogenerate._columns import Probe
from pybase.migrate.autogenerate._keys import Keys
from pybase.migrate.autogenerate._operations import Part, Plan, Stage
from pybase.migrate.autogenerate._schema_snapshot import Column, Side, constraint_kind
from pybase.migrate.autogenerate._tables import create_table, drop_table, in_order
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql._names import plain


@dataclass
class Planner:
    """Turns the changes between two sides into parts."""

    old: Side
    new: Side
    changes: list[Change]
    probe: Probe
    single: bool
    plan: Plan = field(default_factory=Plan)

    def run(self) -> Plan:
        """Plan everything."""
        keys = {change.identity for change in self.changes}
        self.added_tables = self._of(keys, "table", self.new) - self._of(keys, "table", self.old)
        self.dropped_tables = self._of(keys, "table", self.old) - self._of(keys, "table", self.new)
        self.keys = Keys(self.old, self.new, self.single)
        self._enums(keys)
        self.columns = Alterations(
            self.old, self.new, self.probe, self.single, frozenset(self._settled())
        )
        self._tables()
        for change in self.changes:
            if not self._is_done(change):
                self._one(change)
        self._disturbed()
        return self.plan

    def _of(self, keys: Iterable[str], kind: str, side: Side) -> set[str]:
        return {
            side.objects[key].name
            for key in keys
            if key in side.objects and side.objects[key].kind == kind
        }

    # --- tables and enums

    def _tables(self) -> None:
        order, later = in_order(self.new, self.added_tables)
        for table in order:
            statements = create_table(self.new, table, later)
            self.plan.add(
                Stage.TABLE, f"Create {plain(table)}", statements, [drop_table(table)],
                tables=self._referenced(table),
            )  # fmt: skip
        for key in sorted(later):
            item = self.new.objects[key]
            self.plan.add(
                Stage.TABLE, f"Add {plain(item.name)}", [source_keys.add_constraint(item)],
                [source_keys.drop_constraint(item)],
            )  # fmt: skip
        back, back_later = in_order(self.old, self.dropped_tables)
        for key in sorted(back_later):
            item = self.old.objects[key]
            self.plan.add(
                Stage.DROP, f"Drop {plain(item.name)}", [source_keys.drop_constraint(item)],
                [source_keys.add_constraint(item)],
            )  # fmt: skip
        for table in reversed(back):
            self.plan.add(
                Stage.DROP, f"Drop {plain(table)}", [drop_table(table)],
                create_table(self.old, table, back_later), tables=frozenset({table}),
                loses=f"{plain(table)} and all of its rows",
                owes=f"drops-table on {plain(table)}: accept it with the reason why it is unused",
                why=f"The rows of {plain(table)} are gone with it, and code that still uses it "
                "fails: first release a version that does not. The way back makes the table, not "
                "its rows.",
            )  # fmt: skip

    def _referenced(self, table: str) -> frozenset[str]:
        """Return the tables that are there already, and that a new one points to."""
        owners = {
            owner
            for item in self.new.of(table, "constraint")
            if constraint_kind(item) == "foreignkey" and item.identity in self.new.uses
            for owner, _ in self.new.uses[item.identity].columns
        }
        return frozenset(owners - self.added_tables)

    def _enums(self, keys: set[str]) -> None:
        self.swapped: set[str] = set()
        for name in sorted(self.old.labels.keys() & self.new.labels.keys()):
            if f"type {name}" in keys:
                part, is_swapped = enums.changed(self.old, self.new, name, single=self.single)
                self.plan.parts.append(part)
                if is_swapped:
                    self.swapped.add(name)

    def _settled(self) -> Iterator[tuple[str, str]]:
        for name in self.swapped:
            for column in self.old.users_of_type(name):
                yield column.table, column.name

    # --- the rest

    def _is_done(self, change: Change) -> bool:
        """Whether a change comes with a table, a column or an enum that has its own steps."""
        item = self.new.objects.get(change.identity) or self.old.objects[change.identity]
        if item.kind == "type" and item.name in self.old.labels and item.name in self.new.labels:
            return True
        if item.table in self.added_tables and change.before is None:
            return True
        if item.table in self.dropped_tables and change.after is None:
            return self._is_within(item)
        if item.kind == "constraint" and item.table is None:
            domain = f"domain {item.name.rpartition('.')[0]}"
            return domain not in self.old.objects or domain not in self.new.objects
        if item.kind == "column":
            return False
        if item.kind == "comment":
            return self._comes_with_its_object(item, change)
        if item.kind == "sequence" and item.table:
            return self._comes_with_its_column(item, change)
        return change.after is None and self._goes_with_a_column(item)

    def _is_within(self, item: CatalogObject) -> bool:
        return True

    def _comes_with_its_object(self, item: CatalogObject, change: Change) -> bool:
        about = item.about
        if change.before is None:
            return about in self.new.objects and about not in self.old.objects
        if change.after is None:
            return about not in self.new.objects
        return False

    def _comes_with_its_column(self, item: CatalogObject, change: Change) -> bool:
        """Whether a sequence is made, or dropped, with the column that owns it."""
        for side, mine in ((self.old, change.after is None), (self.new, change.before is None)):
            if mine:
                return any(each.sequence == item.name for each in side.columns.values())
        before, after = (
            next((each for each in side.columns.values() if each.sequence == item.name), None)
            for side in (self.old, self.new)
        )
        return bool(before and after and bool(before.identity) != bool(after.identity))

    def _goes_with_a_column(self, item: CatalogObject) -> bool:
        return any(
            self.columns.goes_with_column(item.identity, each)
            for each in self.old.columns_of(item.table or "")
            if (each.table, each.name) not in self.new.columns
        )

    def _one(self, change: Change) -> None:
        item = self.new.objects.get(change.identity) or self.old.objects[change.identity]
        if item.kind == "column":
            self.plan.parts += self._column(change)
        elif item.kind == "constraint" and item.table:
            self.plan.parts += self._constraint(change)
        elif item.kind == "index":
            self.plan.parts += self._index(change)
        elif change.before is None:
            self.plan.parts.append(others.created(self.new, item))
        elif change.after is None:
            self.plan.parts.append(others.dropped(self.old, item))
        elif not others.follows(change, item):
            found = others.changed(self.old, self.new, change.identity)
            if isinstance(found, str):
                self.plan.unsolved.append(found)
            else:
                self.plan.parts.append(found)

    def _column(self, change: Change) -> list[Part]:
        old, new = (self._found(side, change.identity) for side in (self.old, self.new))
        if old is None and new is not None:
            return list(self.columns.added(new))
        if new is None and old is not None:
            return list(self.columns.dropped(old))
        if old is None or new is None:
            return []
        return list(self.columns.changed(old, new))

    def _found(self, side: Side, identity: str) -> Column | None:
        item = side.objects.get(identity)
        if item is None or item.table is None:
            return None
        return side.columns.get((item.table, item.name.removeprefix(f"{item.table}.")))

    def _constraint(self, change: Change) -> list[Part]:
        old, new = self.old.objects.get(change.identity), self.new.objects.get(change.identity)
        if old is None and new is not None:
            return list(self.keys.added(new))
        if new is None and old is not None:
            return [self.keys.dropped(old)]
        assert old is not None and new is not None
        return list(self.keys.changed(old, new))

    def _index(self, change: Change) -> list[Part]:
        old, new = self.old.objects.get(change.identity), self.new.objects.get(change.identity)
        if old is None and new is not None:
            return [self.keys.index_added(new)]
        if new is None and old is not None:
            return [self.keys.index_dropped(old)]
        assert old is not None and new is not None
        return list(self.keys.index_changed(old, new))

    # --- what stays the same and stands in the way all the same

    def _disturbed(self) -> None:
        """Take foreign keys off where a key they lean on, or the type of a column, changes."""
        changed = {change.identity for change in self.changes}
        for item in list(self.old.objects.values()):
            if item.kind != "constraint" or item.identity in changed or not item.table:
                continue
            if item.identity not in self.new.objects or constraint_kind(item) != "foreignkey":
                continue
            if self._leans_on_change(item, changed):
                self.plan.parts.append(self.keys.dropped(item))
                self.plan.parts += self.keys.added(item)

    def _leans_on_change(self, item: CatalogObject, changed: set[str]) -> bool:
        uses = self.old.uses.get(item.identity)
        if uses is None:
            return False
        for owner, name in uses.columns:
            before, after = (side.columns.get((owner, name)) for side in (self.old, self.new))
            if before and after and _family(before) != _family(after):
                return True
        key = next(
            (
                each
                for each in self.old.objects.values()
                if each.kind in ("constraint", "index")
                and each.table
                and self.old.uses.get(each.identity)
                and _index_of(self.old, each) == uses.index
                and constraint_kind(each) != "foreignkey"
            ),
            None,
        )
        return key is not None and key.identity in changed


def _index_of(side: Side, item: CatalogObject) -> str:
    return item.name if item.kind == "index" else side.uses[item.identity].index


def _family(column: Column) -> str:
    """Types that a foreign key may compare with each other."""
    for family in (("integer", "bigint", "smallint"), ("text", "character varying")):
        if column.base_type in family and not column.type.endswith("[]"):
            return family[0]
    return f"{column.type} {column.collation}"
