"""What is done about a rename: its statements, and its place in a plan."""

from collections.abc import Iterator

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._renames import Rename
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.sql._names import literal, plain, quote, raw, shown


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
