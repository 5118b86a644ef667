"""Objects other than columns, keys, indexes and enums, by PostgreSQL's own definitions."""

import re
from collections.abc import Iterator

from pglast import parser
from pglast.stream import RawStream

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._plan import _types as types
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_name
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql.names import literal, plain, raw, shown

_CREATE_STAGE = {
    "schema": Stage.SCHEMA,
    "extension": Stage.SCHEMA,
    "collation": Stage.SCHEMA,
    "type": Stage.TYPE,
    "domain": Stage.TYPE,
    "function": Stage.TYPE,
    "procedure": Stage.TYPE,
    "sequence": Stage.TYPE,
}
_VIEWS = ("view", "materialized view")
_FUNCTIONS = ("function", "procedure")
_ON_TABLE = ("trigger", "policy", "rule")
_DROP_STAGE = dict.fromkeys((*_VIEWS, *_ON_TABLE), Stage.VIEW_DROP) | {"comment": Stage.OTHER}


def created(side: Side, item: CatalogObject) -> Part:
    """Plan an object that only the models have."""
    return Part(
        _CREATE_STAGE.get(item.kind, Stage.OTHER), f"Create {_title(item)}",
        (*_create(side, item), *belongings(side, item)), tuple(_drop(item)),
        find=types.refused(side, item),
    )  # fmt: skip


def dropped(side: Side, item: CatalogObject) -> Part:
    """Plan the drop of an object."""
    return Part(
        _DROP_STAGE.get(item.kind, Stage.TYPE_DROP), f"Drop {_title(item)}",
        tuple(_drop(item)), (*_create(side, item), *belongings(side, item)),
        owes=f"drops-type on {plain(item.name)}: accept it with the reason why no code casts to it"
        if item.kind in ("type", "domain") else "",
    )  # fmt: skip


def _title(item: CatalogObject) -> str:
    if item.kind == "comment":
        return f"the comment on {plain(item.about.partition(' ')[2])}"
    name = shown(item.name) if item.kind in _FUNCTIONS else plain(item.name)
    return f"{item.kind} {name}"


def _create(side: Side, item: CatalogObject) -> Iterator[str]:
    if item.kind == "comment":
        yield _comment(side, item)
    elif item.kind == "constraint":
        domain, _, name = item.name.rpartition(".")
        yield source.execute(
            f"ALTER DOMAIN {shown(domain)} ADD CONSTRAINT {name} {source.readable(item.definition)}"
        )
    elif item.kind != "sequence" or item.position >= 0:
        yield source.execute(source.readable(item.definition))
        yield from source.extras(item)
    if item.kind == "domain":
        for other in side.objects.values():
            if types.is_domain_constraint(other) and other.name.rpartition(".")[0] == item.name:
                yield from _create(side, other)
    if item.kind in _VIEWS:
        yield from map(source.create_index, side.of(item.name, "index"))


def _drop(item: CatalogObject) -> Iterator[str]:
    if item.kind == "comment":
        text = parser.scan(item.definition)[-1]
        yield source.execute(f"{item.definition[: text.start]}NULL")
    elif item.kind == "constraint":
        domain, _, name = item.name.rpartition(".")
        yield source.execute(f"ALTER DOMAIN {shown(domain)} DROP CONSTRAINT {name}")
    elif item.kind in _ON_TABLE:
        name = constraint_name(item)
        yield source.execute(f"DROP {item.kind.upper()} {name} ON {shown(item.table or '')}")
    elif item.kind == "grants":
        yield from (source.execute(_ungranted(statement)) for statement in item.statements)
    elif item.kind != "owner":
        yield source.execute(f"DROP {item.kind.upper()} {shown(item.name)}")


def _ungranted(statement: str) -> str:
    if statement.startswith("REVOKE "):
        return re.sub(r" FROM (?=[^ ]+$)", " TO ", statement.replace("REVOKE ", "GRANT ", 1))
    bare = statement.removesuffix(" WITH GRANT OPTION")
    return re.sub(r" TO (?=[^ ]+$)", " FROM ", bare.replace("GRANT ", "REVOKE ", 1))


def changed(old: Side, new: Side, key: str) -> Part | str:
    """Plan another definition; a sentence where PostgreSQL cannot change one into the other."""
    before, after = old.objects[key], new.objects[key]
    kind, title = after.kind, f"Change {_title(after)}"
    if kind in ("table", "foreign table"):
        return _table(before, after)
    if kind == "sequence":
        up, down = (tuple(_alter_sequence(*p)) for p in ((before, after), (after, before)))
        tables = frozenset({after.table} if after.table else ())
        return Part(Stage.COLUMN, title, up, down, tables)
    if kind == "comment":
        return Part(Stage.OTHER, title, (_comment(new, after),), (_comment(old, before),))
    if kind in _FUNCTIONS and not is_redefined(before, after):
        up, down = (tuple(map(source.execute, item.statements)) for item in (after, before))
        return Part(Stage.TYPE, title, up, down)
    if kind == "domain":
        return types.changed_domain(old, before, after)
    if kind in (*_VIEWS, *_ON_TABLE, *_FUNCTIONS, "grants", "constraint"):
        up, down = (
            (*_drop(one), *_create(side, other), *belongings(side, other))
            for one, side, other in ((before, new, after), (after, old, before))
        )
        return Part(Stage.OTHER, title, up, down, find=types.refused(old, after))
    return f"PostgreSQL cannot change {key} in place."


def belongings(side: Side, item: CatalogObject) -> Iterator[str]:
    """Yield the comment, owner and grants of an object."""
    for other in side.objects.values():
        if other.about == item.identity and other is not item and other.kind != "comment":
            yield from map(source.execute, map(source.readable, other.statements))
    if item.kind != "column":
        comment = side.objects.get(f"comment on {item.identity}")
        yield from (source.execute(comment.definition),) if comment else ()


def is_redefined(before: CatalogObject, after: CatalogObject) -> bool:
    """Whether a function has to be dropped, as OR REPLACE keeps its result and its parameters."""
    if after.kind not in _FUNCTIONS:
        return False
    (result, names, defaults), (other, other_names, other_defaults) = map(
        _signature, (before, after)
    )
    return (result, names) != (other, other_names) or not defaults <= other_defaults


def _signature(item: CatalogObject) -> tuple[str, list[object], set[int]]:
    """Return the result, the parameters, and the places of those that have a default."""
    tree = source.parse_statement(item.definition)
    parameters = tree.parameters or ()
    names: list[object] = [(p.name, p.mode, RawStream()(p.argType)) for p in parameters]
    defaults = {place for place, one in enumerate(parameters) if one.defexpr}
    result = RawStream()(tree.returnType) if tree.returnType else ""
    return result, names, defaults


def _comment(side: Side, item: CatalogObject) -> str:
    """Return a comment, through `op` where it is on a table."""
    kind, _, name = item.about.partition(" ")
    if kind == "table" and item.about in side.objects:
        text, schema = source.comment_of(side, item.about), source.schema_option(name)
        return source.call("create_table_comment", repr(raw(name)), repr(text), schema=schema)
    return source.execute(item.definition)


# --- tables -----------------------------------------------------------------------------------


def _table(before: CatalogObject, after: CatalogObject) -> Part | str:
    one, other = source.table_parts(before), source.table_parts(after)
    if one is None or other is None:
        return f"PostgreSQL cannot change {after.identity} in place."
    if one.partition != other.partition:
        return (
            f"PostgreSQL cannot change how {plain(after.name)} is partitioned "
            f"({one.partition or 'not at all'} -> {other.partition or 'not at all'}): create a new "
            "table, copy the rows in batches, and switch over."
        )
    up, down = (
        tuple(map(source.execute, (*_settings(after.name, *parts), *_extras(after.name, *items))))
        for parts, items in (((one, other), (before, after)), ((other, one), (after, before)))
    )
    rewrites = (one.unlogged, one.method, one.tablespace) != (
        other.unlogged, other.method, other.tablespace,
    )  # fmt: skip
    return Part(
        Stage.COLUMN, f"Change the settings of {plain(after.name)}", up, down,
        frozenset({after.name}),
        owes=f"{plain(after.name)} is rewritten under a lock" if rewrites else "",
    )  # fmt: skip


def _settings(name: str, one: source.TableParts, other: source.TableParts) -> Iterator[str]:
    alter = f"ALTER TABLE {shown(name)}"
    if one.unlogged != other.unlogged:
        yield f"{alter} SET {'UNLOGGED' if other.unlogged else 'LOGGED'}"
    if one.method != other.method:
        yield f"{alter} SET ACCESS METHOD {other.method or 'heap'}"
    if one.tablespace != other.tablespace:
        yield f"{alter} SET TABLESPACE {other.tablespace or 'pg_default'}"
    given = sorted(other.storage.items() - one.storage.items())
    if given:
        yield f"{alter} SET ({', '.join(f'{key} = {literal(value)}' for key, value in given)})"
    gone = sorted(one.storage.keys() - other.storage.keys())
    if gone:
        yield f"{alter} RESET ({', '.join(gone)})"
    old, new = (set(filter(None, parts.inherits.split(", "))) for parts in (one, other))
    yield from (f"{alter} NO INHERIT {parent}" for parent in sorted(old - new))
    yield from (f"{alter} INHERIT {parent}" for parent in sorted(new - old))


def _extras(name: str, before: CatalogObject, after: CatalogObject) -> Iterator[str]:
    """Yield what changes partitions, row security and replica identity."""
    old, new = set(before.extra), set(after.extra)
    alter = f"ALTER TABLE {shown(name)}"
    for statement in sorted(old - new):
        attach, is_attached, _ = statement.partition(" ATTACH PARTITION ")
        if is_attached:
            yield f"{attach} DETACH PARTITION {name}"
        elif "FORCE ROW LEVEL" in statement:
            yield f"{alter} NO FORCE ROW LEVEL SECURITY"
        elif "ROW LEVEL" in statement:
            yield f"{alter} DISABLE ROW LEVEL SECURITY"
        elif "REPLICA IDENTITY" in statement:
            yield f"{alter} REPLICA IDENTITY DEFAULT"
    yield from (statement for statement in sorted(new - old) if not statement.startswith("--"))


# --- sequences ------------------------------------------------------------------------------


def follows(change: Change, before: CatalogObject, after: CatalogObject) -> bool:
    """Whether PostgreSQL does it by itself: a column's sequence is logged as its table is.

    That of an identity has the type of its column, and the limits of that.
    """
    if before.kind != "sequence" or not before.table:
        return False
    one, other = ((text or "").replace("UNLOGGED ", "") for text in (change.before, change.after))
    return one == other or not [*_alter_sequence(before, after), *_alter_sequence(after, before)]


_OPTIONS = {
    "as": "AS {}", "increment": "INCREMENT BY {}", "minvalue": "MINVALUE {}",
    "maxvalue": "MAXVALUE {}", "start": "START WITH {}", "cache": "CACHE {}", "cycle": "CYCLE",
}  # fmt: skip
_INTEGERS = {
    "pg_catalog.int2": ("smallint", 2**15),
    "pg_catalog.int4": ("integer", 2**31),
    "pg_catalog.int8": ("bigint", 2**63),
}
"""How people write the type of a sequence, and the first number that it does not have."""


def _alter_sequence(one: CatalogObject, other: CatalogObject) -> Iterator[str]:
    alter = f"ALTER SEQUENCE {shown(other.name)}"
    (_, old), (options, new) = map(_sequence_options, (one, other))
    words = [
        word.format(options[key]) if key in options else f"NO {word}"
        for key, word in _OPTIONS.items()
        if old.get(key) != new.get(key)
    ]
    if words:
        yield source.execute(f"{alter} {' '.join(words)}")
    if one.extra != other.extra and other.position >= 0:
        yield source.execute(other.extra[0] if other.extra else f"{alter} OWNED BY NONE")


def _sequence_options(item: CatalogObject) -> tuple[dict[str, str], dict[str, str]]:
    """Return the options of a sequence, and those of them that do not follow from its type.

    The type itself follows from that of the column where it is an identity.
    """
    options = source.parse_sequence(item.definition)
    options["as"], limit = _INTEGERS[options["as"]]
    implied = {"maxvalue": f"{limit - 1}", "minvalue": f"{-limit}"}
    if item.position < 0:
        implied["as"] = options["as"]
    return options, {key: value for key, value in options.items() if implied.get(key) != value}
