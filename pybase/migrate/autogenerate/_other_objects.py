"""Everything that is neither column, key, index nor enum: by PostgreSQL's own definitions."""

import re
from collections.abc import Iterator

from pglast import parser

from pybase.migrate.autogenerate import _source as source
from pybase.migrate.autogenerate import _source_columns as source_columns
from pybase.migrate.autogenerate import _source_indexes as source_indexes
from pybase.migrate.autogenerate._operations import Part, Stage
from pybase.migrate.autogenerate._schema_snapshot import Side, constraint_name
from pybase.migrate.autogenerate._tables import TableParts, table_parts
from pybase.migrate.catalog import CatalogObject, Change
from pybase.migrate.sql._names import literal, plain, raw, schema_of, shown

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
_DROP_STAGE = {
    "view": Stage.VIEW_DROP,
    "materialized view": Stage.VIEW_DROP,
    "trigger": Stage.VIEW_DROP,
    "policy": Stage.VIEW_DROP,
    "rule": Stage.VIEW_DROP,
    "comment": Stage.OTHER,
}


def created(side: Side, item: CatalogObject) -> Part:
    """Plan an object that only the models have."""
    return Part(
        _CREATE_STAGE.get(item.kind, Stage.OTHER), f"Create {_called(item)}",
        tuple(_made(side, item)), tuple(_dropped(item)),
    )  # fmt: skip


def dropped(side: Side, item: CatalogObject) -> Part:
    """Plan the end of an object."""
    holds = item.kind == "sequence"
    return Part(
        _DROP_STAGE.get(item.kind, Stage.TYPE_DROP), f"Drop {_called(item)}",
        tuple(_dropped(item)), tuple(_made(side, item)),
        loses=f"where the sequence {plain(item.name)} stands" if holds else "",
        owes=f"drops-type on {plain(item.name)}: accept it with the reason why nothing casts to it"
        if item.kind in ("type", "domain") else "",
    )  # fmt: skip


def _called(item: CatalogObject) -> str:
    if item.kind == "comment":
        return f"the comment on {plain(item.about.partition(' ')[2])}"
    return f"{item.kind} {plain(item.name)}"


def _made(side: Side, item: CatalogObject) -> Iterator[str]:
    if item.kind == "comment":
        yield _comment(item, item.definition, side)
        return
    if item.kind == "constraint":  # of a domain
        domain = item.name.rpartition(".")[0]
        name = item.name.rpartition(".")[2]
        yield source.execute(
            f"ALTER DOMAIN {shown(domain)} ADD CONSTRAINT {name} {_lowered(item.definition)}"
        )
        return
    if item.position < 0 and item.kind == "sequence":
        return
    for statement in item.statements:
        if not statement.startswith("--"):
            yield source.execute(statement)
    if item.kind == "domain":
        for each in side.objects.values():
            if (
                each.kind == "constraint"
                and each.name.startswith(f"{item.name}.")
                and not each.table
            ):
                yield from _made(side, each)
    if item.kind in ("view", "materialized view"):
        for each in side.of(item.name, "index"):
            yield source_indexes.create_index(each)


def _dropped(item: CatalogObject) -> Iterator[str]:
    if item.kind == "comment":
        yield source.execute(re.sub(r" IS E?'.*'$", " IS NULL", item.definition, flags=re.DOTALL))
    elif item.kind == "constraint":
        domain, _, name = item.name.rpartition(".")
        yield source.execute(f"ALTER DOMAIN {shown(domain)} DROP CONSTRAINT {name}")
    elif item.kind in ("trigger", "policy", "rule"):
        name = constraint_name(item)
        yield source.execute(f"DROP {item.kind.upper()} {name} ON {shown(item.table or '')}")
    elif item.kind == "grants":
        for statement in item.statements:
            yield source.execute(_ungranted(statement))
    elif item.kind != "owner":
        yield source.execute(f"DROP {item.kind.upper()} {shown(item.name)}")


def _ungranted(statement: str) -> str:
    if statement.startswith("REVOKE "):
        return re.sub(r" FROM (?=[^ ]+$)", " TO ", statement.replace("REVOKE ", "GRANT ", 1))
    plain_ = statement.removesuffix(" WITH GRANT OPTION")
    return re.sub(r" TO (?=[^ ]+$)", " FROM ", plain_.replace("GRANT ", "REVOKE ", 1))


def changed(old: Side, new: Side, key: str) -> Part | str:
    """Plan another definition; a sentence where there is no way from one to the other."""
    before, after = old.objects[key], new.objects[key]
    kind = after.kind
    if kind in ("table", "foreign table"):
        return _table(before, after)
    if kind == "sequence":
        return _sequence(before, after)
    if kind == "comment":
        return Part(
            Stage.OTHER, f"Change {_called(after)}",
            (_comment(after, after.definition, new),), (_comment(before, before.definition, old),),
        )  # fmt: skip
    if kind in ("function", "procedure"):
        up, down = (tuple(map(source.execute, each.statements)) for each in (after, before))
        return Part(Stage.TYPE, f"Change {_called(after)}", up, down)
    if kind == "domain":
        return _domain(before, after)
    if kind in ("view", "materialized view", "trigger", "policy", "rule", "grants", "constraint"):
        drop = tuple(_dropped(before))
        return Part(
            Stage.OTHER, f"Change {_called(after)}",
            (*drop, *_made(new, after)), (*_dropped(after), *_made(old, before)),
        )  # fmt: skip
    return f"PostgreSQL cannot change {key} in place."


def _comment(item: CatalogObject, sql: str, side: Side) -> str:
    """Return a comment, through `op` where it is on a table."""
    kind, _, name = item.about.partition(" ")
    text = source.comment_of(side, item.about)
    if kind == "table" and text is not None and item.about in side.objects:
        schema = source.schema_option(name)
        return source.call("create_table_comment", repr(raw(name)), repr(text), schema=schema)
    return source.execute(sql)


# --- tables -----------------------------------------------------------------------------------


def _table(before: CatalogObject, after: CatalogObject) -> Part | str:
    one, other = table_parts(before), table_parts(after)
    if one is None or other is None:
        return f"PostgreSQL cannot change {after.identity} in place."
    if one.partition != other.partition:
        return (
            f"PostgreSQL cannot change how {plain(after.name)} is partitioned "
            f"({one.partition or 'not at all'} -> {other.partition or 'not at all'}): make a new "
            "table, copy the rows in batches, and switch over."
        )
    up = tuple(_settings(after.name, before, after, one, other))
    down = tuple(_settings(after.name, after, before, other, one))
    rewrites = (one.unlogged, one.method, one.tablespace) != (
        other.unlogged, other.method, other.tablespace,
    )  # fmt: skip
    return Part(
        Stage.COLUMN, f"Change the settings of {plain(after.name)}", up, down,
        frozenset({after.name}),
        owes=f"{plain(after.name)} is written anew under a lock" if rewrites else "",
    )  # fmt: skip


def _settings(
    name: str, before: CatalogObject, after: CatalogObject, one: TableParts, other: TableParts
) -> Iterator[str]:
    alter = f"ALTER TABLE {shown(name)}"
    if one.unlogged != other.unlogged:
        yield source.execute(f"{alter} SET {'UNLOGGED' if other.unlogged else 'LOGGED'}")
    if one.method != other.method:
        yield source.execute(f"{alter} SET ACCESS METHOD {other.method or 'heap'}")
    if one.tablespace != other.tablespace:
        yield source.execute(f"{alter} SET TABLESPACE {other.tablespace or 'pg_default'}")
    given = {key: value for key, value in other.storage.items() if one.storage.get(key) != value}
    if given:
        listed = ", ".join(f"{key} = {literal(value)}" for key, value in sorted(given.items()))
        yield source.execute(f"{alter} SET ({listed})")
    gone = sorted(one.storage.keys() - other.storage.keys())
    if gone:
        yield source.execute(f"{alter} RESET ({', '.join(gone)})")
    was, now = (set(filter(None, each.inherits.split(", "))) for each in (one, other))
    yield from (source.execute(f"{alter} NO INHERIT {each}") for each in sorted(was - now))
    yield from (source.execute(f"{alter} INHERIT {each}") for each in sorted(now - was))
    yield from _beside(name, before, after)


def _beside(name: str, before: CatalogObject, after: CatalogObject) -> Iterator[str]:
    """Yield what stands beside the definition: partitions, row security, replica identity."""
    was, now = set(before.extra or ()), set(after.extra or ())
    for statement in sorted(was - now):
        attached = re.match(r"ALTER TABLE (.+?) ATTACH PARTITION (\S+)", statement)
        if attached:
            yield source.execute(f"ALTER TABLE {attached[1]} DETACH PARTITION {attached[2]}")
        elif "FORCE ROW LEVEL" in statement:
            yield source.execute(f"ALTER TABLE {shown(name)} NO FORCE ROW LEVEL SECURITY")
        elif "ROW LEVEL" in statement:
            yield source.execute(f"ALTER TABLE {shown(name)} DISABLE ROW LEVEL SECURITY")
        elif "REPLICA IDENTITY" in statement:
            yield source.execute(f"ALTER TABLE {shown(name)} REPLICA IDENTITY DEFAULT")
    for statement in sorted(now - was):
        if not statement.startswith("--"):
            yield source.execute(statement)


def _lowered(check: str) -> str:
    """Write VALUE, the one name that PostgreSQL shows in upper case, as every other name."""
    tokens = parser.scan(check)
    for token in reversed(tokens):
        if check[token.start : token.end + 1] == "VALUE":
            check = f"{check[: token.start]}value{check[token.end + 1 :]}"
    return check


# --- sequences and domains --------------------------------------------------------------------


def follows(change: Change, item: CatalogObject) -> bool:
    """Whether PostgreSQL does it by itself: a column's sequence is logged as its table is."""
    if item.kind != "sequence" or not item.table:
        return False
    one, other = ((each or "").replace("UNLOGGED ", "") for each in (change.before, change.after))
    return one == other


def _sequence(before: CatalogObject, after: CatalogObject) -> Part:
    up, down = (tuple(_resequenced(*pair)) for pair in ((before, after), (after, before)))
    return Part(
        Stage.COLUMN, f"Change sequence {plain(after.name)}", up, down,
        frozenset({after.table} if after.table else ()),
    )  # fmt: skip


def _resequenced(one: CatalogObject, other: CatalogObject) -> Iterator[str]:
    alter = f"ALTER SEQUENCE {shown(other.name)}"
    type_ = re.search(r" AS (\w+) ", other.definition)
    kind = f"AS {type_[1]} " if type_ and other.position >= 0 else ""
    yield source.execute(f"{alter} {kind}{source_columns.sequence_options(other.definition)}")
    if (one.extra or []) != (other.extra or []) and other.position >= 0:
        yield source.execute(other.extra[0] if other.extra else f"{alter} OWNED BY NONE")


_DOMAIN = re.compile(
    r"CREATE DOMAIN (?P<name>\S+) AS (?P<type>.+?)(?: DEFAULT (?P<default>.+?))?"
    r"(?P<null> NOT NULL)?"
)


def _domain(before: CatalogObject, after: CatalogObject) -> Part | str:
    one, other = (_DOMAIN.fullmatch(each.definition) for each in (before, after))
    if not one or not other or one["type"] != other["type"]:
        return f"PostgreSQL cannot change the base type of {plain(after.name)} in place."
    up, down = (tuple(_redomained(after.name, *pair)) for pair in ((one, other), (other, one)))
    return Part(Stage.ENUM, f"Change domain {plain(after.name)}", up, down)


def _redomained(name: str, one: re.Match[str], other: re.Match[str]) -> Iterator[str]:
    alter = f"ALTER DOMAIN {shown(name)}"
    if one["default"] != other["default"]:
        action = f"SET DEFAULT {other['default']}" if other["default"] else "DROP DEFAULT"
        yield source.execute(f"{alter} {action}")
    if one["null"] != other["null"]:
        yield source.execute(f"{alter} {'SET' if other['null'] else 'DROP'} NOT NULL")


def schema_name(name: str) -> str:
    """Return the schema of a qualified name, public among them."""
    return schema_of(name) or "public"
