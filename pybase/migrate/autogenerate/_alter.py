"""Columns that stay and become something else: their type, default, identity or expression."""

from collections.abc import Iterator
from dataclasses import replace

from pybase.migrate.autogenerate import _backfills as backfill
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_columns as source_columns
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate._columns import Columns, drop_column, named
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.sql._names import literal, raw, shown

_SET_EXPRESSION = 170000
"""The first server that can change the expression of a generated column."""


class Alterations(Columns):
    """Plans columns, those that change as well."""

    def changed(self, before: Column, after: Column) -> Iterator[Part]:
        """Plan whatever is different in a column that stays."""
        if (before.generated, before.storage) != (after.generated, after.storage):
            yield from self._regenerated(before, after)
            return
        up = list(self.statements(self.old, before, self.new, after))
        down = list(self.statements(self.new, after, self.old, before))
        retyped = (before.type, before.collation) != (after.type, after.collation)
        is_felt = retyped and self.probe.retypes(before.type, after.type)
        if before.required and not after.required:
            up.append(self._nullable(self.new, after, True))
            down.append(self._nullable(self.old, before, False))
        if up or down:
            yield Part(
                Stage.COLUMN, self._title(before, after, retyped), tuple(up), tuple(down),
                tables=frozenset({after.table}),
                why=self._retyped_why(before, after) if is_felt else "",
                owes=f"{named(after)} changes its type from {before.type} to {after.type}: "
                "code and rows have to bear that" if is_felt else "",
                find=self._uncastable(before, after) if is_felt else "",
            )  # fmt: skip
        if after.required and not before.required:
            yield from self.required(after)

    def _title(self, before: Column, after: Column, retyped: bool) -> str:
        if retyped:
            return f"Change the type of {named(after)}"
        if before.required and not after.required:
            return f"Allow null in {named(after)}"
        if before.default != after.default:
            return f"Change the default of {named(after)}"
        return f"Change {named(after)}"

    def _retyped_why(self, before: Column, after: Column) -> str:
        return (
            f"From {before.type} to {after.type}. Where PostgreSQL has to write the table anew, or "
            "to read it, nobody else can use it meanwhile. Safer on a large table: a new column, "
            "filled in batches while both are written, then switch over and drop the old one a "
            "release later."
        )

    def _uncastable(self, before: Column, after: Column) -> str:
        return (
            f"SELECT * FROM {shown(after.table)} WHERE {before.name} IS NOT NULL AND NOT "
            f"pg_input_is_valid({before.name}::text, {literal(after.type)})"
        )

    def statements(self, old: Side, before: Column, new: Side, after: Column) -> Iterator[str]:
        """Yield the statements that make `after` of `before`, but for NOT NULL."""
        table, name = shown(after.table), after.name
        alter = f"ALTER TABLE {table} ALTER COLUMN {name}"
        retyped = (before.type, before.collation) != (after.type, after.collation)
        has_default = bool(before.default)
        is_settled = (after.table, after.name) in self.settled and not retyped
        changes_default = before.default != after.default and not is_settled
        kinds = [(each.sequence, bool(each.identity)) for each in (before, after)]
        owned = before.sequence and not before.identity and kinds[0] != kinds[1]
        if before.generated and not after.generated:
            yield source.execute(f"{alter} DROP EXPRESSION")
        elif before.generated != after.generated:
            yield source.execute(f"{alter} SET EXPRESSION AS ({after.generated})")
        if before.identity and not after.identity:
            yield source.execute(f"{alter} DROP IDENTITY")
        if has_default and (retyped or (changes_default and not after.default) or owned):
            yield source.execute(f"{alter} DROP DEFAULT")
        if owned:
            yield source.execute(f"DROP SEQUENCE {shown(before.sequence)}")
        if retyped:
            yield self._retype(before, after)
        if after.identity and not before.identity:
            sequence = new.objects[f"sequence {after.sequence}"]
            options = source_columns.sequence_options(sequence.definition)
            yield source.execute(f"{alter} SET NOT NULL") if not before.required else ""
            yield source.execute(
                f"{alter} ADD GENERATED {after.identity} AS IDENTITY "
                f"(SEQUENCE NAME {after.sequence} {options})"
            )
            yield source.execute(_restart(after))
        elif after.identity != before.identity and after.identity:
            yield source.execute(f"{alter} SET GENERATED {after.identity}")
        if after.sequence and not after.identity and kinds[0] != kinds[1]:
            yield source.execute(new.objects[f"sequence {after.sequence}"].definition)
            yield source.execute(f"ALTER SEQUENCE {shown(after.sequence)} OWNED BY {table}.{name}")
            yield source.execute(_restart(after))
        if after.default and (changes_default or (retyped and has_default)):
            yield self._default(after)
        for extra in new.objects[after.identity_key].extra or ():
            if extra not in (old.objects[before.identity_key].extra or ()) and extra[:2] != "--":
                yield source.execute(extra)

    def _default(self, column: Column) -> str:
        type_ = self._type(column)
        if type_ is None or column.sequence:
            return source.execute(
                f"ALTER TABLE {shown(column.table)} ALTER COLUMN {column.name} "
                f"SET DEFAULT {column.default}"
            )
        return source.call(
            "alter_column", repr(raw(column.table)), repr(raw(column.name)), existing_type=type_,
            server_default=source.text(column.default), schema=source.schema_option(column.table),
        )  # fmt: skip

    def _retype(self, before: Column, after: Column) -> str:
        using = self.probe.casts(before.type, after.type).format(before.name)
        old, new = self._type(before), self._type(after)
        if old is None or new is None or (before.collation and not after.collation):
            collate = f" COLLATE {after.collation}" if after.collation else ""
            suffix = f" USING {using}" if using else ""
            return source.execute(
                f"ALTER TABLE {shown(after.table)} ALTER COLUMN {after.name} "
                f"TYPE {after.type}{collate}{suffix}"
            )
        return source.call(
            "alter_column", repr(raw(after.table)), repr(raw(after.name)), existing_type=old,
            type_=new, schema=source.schema_option(after.table),
            postgresql_using=repr(source.escaped(using)) if using else None,
        )  # fmt: skip

    def _regenerated(self, before: Column, after: Column) -> Iterator[Part]:
        """Plan another expression, or the end or the beginning of one."""
        is_filled_later = bool(before.generated and not after.generated) and not self._is_in_place(
            before, after
        )
        bare = replace(after, required=False) if is_filled_later else after
        is_lost = not before.generated
        yield Part(
            Stage.COLUMN, f"Change what computes {named(after)}",
            tuple(self._way(self.old, before, self.new, bare)),
            tuple(self._way(self.new, after, self.old, before)),
            tables=frozenset({after.table}),
            loses=f"what was written to {named(before)}" if is_lost else "",
            owes="" if self._is_in_place(before, after) else
            f"drops-column on {named(before)}: accept it with the reason why nothing is lost",
            why="" if self._is_in_place(before, after) else
            "PostgreSQL cannot turn one kind of column into the other, so it is dropped and added.",
        )  # fmt: skip
        if is_filled_later:
            yield backfill.by_expression(after, before.generated)
            if after.required:
                yield from self.required(after)

    def _is_in_place(self, before: Column, after: Column) -> bool:
        """Whether PostgreSQL can make one of the other without a new column."""
        if before.type != after.type or before.collation != after.collation:
            return False
        if before.generated and after.generated:
            return before.storage == after.storage and self.probe.version >= _SET_EXPRESSION
        return before.storage == "STORED" and not after.generated

    def _way(self, old: Side, before: Column, new: Side, after: Column) -> Iterator[str]:
        if self._is_in_place(before, after):
            yield from self.statements(old, before, new, after)
            return
        yield drop_column(before)
        yield from self._add_statements(new, after, required=after.required)
        yield from self._kept(after)

    def _kept(self, column: Column) -> Iterator[str]:
        """Yield what hangs on a column before and after, and goes with it in between."""
        for item in self.old.of(column.table, "constraint", "index"):
            uses = self.old.uses.get(item.identity)
            same = self.new.definitions.get(item.identity) == self.old.definitions[item.identity]
            if uses and same and item.definition and (column.table, column.name) in uses.columns:
                yield (
                    source_indexes.create_index(item)
                    if item.kind == "index"
                    else source_keys.add_constraint(item)
                )


def _restart(column: Column) -> str:
    return (
        f"SELECT setval({literal(column.sequence)}::regclass, coalesce(max({column.name}), 0) + 1, "
        f"false) FROM {shown(column.table)}"
    )
