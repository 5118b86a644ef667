"""Renames: what `--rename` means, the question to the user, the statements."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from pybase.core.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.catalog import CatalogObject
from pybase.migrate.sql.names import literal, plain, quote, raw, schema_of, shown

Ask = Callable[[str], bool]


class Rename(Struct, frozen=True, order=True):
    """One object under two names. `old` and `new` are as the user types them, after `of`."""

    kind: str
    old: str
    new: str
    of: str = ""
    """The table of a column or constraint, the type of an enum value; qualified and quoted."""

    @property
    def flag(self) -> str:
        """The argument on the command line."""
        where = f"{plain(self.of)}." if self.of else ""
        text = f"{where}{self.old}:{self.new}"
        return f"--rename {text}" if re.fullmatch(r"[\w.:]+", text) else f"--rename '{text}'"

    @property
    def question(self) -> str:
        """The question at a terminal."""
        what = f" of {plain(self.of)}" if self.of else ""
        kind = "value" if self.kind == "enum value" else self.kind
        return f"{kind}{what}: renamed from `{self.old}` to `{self.new}`?"


def choose(candidates: Sequence[Rename], ask: Ask | None) -> list[Rename]:
    """Ask for each candidate whether it is a rename.

    Raises CheckFailedError with the exact flags where there is no terminal.
    """
    if candidates and ask is None:
        flags = "\n".join(f"  {rename.flag}" for rename in candidates)
        raise CheckFailedError(
            "Dropped and added, or renamed? Only you know, and a wrong guess would lose data:\n"
            + "\n".join(f"  {rename.question}" for rename in candidates),
            f"Run the same command again with\n{flags}\n"
            "for each that is a rename, and with\n  --no-rename\nif none, or no other, is one. "
            "Nothing was written.",
            code="ambiguous-rename",
        )
    taken: list[Rename] = []
    for rename in candidates:
        assert ask is not None
        is_open = not any(_excludes(rename, other) for other in taken)
        if is_open and ask(rename.question):
            taken.append(rename)
            if rename.kind in ("schema", "table"):
                break  # its content is compared again
    return taken


def _excludes(one: Rename, other: Rename) -> bool:
    same = one.kind == other.kind and one.of == other.of
    return same and (one.old == other.old or one.new == other.new)


def parse(old: Side, new: Side, text: str) -> Rename:
    """Read one `--rename`. Raises UsageError with the forms that it may have."""
    before, mark, after = text.rpartition(":")
    if not mark or not before or not after:
        raise UsageError(f"--rename {text} is not OLD:NEW.", _FORMS, code="bad-rename")
    rename = next(_readings(old, new, before, after), None)
    if rename is not None:
        return rename
    problem = f"--rename {text}: the revisions have no {before}, or the models no {after}."
    raise UsageError(problem, _FORMS, code="unknown-rename")


_FORMS = (
    "Write TABLE.OLD:NEW for a column or constraint, TYPE.OLD:NEW for an enum value, OLD:NEW for a "
    "table, type, index, sequence or schema."
)


def _readings(old: Side, new: Side, before: str, after: str) -> Iterator[Rename]:
    for item in old.objects.values():
        if plain(item.name) == before:
            yield from _renames_of(new, item, after)
    for type_, labels in old.labels.items():
        label, name = (text.removeprefix(f"{plain(type_)}.") for text in (before, after))
        if label != before and label in labels and name in new.labels.get(type_, (name,)):
            yield Rename("enum value", label, name, type_)


def _renames_of(new: Side, item: CatalogObject, after: str) -> Iterator[Rename]:
    """Yield the rename of an object, nothing where the models have none of the new name."""
    before = plain(item.name)
    if item.kind == "schema":
        yield Rename("schema", before, after)
    elif item.kind in ("column", "constraint") and item.table:
        name = after.removeprefix(f"{plain(item.table)}.")
        exists = f"{item.kind} {item.table}.{quote(name)}" in new.objects
        if exists or item.table not in new.tables:
            yield Rename(item.kind, raw(item.name), name, item.table)
    elif item.kind in ("table", "type", "domain", "index", "sequence"):
        schema = schema_of(item.name)
        name = after if "." in after or not schema else f"{schema}.{after}"
        others = (other for other in new.objects.values() if other.kind == item.kind)
        if any(plain(other.name) == name for other in others):
            yield Rename("type" if item.kind == "domain" else item.kind, before, name)


def first_known(old: Side, new: Side, flags: Iterable[str]) -> tuple[str, Rename] | None:
    """Return the first `--rename` that can be read now; others may need this one first."""
    for flag in flags:
        try:
            return flag, parse(old, new, flag)
        except UsageError:
            continue
    return None


# --- what is done about it -------------------------------------------------------------------


_STATEMENTS = {
    "schema": "ALTER SCHEMA {old} RENAME TO {new}",
    "column": "ALTER TABLE {of} RENAME COLUMN {old} TO {new}",
    "constraint": "ALTER TABLE {of} RENAME CONSTRAINT {old} TO {new}",
    "enum value": "ALTER TYPE {of} RENAME VALUE {old} TO {new}",
}


def rename_sql(rename: Rename, *, back: bool = False) -> list[str]:
    """Return the statements of a rename, or of its downgrade."""
    old, new = (rename.new, rename.old) if back else (rename.old, rename.new)
    statement = _STATEMENTS.get(rename.kind)
    if statement is None:
        return list(_moved(rename.kind.upper(), old, new))
    written = literal if rename.kind == "enum value" else quote
    return [statement.format(of=shown(rename.of), old=written(old), new=written(new))]


def _moved(kind: str, old: str, new: str) -> Iterator[str]:
    """Yield what gives a table, type, index or sequence another schema, another name, or both."""
    (schema, name), (new_schema, new_name) = _split(old), _split(new)
    if schema != new_schema:
        yield f"ALTER {kind} {_join(schema, name)} SET SCHEMA {quote(new_schema)}"
    if name != new_name:
        yield f"ALTER {kind} {_join(new_schema, name)} RENAME TO {quote(new_name)}"


def create_schema(old: Side, rename: Rename) -> list[str]:
    """Return the statement that creates the schema that something moves to, if it is missing."""
    schema = _split(rename.new)[0]
    moves = not rename.of and rename.kind != "schema" and schema != _split(rename.old)[0]
    if not moves or schema == "public" or f"schema {quote(schema)}" in old.objects:
        return []
    return [f"CREATE SCHEMA {quote(schema)}"]


def rename_parts(old: Side, rename: Rename) -> Iterator[Part]:
    """Plan a rename, and the schema that it needs."""
    for sql in create_schema(old, rename):
        schema = _split(rename.new)[0]
        drop = source.execute(f"DROP SCHEMA {quote(schema)}")
        yield Part(Stage.RENAME, f"Create schema {schema}", (source.execute(sql),), (drop,))
    up, down = (tuple(_python(rename, back)) for back in (False, True))
    name = f"{plain(rename.of)}.{rename.old}" if rename.of else rename.old
    code = _CODES.get(rename.kind, "")
    yield Part(
        Stage.RENAME, f"Rename {name} to {rename.new}", up, down, _locked(rename), why=_why(rename),
        owes=f"{code} on {name}: accept it with the reason why no code uses the old name"
        if code else "",
    )  # fmt: skip


def _split(name: str) -> tuple[str, str]:
    schema, _, own = name.rpartition(".")
    return schema or "public", own


def _join(schema: str, name: str) -> str:
    return quote(name) if schema == "public" else f"{quote(schema)}.{quote(name)}"


_CODES = {
    kind: f"renames-{kind.replace(' ', '-')}"
    for kind in ("table", "column", "schema", "type", "enum value")
}
"""The hazard of each kind of rename that has one."""


def _locked(rename: Rename) -> frozenset[str]:
    if rename.kind in ("column", "constraint"):
        return frozenset({rename.of})
    name = ".".join(map(quote, _split(rename.new)))
    return frozenset({name}) if rename.kind == "table" else frozenset()


def _python(rename: Rename, back: bool) -> Iterator[str]:
    old, new = (rename.new, rename.old) if back else (rename.old, rename.new)
    if rename.kind == "column":
        yield source.call(
            "alter_column", repr(raw(rename.of)), repr(old), new_column_name=repr(new),
            schema=source.schema_option(rename.of),
        )  # fmt: skip
        return
    if rename.kind == "table" and _split(old)[0] == _split(new)[0]:
        schema, name = _split(old)
        option = None if schema == "public" else repr(schema)
        yield source.call("rename_table", repr(name), repr(_split(new)[1]), schema=option)
        return
    yield from map(source.execute, rename_sql(rename, back=back))


_STILL_RUNNING = (
    "The {data} stay. A release that still runs uses {old}, and fails from here on. To avoid that: "
)
_WHY = {
    "column": "add {new}, write both, fill it in batches, read it, and drop the old one a release "
    "later.",
    "table": "CREATE VIEW {old} AS SELECT * FROM {new} in the same transaction, and drop the view "
    "a release later.",
    "enum value": "add the new value, write it, and leave the old one unused.",
}


def _why(rename: Rename) -> str:
    advice = _WHY.get(rename.kind)
    if advice is None:
        return "Only the name changes."
    data = "data" if rename.kind == "column" else "rows"
    return (_STILL_RUNNING + advice).format(data=data, old=rename.old, new=rename.new)
