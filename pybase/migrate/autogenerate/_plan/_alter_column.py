"""Statements that change a column: its expression, sequence, default, type or identity."""

from collections.abc import Iterator

from msgspec import Struct

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._plan._context import Context
from pybase.migrate.autogenerate._plan._required import alter_column
from pybase.migrate.autogenerate._plan._retyped import is_retyped, retype
from pybase.migrate.autogenerate._plan._types import is_replaced
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.sql.names import derived, literal, parts, quote, shown


class ColumnChange(Struct, frozen=True):
    """One direction of a change: the column before and after it, each with its schema."""

    context: Context
    old: Side
    before: Column
    new: Side
    after: Column

    def reversed(self) -> "ColumnChange":
        return ColumnChange(self.context, self.new, self.after, self.old, self.before)

    def alter(self, action: str) -> str:
        return source.alter_column(self.after, action)

    @property
    def has_new_type(self) -> bool:
        return is_retyped(self.before, self.after)

    @property
    def has_new_default(self) -> bool:
        """Whether the default changes, other than by the replacement of its enum, which sets it."""
        old, new, after = self.context.old, self.context.new, self.after
        is_set = not self.has_new_type and is_replaced(old, new, after.base_type)
        return self.before.default != after.default and not is_set

    @property
    def serials(self) -> tuple[str, str]:
        """The sequences of SERIAL that the column loses and gets, empty where it keeps its own."""
        sides = (self.before, self.after)
        before, after = ("" if column.identity else column.sequence for column in sides)
        return (before, after) if before != after else ("", "")

    @property
    def set_aside(self) -> str:
        """The name that a sequence has until the one that replaces it continues from its value.

        Empty where none replaces it: the sequences of SERIAL and of an identity are not the same.
        """
        before, after = self.before, self.after
        is_swapped = bool(before.identity) != bool(after.identity)
        if not (before.sequence and after.sequence and is_swapped):
            return ""
        schema, name = parts(before.sequence)
        return f"{quote(schema)}.{quote(derived(name, 'old'))}"

    def restart(self) -> str:
        """Return what sets the next number: not below the start, the old sequence or any row."""
        column = self.after
        start = source.parse_sequence(self.new_sequence)["start"]
        values = [] if start == "1" else [start]
        if self.set_aside:
            values.append(f"nextval({literal(shown(self.set_aside))})")
        values.append(f"coalesce(max({column.name}), 0) + 1")
        value = f"greatest({', '.join(values)})" if len(values) > 1 else values[0]
        return source.execute(
            f"SELECT setval({literal(shown(column.sequence))}, {value}, false) "
            f"FROM {shown(column.table)}"
        )

    @property
    def new_sequence(self) -> str:
        """The definition of the sequence that the column has afterwards."""
        return self.new.objects[f"sequence {self.after.sequence}"].definition


def change_statements(change: ColumnChange) -> Iterator[str]:
    """Yield the statements that change a column, but for NOT NULL."""
    for statements in (
        _change_expression, _release_sequence, _drop_default, _change_type, _change_identity,
        _start_serial, _set_default, _change_sequence,
    ):  # fmt: skip
        yield from statements(change)


def _change_expression(change: ColumnChange) -> Iterator[str]:
    before, after = change.before.generated, change.after.generated
    if before and not after:
        yield change.alter("DROP EXPRESSION")
    elif before != after:
        yield change.alter(f"SET EXPRESSION AS ({source.readable(after)})")


def _release_sequence(change: ColumnChange) -> Iterator[str]:
    if change.set_aside:
        name = quote(parts(change.set_aside)[-1])
        yield source.execute(f"ALTER SEQUENCE {shown(change.before.sequence)} RENAME TO {name}")
    elif change.before.identity and not change.after.identity:
        yield change.alter("DROP IDENTITY")


def _drop_default(change: ColumnChange) -> Iterator[str]:
    lost_serial, _ = change.serials
    is_in_the_way = change.has_new_type or lost_serial
    is_removed = change.has_new_default and not change.after.default
    if change.before.default and (is_in_the_way or is_removed):
        yield change.alter("DROP DEFAULT")
    if lost_serial and not change.set_aside:
        yield source.execute(f"DROP SEQUENCE {shown(lost_serial)}")


def _change_type(change: ColumnChange) -> Iterator[str]:
    if change.has_new_type:
        yield retype(change.context, change.before, change.after)


def _change_identity(change: ColumnChange) -> Iterator[str]:
    before, after = change.before, change.after
    if after.identity and not before.identity:
        if not before.required:
            yield change.alter("SET NOT NULL")
        yield change.alter(f"ADD {source.identity_sql(change.new, after)}")
        yield change.restart()
    elif after.identity and after.identity != before.identity:
        yield change.alter(f"SET GENERATED {after.identity}")


def _start_serial(change: ColumnChange) -> Iterator[str]:
    """Create the sequence of a SERIAL; what was set aside for it, or an identity, is dropped."""
    _, new_serial = change.serials
    if new_serial:
        yield source.execute(change.new_sequence)
        yield change.restart()
        if change.set_aside:
            yield change.alter("DROP IDENTITY")
        yield source.owned(change.after)
    if change.set_aside and change.after.identity:
        yield source.execute(f"DROP SEQUENCE {shown(change.set_aside)}")


def _set_default(change: ColumnChange) -> Iterator[str]:
    column = change.after
    is_dropped = bool(change.has_new_type and change.before.default)
    if not column.default or not (change.has_new_default or is_dropped):
        return
    action = f"SET DEFAULT {column.default}"
    if column.sequence:
        yield change.alter(action)
    else:
        text = source.text(column.default)
        yield alter_column(change.context, column, action, server_default=text)


def _change_sequence(change: ColumnChange) -> Iterator[str]:
    old = change.old.objects[change.before.identity_key].extra
    for extra in change.new.objects[change.after.identity_key].extra:
        if extra not in old and not extra.startswith("--"):
            yield source.execute(extra)
