"""Statements of a rename, and their place in a plan."""

from collections.abc import Iterator

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._renames._rename import Rename
from pybase.migrate.autogenerate._schema_snapshot import Side
from pybase.migrate.sql._names import literal, plain, quote, raw, shown


def rename_sql(rename: Rename, *, back: bool = False) -> list[str]:
    """Return the statements of a rename, or of its downgrade."""
    old, new = (rename.new, rename.old) if back else (rename.old, rename.new)
    table = shown(rename.of)
    if rename.kind == "schema":
        return [f"ALTER SCHEMA {quote(old)} RENAME TO {quote(new)}"]
    if rename.kind in ("column", "constraint"):
        kind = rename.kind.upper()
        return [f"ALTER TABLE {table} RENAME {kind} {quote(old)} TO {quote(new)}"]
    if rename.kind == "enum value":
        return [f"ALTER TYPE {table} RENAME VALUE {literal(old)} TO {literal(new)}"]
    return list(_moved(rename.kind.upper(), old, new))


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
    code = _code(rename)
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


def _code(rename: Rename) -> str:
    codes = {"table", "column", "schema", "type"}
    if rename.kind == "enum value":
        return "renames-enum-value"
    return f"renames-{rename.kind}" if rename.kind in codes else ""


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
