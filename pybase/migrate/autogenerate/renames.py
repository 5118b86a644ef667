"""What looks dropped and added may only have got another name: then the data must stay.

Owns which pairs look alike, what a `--rename` means, and the statements of a rename. It never
decides: whoever runs the command does, by a flag or at a terminal.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pybase.errors import CheckFailedError, UsageError
from pybase.migrate.autogenerate import source, source_indexes
from pybase.migrate.autogenerate.names import literal, parts, plain, quote, raw, schema_of, shown
from pybase.migrate.autogenerate.parts import Part, Stage
from pybase.migrate.autogenerate.side import Column, Side, constraint_name
from pybase.migrate.catalog import CatalogObject, Change


@dataclass(frozen=True, order=True)
class Rename:
    """One object under two names. `old` and `new` are as a person types them, after `of`."""

    kind: str
    old: str
    new: str
    of: str = ""
    """The table of a column or constraint, the type of an enum value; qualified and quoted."""

    @property
    def flag(self) -> str:
        """The argument that says it on the command line."""
        where = f"{plain(self.of)}." if self.of else ""
        text = f"{where}{self.old}:{self.new}"
        return f"--rename {text}" if re.fullmatch(r"[\w.:]+", text) else f"--rename '{text}'"

    @property
    def question(self) -> str:
        """What to ask at a terminal."""
        what = f" of {plain(self.of)}" if self.of else ""
        kind = "value" if self.kind == "enum value" else self.kind
        return f"{kind}{what}: renamed from `{self.old}` to `{self.new}`?"


Ask = Callable[[str], bool]


def candidates(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return the pairs that may be renames, and lose something if they are not taken for it."""
    gone = [old.objects[each.identity] for each in changes if each.after is None]
    come = [new.objects[each.identity] for each in changes if each.before is None]
    found = [
        *_schemas(old, new, gone, come),
        *_tables(old, new, gone, come),
        *_columns(old, new, gone, come),
        *_types(old, new, gone, come),
        *_values(old, new),
        *_sequences(old, new, gone, come),
    ]
    return [pair for _, pair in sorted(found, key=lambda each: (-each[0], each[1]))]


_Scored = tuple[float, Rename]


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _schemas(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    """Return a schema all of whose tables are now in another one."""
    lost = {_in_schema(each) for each in gone if each.kind == "table"}
    won = {_in_schema(each) for each in come if each.kind == "table"}
    for before in sorted({schema for schema, _ in lost}):
        if before == "public" or any(parts(name)[0] == before for name in new.tables):
            continue
        for after in sorted({schema for schema, _ in won}):
            if after == "public" or any(parts(name)[0] == after for name in old.tables):
                continue
            names = {name for schema, name in lost if schema == before}
            if names & {name for schema, name in won if schema == after}:
                yield 3.0, Rename("schema", before, after)


def _in_schema(item: CatalogObject) -> tuple[str, str]:
    names = parts(item.name)
    return names[0], names[-1]


def _tables(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind == "table"):
        for after in (each for each in come if each.kind == "table"):
            one = {(each.name, each.base_type) for each in old.columns_of(before.name)}
            other = {(each.name, each.base_type) for each in new.columns_of(after.name)}
            shared = len(one & other) / max(len(one | other), 1)
            types = sorted(kind for _, kind in one) == sorted(kind for _, kind in other)
            names = _alike(raw(before.name), raw(after.name))
            if shared >= 0.5 or (types and (shared > 0.3 or names > 0.6)):
                yield (
                    2 + shared + names / 10,
                    Rename("table", plain(before.name), plain(after.name)),
                )


_FAMILIES = (
    {"text", "character varying", "character", "public.citext", "uuid"},
    {"integer", "bigint", "smallint", "numeric", "real", "double precision", "boolean"},
    {"timestamp with time zone", "timestamp without time zone", "date"},
    {"json", "jsonb"},
)


def _columns(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (_column(old, each) for each in gone if each.kind == "column"):
        for after in (_column(new, each) for each in come if each.kind == "column"):
            if before is None or after is None or before.table != after.table:
                continue
            if before.generated and after.generated:
                continue  # computed anew, nothing is lost
            names = _alike(before.name, after.name)
            if _same_shape(old, new, before, after) or names > 0.6:
                score = 1 + names / 2 + (before.type == after.type) / 2
                yield score, Rename("column", raw(before.name), raw(after.name), before.table)


def _column(side: Side, item: CatalogObject) -> Column | None:
    table = item.table or ""
    if table not in side.tables:
        return None
    return side.columns.get((table, item.name.removeprefix(f"{table}.")))


def _same_shape(old: Side, new: Side, before: Column, after: Column) -> bool:
    if before.base_type == after.base_type:
        return before.type.endswith("[]") == after.type.endswith("[]")
    if before.base_type in old.labels and after.base_type in new.labels:
        return True
    return any({before.base_type, after.base_type} <= family for family in _FAMILIES)


def _types(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind in ("type", "domain")):
        for after in (each for each in come if each.kind == before.kind):
            one, other = (set(side.labels.get(item.name, ())) for side, item in
                          ((old, before), (new, after)))  # fmt: skip
            shared = len(one & other) / max(len(one | other), 1)
            same = _nameless(before) == _nameless(after)
            if same or shared >= 0.5:
                yield 2 + shared, Rename("type", plain(before.name), plain(after.name))


def _nameless(item: CatalogObject) -> str:
    return item.definition.replace(item.name, "", 1).replace(shown(item.name), "", 1)


def _values(old: Side, new: Side) -> Iterator[_Scored]:
    for name in sorted(old.labels.keys() & new.labels.keys()):
        before, after = old.labels[name], new.labels[name]
        gone = [label for label in before if label not in after]
        come = [label for label in after if label not in before]
        for one in gone:
            for other in come:
                place = before.index(one) == after.index(other)
                score = 1 + _alike(one, other) / 2 + place / 2
                yield score, Rename("enum value", one, other, name)


def _sequences(
    old: Side, new: Side, gone: list[CatalogObject], come: list[CatalogObject]
) -> Iterator[_Scored]:
    for before in (each for each in gone if each.kind == "sequence" and not each.table):
        for after in (each for each in come if each.kind == "sequence" and not each.table):
            if _nameless(before) == _nameless(after):
                yield 1.0, Rename("sequence", plain(before.name), plain(after.name))


# --- who decides ------------------------------------------------------------------------------


def settle(found: Sequence[Rename], ask: Ask | None) -> list[Rename]:
    """Ask for each candidate whether it is a rename; refuse where nobody can be asked.

    Raises CheckFailedError with the exact flags.
    """
    if not found:
        return []
    if ask is None:
        flags = "\n".join(f"  {each.flag}" for each in found)
        raise CheckFailedError(
            "Dropped and added, or renamed? Only you can tell, and a wrong guess would lose data:\n"
            + "\n".join(f"  {each.question}" for each in found),
            f"Run the same command again with\n{flags}\n"
            "for each that is a rename, and with\n  --no-rename\nif none, or no other, is one. "
            "Nothing was written.",
        )
    taken: list[Rename] = []
    for each in found:
        if not any(_excludes(each, other) for other in taken) and ask(each.question):
            taken.append(each)
            if each.kind in ("schema", "table"):
                break  # what is in it is compared anew
    return taken


def _excludes(one: Rename, other: Rename) -> bool:
    same = one.kind == other.kind and one.of == other.of
    return same and (one.old == other.old or one.new == other.new)


def parse(old: Side, new: Side, text: str) -> Rename:
    """Read one `--rename`. Raises UsageError with what it should look like, and what there is."""
    before, mark, after = text.rpartition(":")
    if not mark or not before or not after:
        raise UsageError(f"--rename {text} is not OLD:NEW.", _FORMS)
    for found in _readings(old, new, before, after):
        return found
    raise UsageError(
        f"--rename {text}: the revisions have no {before}, or the models no {after}.", _FORMS
    )


_FORMS = (
    "Write TABLE.OLD:NEW for a column or constraint, TYPE.OLD:NEW for an enum value, OLD:NEW for a "
    "table, type, index, sequence or schema."
)


def _readings(old: Side, new: Side, before: str, after: str) -> Iterator[Rename]:
    for item in old.objects.values():
        name = plain(item.name)
        if item.kind in ("table", "type", "domain", "index", "sequence") and name == before:
            wanted = after if "." in after or not schema_of(item.name) else (
                f"{schema_of(item.name)}.{after}"
            )  # fmt: skip
            kind = "type" if item.kind == "domain" else item.kind
            if any(
                each.kind == item.kind and plain(each.name) == wanted
                for each in new.objects.values()
            ):
                yield Rename(kind, name, wanted)
        elif item.kind == "schema" and name == before:
            yield Rename("schema", before, after)
        elif item.kind in ("column", "constraint") and item.table and name == before:
            wanted = after.removeprefix(f"{plain(item.table)}.")
            is_there = f"{item.kind} {item.table}.{quote(wanted)}" in new.objects
            if is_there or item.table not in new.tables:
                yield Rename(item.kind, raw(item.name), wanted, item.table)
    for name, labels in old.labels.items():
        label = before.removeprefix(f"{plain(name)}.")
        wanted = after.removeprefix(f"{plain(name)}.")
        if label != before and label in labels and wanted in new.labels.get(name, (wanted,)):
            yield Rename("enum value", label, wanted, name)


# --- what is done -----------------------------------------------------------------------------


def sql(rename: Rename, *, back: bool = False) -> list[str]:
    """Return the statements of a rename, or of its way back."""
    old, new = (rename.new, rename.old) if back else (rename.old, rename.new)
    if rename.kind == "schema":
        return [f"ALTER SCHEMA {quote(old)} RENAME TO {quote(new)}"]
    if rename.kind == "column":
        return [f"ALTER TABLE {shown(rename.of)} RENAME COLUMN {quote(old)} TO {quote(new)}"]
    if rename.kind == "constraint":
        return [f"ALTER TABLE {shown(rename.of)} RENAME CONSTRAINT {quote(old)} TO {quote(new)}"]
    if rename.kind == "enum value":
        return [f"ALTER TYPE {shown(rename.of)} RENAME VALUE {literal(old)} TO {literal(new)}"]
    return _moved(rename.kind, old, new)


def _moved(kind: str, old: str, new: str) -> list[str]:
    """Return a table, type, index or sequence may get another schema, another name, or both."""
    (one, before), (other, after) = (_split(each) for each in (old, new))
    statements = []
    if one != other:
        statements.append(f"ALTER {kind.upper()} {_join(one, before)} SET SCHEMA {quote(other)}")
    if before != after:
        statements.append(f"ALTER {kind.upper()} {_join(other, before)} RENAME TO {quote(after)}")
    return statements


def schema_sql(old: Side, rename: Rename) -> list[str]:
    """Return the statement that makes the schema that something moves to, if it is not there."""
    schema = _split(rename.new)[0]
    moves = not rename.of and rename.kind != "schema" and schema != _split(rename.old)[0]
    if not moves or schema == "public" or f"schema {quote(schema)}" in old.objects:
        return []
    return [f"CREATE SCHEMA {quote(schema)}"]


def schema_parts(old: Side, rename: Rename) -> list[Part]:
    """Plan that schema."""
    schema = quote(_split(rename.new)[0])
    return [
        Part(
            Stage.RENAME,
            f"Create schema {raw(schema)}",
            (source.execute(statement),),
            (source.execute(f"DROP SCHEMA {schema}"),),
        )
        for statement in schema_sql(old, rename)
    ]


def _split(name: str) -> tuple[str, str]:
    schema, _, own = name.rpartition(".")
    return schema or "public", own


def _join(schema: str, name: str) -> str:
    return quote(name) if schema == "public" else f"{quote(schema)}.{quote(name)}"


def part(rename: Rename) -> Part:
    """Plan a rename that a person has confirmed."""
    up, down = (tuple(_python(rename, back)) for back in (False, True))
    name = f"{plain(rename.of)}.{rename.old}" if rename.of else rename.old
    return Part(
        Stage.RENAME, f"Rename {name} to {rename.new}", up, down, _locked(rename), why=_why(rename),
        owes=f"{_code(rename)} on {name}: accept it with the reason why nothing says the old name"
        if _code(rename) else "",
    )  # fmt: skip


def _code(rename: Rename) -> str:
    codes = {"table", "column", "schema", "type"}
    if rename.kind == "enum value":
        return "renames-enum-value"
    return f"renames-{rename.kind}" if rename.kind in codes else ""


def _locked(rename: Rename) -> frozenset[str]:
    if rename.kind in ("column", "constraint"):
        return frozenset({rename.of})
    return frozenset({_qualified(rename.new)}) if rename.kind == "table" else frozenset()


def _qualified(name: str) -> str:
    schema, own = _split(name)
    return f"{quote(schema)}.{quote(own)}"


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
    yield from map(source.execute, sql(rename, back=back))


def _why(rename: Rename) -> str:
    if rename.kind == "column":
        return (
            "The data stay. An application that is still running the release before says "
            f"{rename.old}, and fails from here on. Where it must not: add {rename.new}, write "
            "both, fill it in batches, read it, and drop the old one a release later."
        )
    if rename.kind == "table":
        return (
            "The rows stay. An application that is still running the release before says "
            f"{rename.old}, and fails from here on. Where it must not: "
            f"CREATE VIEW {rename.old} AS SELECT * FROM {rename.new} in the same transaction, and "
            "drop the view a release later."
        )
    if rename.kind == "enum value":
        return (
            "The rows stay. An application that is still running the release before writes "
            f"{rename.old}, and fails from here on. Where it must not: add the new value, write "
            "it, and leave the old one unused."
        )
    return "Nothing but the name changes."


def derived(old: Side, new: Side, changes: Sequence[Change]) -> list[Rename]:
    """Return what has another name and nothing else: constraints, indexes, owned sequences.

    Nothing is guessed here: the definition is the same, so no data and no rule can be lost.
    """
    gone = [old.objects[each.identity] for each in changes if each.after is None]
    come = [new.objects[each.identity] for each in changes if each.before is None]
    taken: set[str] = set()
    found: list[Rename] = []
    for before in gone:
        for after in come:
            if after.identity in taken or before.kind != after.kind or before.table != after.table:
                continue
            rename = _derived(old, new, before, after)
            if rename is not None:
                taken.add(after.identity)
                found.append(rename)
                break
    return found


def _derived(old: Side, new: Side, before: CatalogObject, after: CatalogObject) -> Rename | None:
    if before.kind == "constraint" and before.table in new.tables and before.table:
        if before.definition == after.definition and (before.extra or []) == (after.extra or []):
            one, other = (raw(constraint_name(each)) for each in (before, after))
            return Rename("constraint", one, other, before.table)
    if before.kind == "index" and before.table in new.tables:
        if before.definition and source_indexes.index_sql(
            before, name="x"
        ) == source_indexes.index_sql(after, name="x"):
            return Rename("index", plain(before.name), plain(after.name))
    if before.kind == "sequence" and before.table in new.tables and before.table:
        owners = (
            {each.name for each in side.columns.values() if each.sequence == item.name}
            for side, item in ((old, before), (new, after))
        )
        if len({*map(frozenset, owners)}) == 1:
            return Rename("sequence", plain(before.name), plain(after.name))
    return None


def chosen(old: Side, new: Side, flags: Iterable[str]) -> list[tuple[str, Rename]]:
    """Read those `--rename` that can be understood now; the others may need one of these first."""
    found = []
    for flag in flags:
        try:
            found.append((flag, parse(old, new, flag)))
        except UsageError:
            continue
    return found
