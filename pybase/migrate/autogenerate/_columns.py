"""Columns that come, go or change, as steps that a live server bears."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pybase.migrate.autogenerate import _backfills as backfill
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_columns as source_columns
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate import _source_keys as source_keys
from pybase.migrate.autogenerate import _types as types
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Column, Side
from pybase.migrate.sql._names import derived, literal, plain, quote, raw, shown


@dataclass(frozen=True)
class Probe:
    """Questions that only a server can answer, asked on the scratch database."""

    rewrites: Callable[[str], bool]
    """Whether adding a column, given as SQL, writes every row of a table anew."""
    retypes: Callable[[str, str], bool]
    """Whether a change of type writes every row of a table anew, or may refuse one."""
    version: int
    """The server's `server_version_num`."""
    casts: Callable[[str, str], str]
    """How to get from one type to another: '' by itself, else an expression with {} in it."""


@dataclass(frozen=True)
class Columns:
    """Plans columns between two sides."""

    old: Side
    new: Side
    probe: Probe
    single: bool
    settled: frozenset[tuple[str, str]] = frozenset()
    """Columns whose default is another step's matter."""

    # --- new ones

    def added(self, column: Column) -> Iterator[Part]:
        """Plan a new column of a table that is there."""
        comments = [
            source.execute(sql)
            for extra in (self.new.objects[column.identity_key].extra or ())
            if not extra.startswith("--")
            for sql in [extra]
        ]
        plain_sql = source_columns.column_sql(self.new, column)
        is_filled = bool(column.default or column.identity or column.generated)
        is_asked = is_filled and not self.single and not column.generated
        is_rewrite = is_asked and self.probe.rewrites(plain_sql)
        if (
            self.single
            or (not is_rewrite and (is_filled or not column.required))
            or column.identity
            or (column.default and column.sequence)
        ):
            yield self._add(column, tuple(comments), plain_add=True)
        elif is_filled:
            yield from self._filled_later(column, tuple(comments))
        else:
            yield from self._ruled_later(column, tuple(comments))

    def _add(
        self, column: Column, more: tuple[str, ...], *, plain_add: bool, **changed: Any
    ) -> Part:
        why = owes = ""
        if plain_add and not self.single:
            if column.generated and column.storage == "STORED":
                owes = f"{named(column)} is computed for every row while the table is locked"
                why = (
                    f"Adding a stored generated column writes all of {shown(column.table)} anew, "
                    "while nobody else can use it. Safer: a plain column, filled in batches and "
                    "kept by the application or a trigger, or a VIRTUAL one."
                )
            elif column.identity or column.sequence:
                owes = f"{named(column)} numbers every row while the table is locked"
                why = (
                    f"Numbering the rows writes all of {shown(column.table)} anew, while nobody "
                    "else can use it. Safer: a nullable column and a sequence, filled in batches."
                )
        up = (*self._add_statements(self.new, column, **changed), *more)
        return Part(
            Stage.COLUMN, f"Add {named(column)}", up, (drop_column(column),),
            tables=frozenset({column.table}), why=why, owes=owes,
        )  # fmt: skip

    def _add_statements(self, side: Side, column: Column, **changed: Any) -> Iterator[str]:
        written = source_columns.column_source(side, column, changed=changed)
        table = column.table
        if written is not None:
            yield source.call(
                "add_column", repr(raw(table)), written, schema=source.schema_option(table)
            )
            return
        given = replace(column, **changed)
        sequence = side.objects.get(f"sequence {column.sequence}")
        if sequence is not None and not column.identity:
            yield source.execute(sequence.definition)
        yield source.execute(
            f"ALTER TABLE {shown(table)} ADD COLUMN {source_columns.column_sql(side, given)}"
        )
        if sequence is not None and not column.identity:
            yield source.execute(
                f"ALTER SEQUENCE {shown(column.sequence)} OWNED BY {shown(table)}.{column.name}"
            )
        comment = side.objects.get(f"comment on {column.identity_key}")
        if comment is not None:
            yield source.execute(comment.definition)

    def _filled_later(self, column: Column, more: tuple[str, ...]) -> Iterator[Part]:
        """Plan a default that differs from row to row: at once, it would write every row."""
        default = source.call(
            "alter_column", repr(raw(column.table)), repr(raw(column.name)),
            existing_type=self._type(column) or "sa.Text()",
            server_default=source.text(column.default), schema=source.schema_option(column.table),
        )  # fmt: skip
        part = self._add(column, (default, *more), plain_add=False, default="", required=False)
        yield replace(
            part,
            why="The default differs from row to row. Given with the column it would write the "
            "whole table anew under a lock; so the column comes without it, new rows get it from "
            "here on, and the rows that are there get it in batches.",
        )
        yield backfill.by_default(column)
        if column.required:
            yield from self.required(column)

    def _ruled_later(self, column: Column, more: tuple[str, ...]) -> Iterator[Part]:
        """NOT NULL without a default: somebody has to say what older rows hold."""
        part = self._add(column, more, plain_add=False, required=False)
        yield replace(
            part,
            why=f"{named(column)} has to be NOT NULL in the end, and rows that are there have no "
            "value: so it comes nullable, is filled by the rule of a revision that follows, and is "
            "made NOT NULL once that is proven. Release code that writes it before the check.",
        )
        yield backfill.by_rule(column)
        yield from self.required(column)

    # --- NOT NULL

    def required(self, column: Column) -> Iterator[Part]:
        """Plan NOT NULL for a column that may hold nulls: refuse, prove, then say it."""
        tables = frozenset({column.table})
        if self.single:
            yield Part(
                Stage.NOT_NULL, f"Make {named(column)} NOT NULL",
                (self._nullable(self.new, column, False),),
                (self._nullable(self.old, column, True),), tables,
                find=_nulls(column),
            )  # fmt: skip
            return
        name = derived("ck", raw(column.table), raw(column.name), "not_null")
        table, schema = repr(raw(column.table)), source.schema_option(column.table)
        check = source.call(
            "create_check_constraint", source.conventional(name), table,
            repr(source.escaped(f"{column.name} IS NOT NULL")), schema=schema,
            postgresql_not_valid="True",
        )  # fmt: skip
        drop = source.call(
            "drop_constraint", source.conventional(name), table, schema=schema, type_="'check'"
        )
        yield Part(
            Stage.CHECK, f"Refuse null in {named(column)}", (check,), (drop,), tables,
            why="NOT VALID holds for every write from now on and reads no row; the next revision "
            "proves the rest.",
        )  # fmt: skip
        yield validate(column.table, quote(name), (drop, check), find=_nulls(column))
        yield Part(
            Stage.NOT_NULL, f"Make {named(column)} NOT NULL",
            (self._nullable(self.new, column, False), drop),
            (check, self._nullable(self.new, column, True)), tables,
            why="PostgreSQL takes the proven check for an answer and reads no row; then the check "
            "has done its work.",
        )  # fmt: skip

    def _nullable(self, side: Side, column: Column, nullable: bool) -> str:
        type_ = self._type(column)
        if type_ is None:
            word = "DROP" if nullable else "SET"
            return source.execute(
                f"ALTER TABLE {shown(column.table)} ALTER COLUMN {column.name} {word} NOT NULL"
            )
        return source.call(
            "alter_column", repr(raw(column.table)), repr(raw(column.name)),
            existing_type=type_, nullable=str(nullable), schema=source.schema_option(column.table),
        )  # fmt: skip

    def _type(self, column: Column) -> str | None:
        enums = frozenset(self.new.labels) | frozenset(self.old.labels)
        return types.python_type(column.type, column.collation, enums)

    # --- dropped ones

    def dropped(self, column: Column) -> Iterator[Part]:
        """Plan the end of a column, and a way back that can be run on a table with rows."""
        folded = self._goes_along(column)
        filler = _FILLERS.get(column.base_type if column.type == column.base_type else "[]", "")
        is_bare = column.required and not (column.default or column.identity or column.generated)
        if is_bare and (filler or column.base_type in self.old.labels):
            labels = self.old.labels.get(column.base_type, ())
            value = filler or (f"{literal(labels[0])}::{column.base_type}" if labels else "")
            changed: dict[str, Any] = {"default": value}
        else:
            changed, value = {}, ""
        back = [*self._add_statements(self.old, column, **changed)]
        if value:
            back.append(
                source.execute(
                    f"ALTER TABLE {shown(column.table)} ALTER COLUMN {column.name} DROP DEFAULT"
                )
            )
        item = self.old.objects[column.identity_key]
        back += [source.execute(each) for each in item.extra or () if not each.startswith("--")]
        why = (
            f"The data of {named(column)} is gone with it, and code that still selects it fails: "
            "first release a version that does not use it. The way back makes the column, not its "
            "data"
        )
        yield Part(
            Stage.DROP, f"Drop {named(column)}", (drop_column(column),), (*back, *folded),
            tables=frozenset({column.table}),
            why=f"{why}; rows get {value}." if value else f"{why}.",
            loses=f"{named(column)} and the data in it",
            owes=f"drops-column on {named(column)}: accept it with the reason why nothing reads it",
        )  # fmt: skip

    def _goes_along(self, column: Column) -> Iterator[str]:
        """Yield the constraints and indexes of its table that a dropped column takes with it."""
        for item in self.old.of(column.table, "constraint", "index"):
            if item.definition and self.goes_with_column(item.identity, column):
                if item.kind == "index":
                    yield source_indexes.create_index(item)
                else:
                    yield source_keys.add_constraint(item)
        for item in self.old.of(column.table, "comment"):
            if self.goes_with_column(item.about, column):
                yield source.execute(item.definition)

    def goes_with_column(self, identity: str, column: Column) -> bool:
        """Whether the end of a column is the end of an object, too, and nothing else ends it."""
        uses = self.old.uses.get(identity)
        if (
            uses is None
            or identity in self.new.objects
            or not identity.startswith(("constraint", "index"))
        ):
            return False
        gone = sorted(
            (each for each in uses.columns if each not in self.new.columns),
            key=lambda each: each,
        )
        return bool(gone) and gone[0] == (column.table, column.name)


def named(column: Column) -> str:
    """Name a column as people write it."""
    return f"{plain(column.table)}.{raw(column.name)}"


def drop_column(column: Column) -> str:
    """Return the statement that drops a column."""
    return source.call(
        "drop_column", repr(raw(column.table)), repr(raw(column.name)),
        schema=source.schema_option(column.table),
    )  # fmt: skip


def validate(
    table: str, constraint: str, down: tuple[str, ...], *, find: str = "",
    stage: Stage = Stage.VALIDATE,
) -> Part:  # fmt: skip
    """Plan the proof of a constraint that is NOT VALID so far."""
    statement = source.execute(f"ALTER TABLE {shown(table)} VALIDATE CONSTRAINT {constraint}")
    return Part(
        stage, f"Validate {raw(constraint)}", (statement,), down, frozenset({table}),
        alone=True, group=f"validate {table}", find=find,
        why="Reads the rows that were there before, in a transaction of its own: readers and "
        "writers pass meanwhile. Should it meet a row that breaks the rule, it fails and changes "
        "nothing; mend the row and run it again.",
    )  # fmt: skip


def _nulls(column: Column) -> str:
    return f"SELECT * FROM {shown(column.table)} WHERE {column.name} IS NULL"


_FILLERS = {
    "text": "''",
    "character varying": "''",
    "integer": "0",
    "bigint": "0",
    "smallint": "0",
    "numeric": "0",
    "double precision": "0",
    "real": "0",
    "boolean": "false",
    "jsonb": "'{}'::jsonb",
    "json": "'{}'::json",
    "bytea": "'\\x'::bytea",
    "timestamp with time zone": "now()",
    "timestamp without time zone": "now()",
    "date": "CURRENT_DATE",
    "uuid": "'00000000-0000-0000-0000-000000000000'::uuid",
    "[]": "'{}'",
}
"""What a required column holds after a downgrade, whose data nobody can bring back."""
