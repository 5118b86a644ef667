"""Random schemas: as models, and as values for rows. Names are few, so that two schemas meet."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st
from projects import MODELS

VERSION = int(os.environ.get("PYBASE_EXAMPLES_ON", "18"))
"""The version of PostgreSQL: 18, or 16, where no generated column is virtual."""
_PERSISTED = (True, False) if VERSION >= 18 else (True,)

TYPES = {
    "sa.Text()": ("x", "y"),
    "sa.String(20)": ("x", "y"),
    "sa.CHAR(3)": ("x", "y"),
    "sa.SmallInteger()": ("7", "8"),
    "sa.Integer()": ("7", "8"),
    "sa.BigInteger()": ("7", "8"),
    "sa.Numeric(10, 2)": ("7.5", "8"),
    "sa.Double()": ("7.5", "8"),
    "sa.Boolean()": ("true", "false"),
    "sa.Date()": ("2026-01-01", "2026-01-02"),
    "sa.Time()": ("01:00", "02:00"),
    "sa.DateTime()": ("2026-01-01 01:00", "2026-01-02 01:00"),
    "sa.DateTime(timezone=True)": ("2026-01-01 01:00+00", "2026-01-02 01:00+00"),
    "sa.Interval()": ("1 day", "2 days"),
    "sa.Uuid()": ("00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"),
    "sa.LargeBinary()": ("x", "y"),
    "pg.JSONB()": ("{}", "[1]"),
    "sa.JSON()": ("{}", "[1]"),
    "pg.INET()": ("10.0.0.1", "10.0.0.2"),
    "pg.INT4RANGE()": ("[1,2)", "[2,3)"),
    "pg.ARRAY(sa.Text())": ("{x}", "{x,y}"),
    "pg.ARRAY(sa.Integer())": ("{7}", "{7,8}"),
    "E": ("a", "b"),
    "pg.ARRAY(E)": ("{a}", "{a,b}"),
}
"""Types of columns, each with two values; E is an enum."""

_VOLATILE = {
    "sa.Uuid()": "sa.func.gen_random_uuid()",
    "sa.DateTime(timezone=True)": "sa.func.clock_timestamp()",
}
_LABELS = (("a", "b"), ("a", "b", "c"), ("b", "c", "a"), ("a",))
_COLUMNS = ("a", "b", "select", "Odd 1", "c%")
_PARTS = (
    "for part in range(2):\n"
    "    sa.event.listen({name}, 'after_create', sa.DDL('CREATE TABLE \"{name}_' + str(part)"
    " + '\" PARTITION OF \"{name}\" FOR VALUES WITH (MODULUS 2, REMAINDER ' + str(part) + ')'))\n"
)


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    default: str
    nullable: bool
    rule: str
    """A key of `_RULES`, or empty."""

    @property
    def source(self) -> str:
        default = f", server_default={self.default}" if self.default else ""
        return f"sa.Column({self.name!r}, {self.type}{default}, nullable={self.nullable})"

    @property
    def values(self) -> tuple[str | None, ...]:
        return (*TYPES[self.type], None)


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    parent: str
    """The table that it refers to, or empty."""
    on_delete: str
    generated: str
    is_partitioned: bool

    @property
    def source(self) -> str:
        parts = ["sa.Column('id', sa.BigInteger(), sa.Identity(), primary_key=True)"]
        parts += [column.source for column in self.columns]
        parts += [rule for column in self.columns for rule in _rules(self.name, column)]
        if self.parent:
            key = f"sa.ForeignKey('{self.parent}.id', name='fk_{self.name}', {self.on_delete})"
            parts.append(f"sa.Column('parent_id', sa.BigInteger(), {key})")
        if self.generated:
            parts.append(f"sa.Column('made', sa.BigInteger(), sa.Computed({self.generated}))")
        if self.is_partitioned:
            parts.append("postgresql_partition_by='HASH (id)'")
        source = f"{self.name} = sa.Table({self.name!r}, metadata, {', '.join(parts)})\n"
        return source + (_PARTS.format(name=self.name) if self.is_partitioned else "")

    def values(self) -> dict[str, tuple[str | None, ...]]:
        """The values of each column that can be written; the first rows have the ids 1 and 2."""
        found = {column.name: column.values for column in self.columns}
        return found | ({"parent_id": ("1", "2", "99", None)} if self.parent else {})


@dataclass(frozen=True)
class Schema:
    tables: tuple[Table, ...]
    labels: tuple[str, ...]

    @property
    def source(self) -> str:
        labels = ", ".join(map(repr, self.labels))
        head = (
            f"from sqlalchemy.dialects import postgresql as pg\n\nE = sa.Enum({labels}, name='e')\n"
        )
        return MODELS + head + "".join(table.source for table in self.tables)

    def of(self, name: str) -> Table | None:
        return next((table for table in self.tables if table.name == name), None)


_RULES = {
    "index": "sa.Index('ix_{table}_{name}', {column!r})",
    "descending": "sa.Index('ix_{table}_{name}', sa.text({descending!r}))",
    "partial": "sa.Index('ix_{table}_{name}', {column!r}, postgresql_where=sa.text({present!r}))",
    "unique": "sa.UniqueConstraint({column!r}, name='uq_{table}_{name}')",
    "pair": "sa.UniqueConstraint({column!r}, 'id', name='uq_{table}_{name}')",
    "unique index": "sa.Index('uq_{table}_{name}', {column!r}, unique=True)",
    "present": "sa.CheckConstraint({present!r}, name='ck_{table}_{name}')",
    "list": "sa.CheckConstraint({listed!r}, name='ck_{table}_{name}')",
    "other list": "sa.CheckConstraint({listed!r}, name='ck_{table}_{name}_listed')",
}
_UNORDERED = ("sa.JSON()", "pg.JSONB()")
_TEXTS = ("sa.Text()", "sa.String(20)", "E")


def _rules(table: str, column: Column) -> Iterator[str]:
    if not column.rule:
        return
    quoted = f'"{column.name}"'
    yield _RULES[column.rule].format(
        table=table,
        name=column.name.replace("%", "").replace(" ", "_"),
        column=column.name,
        descending=f"{quoted} DESC",
        present=f"{quoted} IS NOT NULL",
        listed=f"{quoted} IN ('{TYPES[column.type][0]}', 'a')",
    )


def _may_have(rule: str, type_: str, *, is_partitioned: bool) -> bool:
    if rule.endswith("list"):
        return type_ in _TEXTS
    if rule.startswith("unique"):
        return type_ not in _UNORDERED and not is_partitioned
    return type_ != "sa.JSON()" or rule in ("", "present")


@st.composite
def _tables(draw: st.DrawFn, name: str, others: tuple[str, ...]) -> Table:
    is_usual = draw(st.sampled_from([True] * 19 + [False]))
    is_partitioned = (name == "two") == is_usual
    columns = []
    for column in sorted(draw(st.sets(st.sampled_from(_COLUMNS), max_size=3))):
        type_ = draw(st.sampled_from(sorted(TYPES)))
        constant = repr(TYPES[type_][0])
        defaults = ["", "", constant, _VOLATILE.get(type_, constant)]
        rules = [r for r in ("", *_RULES) if _may_have(r, type_, is_partitioned=is_partitioned)]
        default, rule = draw(st.sampled_from(defaults)), draw(st.sampled_from(rules))
        columns.append(Column(column, type_, default, draw(st.booleans()), rule))
    generated = ("", "", "", *(f"'id * {n}', persisted={p}" for n in (2, 3) for p in _PERSISTED))
    return Table(
        name,
        tuple(columns),
        draw(st.sampled_from(["", *others])) if others else "",
        draw(st.sampled_from(["ondelete='CASCADE'", "deferrable=True"])),
        draw(st.sampled_from(generated)),
        is_partitioned,
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    tables: tuple[Table, ...] = ()
    for name in ("one", "Three", "two"):
        if draw(st.sampled_from([True, True, False])):
            tables += (draw(_tables(name, tuple(table.name for table in tables))),)
    return Schema(tables, draw(st.sampled_from(_LABELS)))


def inserts(table: Table, random: Random, count: int) -> list[str]:
    """Random rows of a table, as statements; rules may refuse some of them."""
    return [_insert(table.name, table.values(), random) for _ in range(count)]


def probes(before: Schema, after: Schema, random: Random, count: int) -> list[str]:
    """Random rows over the columns that tables of both schemas have."""
    statements = []
    for table in before.tables:
        other = after.of(table.name)
        if other is not None:
            shared = {k: v for k, v in table.values().items() if k in other.values()}
            statements += [_insert(table.name, shared, random) for _ in range(count)]
    return statements


def _insert(table: str, values: dict[str, tuple[str | None, ...]], random: Random) -> str:
    if not values:
        return f'INSERT INTO "{table}" DEFAULT VALUES'
    names = ", ".join(f'"{name}"' for name in values)
    chosen = [random.choice(options) for options in values.values()]
    listed = ", ".join("NULL" if value is None else f"'{value}'" for value in chosen)
    return f'INSERT INTO "{table}" ({names}) VALUES ({listed})'
